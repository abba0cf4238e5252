"""Which files of a folder are photos, and what photos are called in a scene."""

import os
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from amb3r_core.storage.places import is_own

MAX_FOLDER_DEPTH = 4
"""How many folders deep photos are looked for below the folder that the user names."""
NO_PHOTOS = re.compile(r"(mask|depth|normal|thumb|thumbnail|segmentation|label)s?([ _.-].*)?", re.IGNORECASE)
"""Folders whose images accompany photos and are none."""
NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that break lines or cannot be written: control, surrogate, line and paragraph separator."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts 2 before 10: digits compare as numbers, the rest without case."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def may_hold_photos(folder: Path) -> bool:
    """Whether photos may lie in a folder: not in hidden ones, our own scenes, or what accompanies photos (masks, depth)."""
    if folder.name.startswith(".") or NO_PHOTOS.fullmatch(folder.name):
        return False
    return os.access(folder, os.R_OK | os.X_OK) and not is_own(folder)


def images_below(folder: Path, suffixes: Collection[str], may_enter: Callable[[Path], bool] = may_hold_photos) -> list[Path]:
    """The image files in a folder and the folders below it that may be entered, a folder linked twice only once."""
    found: list[Path] = []
    seen: set[str] = set()
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        if os.path.realpath(place) in seen:
            continue
        seen.add(os.path.realpath(place))
        entries = sorted(place.iterdir())
        found += [entry for entry in entries if is_image_name(entry.name, suffixes) and not entry.is_dir()]
        if depth < MAX_FOLDER_DEPTH:
            waiting += [(entry, depth + 1) for entry in reversed(entries) if entry.is_dir() and may_enter(entry)]
    return found


def is_image_name(name: str, suffixes: Collection[str]) -> bool:
    """Whether a file of this name is an image, not a hidden file or a camera's side file."""
    return Path(name).suffix.lower() in suffixes and not name.startswith(".")


def without_twins(paths: Sequence[Path]) -> list[Path]:
    """Each file once, however its path is spelt (`a.jpg`, `./a.jpg`, `../here/a.jpg`); the first spelling stays."""
    by_place: dict[Path, Path] = {}
    for path in paths:
        by_place.setdefault(_place(path), path)
    return list(by_place.values())


def photo_names(paths: Sequence[Path]) -> list[str]:
    """One clean relative name per photo: the file's name, with as many of its folders as it takes to tell all photos apart.

    A name has forward slashes, no empty part, no `.` and no `..`; what cannot stand in a text line or a UTF-8 file is written
    as `%` and its hexadecimal code.
    """
    parts = [_place(path).parts[1:] for path in paths]
    for n_parts in range(1, max((len(each) for each in parts), default=0) + 1):
        names = ["/".join(_clean(part) for part in each[-n_parts:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return _numbered(["/".join(_clean(part) for part in each) for each in parts])


def shown(path: Path) -> str:
    """A path as it can be printed on one line of any UTF-8 terminal."""
    return "".join(_escaped(letter) if unicodedata.category(letter) in NOT_IN_NAMES else letter for letter in str(path))


def _place(path: Path) -> Path:
    """Where a file lies: its folder without links and dots, and its own name."""
    return Path(os.path.realpath(path.parent)) / path.name


def _clean(part: str) -> str:
    return "".join(_escaped(letter) if _is_unfit(letter) else letter for letter in part)


def _is_unfit(letter: str) -> bool:
    return letter in "/\\" or unicodedata.category(letter) in NOT_IN_NAMES


def _escaped(letter: str) -> str:
    if 0xDC80 <= ord(letter) <= 0xDCFF:
        return f"%{ord(letter) - 0xDC00:02X}"  # a byte that is no UTF-8, as Python hands it over (PEP 383)
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))


def _numbered(names: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    unique: list[str] = []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{stem}_{number}{dot}{suffix}"
        taken.add(candidate)
        unique.append(candidate)
    return unique
