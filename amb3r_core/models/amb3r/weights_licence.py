"""Under which licences weights come, as far as their authors say, and what that means for commercial use."""

from dataclasses import dataclass
from typing import Literal

Commercial = Literal["allowed", "forbidden", "not granted"]
"""Whether commercial use is allowed, ruled out, or just never granted, which in law is ruled out too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence in the words shown to the user."""

    text: str
    commercial: Commercial


KNOWN: dict[str, Licence] = {
    "amb3r": Licence(
        text="no licence stated: all rights reserved, ask the authors; treat as non-commercial", commercial="not granted"
    ),
    "vggt-1b": Licence(text="VGGT-1B licence: non-commercial use only", commercial="forbidden"),
    "vggt-1b-commercial": Licence(
        text="VGGT-1B-Commercial licence: its own terms, commercial use within them", commercial="allowed"
    ),
}
PERMISSIVE = frozenset({"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0"})
"""SPDX identifiers that allow commercial use."""
UNKNOWN = Licence(text="not stated; treat as non-commercial", commercial="not granted")


def find_licence(stated: str | None, default: str) -> Licence:
    """The licence a user stated: a name in KNOWN, an SPDX identifier or free text; that of `default` when none is stated."""
    if stated is None:
        return KNOWN.get(default, UNKNOWN)
    if stated.lower() in KNOWN:
        return KNOWN[stated.lower()]
    is_permissive = stated.lower() in PERMISSIVE
    forbids = "-nc" in stated.lower() or "non-commercial" in stated.lower() or "noncommercial" in stated.lower()
    return Licence(text=stated, commercial="allowed" if is_permissive else "forbidden" if forbids else "not granted")
