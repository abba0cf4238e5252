"""Where an output may go, and where the hidden files live that a run keeps until it is whole.

A folder that is there already (a mounted one, above all) can often be neither renamed nor removed, and its parent may be
read-only or another disk: everything hidden lives inside it then. Otherwise it lives beside the target.
"""

import errno
import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from amb3r_core.errors import InputError

Kind = Literal["partial", "finished", "replacing", "replaced", "work", "lock"]
KINDS: tuple[Kind, ...] = ("partial", "finished", "replacing", "replaced", "work", "lock")
OWN_MARKS = ("scene.amb3r", "amb3r.json")
"""A folder that holds one of these files was written by this software, so overwriting it destroys nobody's photos."""
NOBODYS = frozenset({"lost+found", ".DS_Store"})
"""What systems put into a folder that its user calls empty."""
MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An output's target, with a link to it followed, and whether its hidden files live inside it or beside it."""

    target: Path
    is_inside: bool = False
    names: re.Pattern[str] | None = None
    """What the output consists of, where other things may stand in its folder; None: everything there."""
    last: frozenset[str] = frozenset(OWN_MARKS)
    """Files whose presence says that the output is whole."""

    def entries(self, folder: Path) -> list[Path]:
        """What of a folder belongs to the output, sorted, with what says that it is whole at the end."""
        ours = [path for path in visible(folder) if self.names is None or self.names.fullmatch(path.name)]
        return sorted(ours, key=lambda path: (path.name in self.last, path.name))

    def hidden(self, kind: Kind) -> Path:
        """A hidden file or folder of this output, on the same disk; its name is one that every disk takes."""
        if self.is_inside:
            return self.target / f".amb3r.{kind}"
        name = f".{self.target.name}.{kind}"
        if len(os.fsencode(name)) > MAX_NAME_BYTES:
            name = f".amb3r-{hashlib.sha256(os.fsencode(self.target.name)).hexdigest()[:16]}.{kind}"
        return self.target.with_name(name)


def folder_place(target: Path) -> Place:
    """The place of a folder. Raises `InputError` when nothing can be written there, whoever asks."""
    inside = Place(target=checked_target(target), is_inside=True)
    if not inside.target.is_dir():
        return replace(inside, is_inside=False)
    is_begun = any(os.path.lexists(inside.hidden(kind)) for kind in KINDS)
    return replace(inside, is_inside=is_begun or is_empty(inside.target) or _is_fixed(inside.target))


def file_place(target: Path) -> Place:
    """The place of a file. Raises as `folder_place` does."""
    return Place(target=checked_target(target))


def checked_target(target: Path) -> Path:
    """The absolute path of a target, with a link to it followed. Raises `InputError` for one that cannot be written."""
    target = Path(os.path.abspath(target))
    _check_name(target)
    below = next(parent for parent in target.parents if os.path.lexists(parent))
    if not below.is_dir():
        raise InputError(f"{target}: {below} is not a folder, so nothing can be written below it; choose another output")
    if not target.is_symlink():
        return target
    if not target.exists():
        raise InputError(f"{target}: a link to {os.readlink(target)}, which does not exist; choose another output")
    return Path(os.path.realpath(target))


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, without hidden files of ours and what systems put there; sorted."""
    ours = {f".amb3r.{kind}" for kind in KINDS}
    return sorted(path for path in folder.iterdir() if path.name not in ours | NOBODYS)


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing of its user's."""
    return not visible(folder)


def is_own(folder: Path) -> bool:
    """Whether this software wrote the folder."""
    return any((folder / mark).is_file() for mark in OWN_MARKS)


def _check_name(target: Path) -> None:
    if not target.name:
        raise InputError(f"{target}: this is a whole disk, not a name for an output")
    try:
        str(target).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(target).decode("utf-8", errors="backslashreplace")
        raise InputError(f"{shown}: this name is not UTF-8; choose another output") from None
    if len(os.fsencode(target.name)) > MAX_NAME_BYTES:
        raise InputError(f"{target}: this name has more than {MAX_NAME_BYTES} bytes; choose a shorter one")


def _is_fixed(folder: Path) -> bool:
    """Whether a folder that is not empty can be neither renamed nor removed, as one that is mounted or in a read-only folder.

    Removing a folder that holds something always fails, and how it fails tells: no list of mounts knows every case.
    """
    try:
        folder.rmdir()
    except OSError as error:
        return error.errno not in (errno.ENOTEMPTY, errno.EEXIST)
    folder.mkdir()  # somebody emptied it at this moment
    return False
