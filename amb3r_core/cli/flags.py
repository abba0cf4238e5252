"""How the command line spells the options that the core's messages name in Python's words (see `errors`)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from inspect import signature

from amb3r_core.options import ReconstructOptions

MENTION = re.compile(r"`(?P<name>[a-z]\w*)(?:=(?P<value>[^`]*))?`")
QUOTED = re.compile(r"""(["'])(.*?)\1""")


def flag_of(name: str) -> str:
    """The flag of an option: `long_side` is --long-side."""
    return f"--{name.replace('_', '-')}"


CORE_FLAGS: Mapping[str, str] = {field.name: flag_of(field.name) for field in fields(ReconstructOptions)}
"""Flag by option of every command that reconstructs."""


def flags_of(command: Callable[..., object]) -> dict[str, str]:
    """Flag by option of a command: its own parameters (a dataclass: its fields) and the core's options."""
    own: dict[str, str] = {}
    for name, parameter in signature(command).parameters.items():
        default: object = parameter.default
        names = [field.name for field in fields(default)] if is_dataclass(default) else [name]
        own |= {option: flag_of(option) for option in names}
    return {**CORE_FLAGS, **own}


def as_flags(text: str, flags: Mapping[str, str] = CORE_FLAGS) -> str:
    """The text with each option in backticks as its flag: `masks` is --masks, `backend=False` --no-backend.

    flags: flag by option. What is no option of theirs stays as it is.
    """

    def spelled(mention: re.Match[str]) -> str:
        flag, value = flags.get(mention["name"]), mention["value"]
        if flag is None:
            return mention[0]
        if value in (None, "True"):
            return flag
        if value == "False":
            return f"--no-{flag.removeprefix('--')}"
        return f"{flag} {QUOTED.sub(lambda quoted: quoted[2], value)}"

    return MENTION.sub(spelled, text)
