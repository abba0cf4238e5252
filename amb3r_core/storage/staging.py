"""Outputs that appear whole or not at all: written to a hidden place on the target's disk, moved into place at the end.

A run that fails, is cancelled or is killed leaves the target as it was; the next run to the same target tidies what a killed
one left. One run at a time writes a target.
"""

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from amb3r_core.errors import Amb3rError, InputError, RegistrationError, ResourceError
from amb3r_core.storage.lock import locked
from amb3r_core.storage.places import KINDS, Place, file_place, folder_place, is_empty, is_own
from amb3r_core.storage.swap import put_in_place, remove, tidy

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL_DISK_WORDS = ("requested and", os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG), "disk is full")
"""How libraries tell of a full disk that lose the system's code: numpy, worker processes, SQLite."""
_NEARLY_NOTHING = 1 << 16
"""Free bytes of a disk on which nothing can be written."""


@contextmanager
def staged_folder(target: Path, *, overwrite: bool = False) -> Generator[Path]:
    """A new empty folder that becomes `target` at success and is removed at failure.

    A folder that is there and empty is filled. Raises `InputError` when something else is there (with `overwrite`: only when
    it is not one of ours) or another run is writing it, `ResourceError` when the disk is full or the place is read-only.
    """
    with claimed_folder(target, overwrite=overwrite) as place, staged(place) as partial:
        yield partial


@contextmanager
def staged_file(target: Path, *, overwrite: bool = False) -> Generator[Path]:
    """A path beside `target` to write one file to, which becomes `target` at success and is removed at failure.

    Raises as `staged_folder` does; an existing file needs `overwrite`.
    """
    with as_resource_errors(target):
        place = file_place(target)
        _check_replaceable(place.target, overwrite=overwrite, folder=False)
        with _claimed(place):
            partial = place.hidden("partial")
            remove(partial)
            try:
                yield partial
                _replace_file(partial, place.target)
            finally:
                remove(partial)


@contextmanager
def claimed_folder(target: Path, *, overwrite: bool = False) -> Generator[Place]:
    """The place of a folder that this run alone may write, tidied of what a killed run left there.

    Raises as `staged_folder` does.
    """
    with as_resource_errors(target), claimed(target) as place:
        tidy(place)
        _check_replaceable(place.target, overwrite=overwrite, folder=True)
        yield place


@contextmanager
def claimed(target: Path) -> Generator[Place]:
    """The place of a folder that this run alone may write, as it is. Raises `InputError`, also when another run has it."""
    place = folder_place(target)
    if place.target.exists() and not place.target.is_dir():
        _check_replaceable(place.target, overwrite=False, folder=True)
    with _claimed(place):
        yield place


@contextmanager
def staged(place: Place) -> Generator[Path]:
    """A new empty folder that takes the place at success and is removed at failure.

    The block itself may put it in place (`swap.put_in_place`), before something else in it ends.
    """
    partial = place.hidden("partial")
    with as_resource_errors(place.target):
        remove(partial)
        partial.mkdir()
        try:
            yield partial
        except BaseException:
            remove(partial)
            raise
        if partial.exists():
            put_in_place(place)


@contextmanager
def as_resource_errors(target: Path) -> Generator[None]:
    """Turns a full disk or a missing permission inside the block into a `ResourceError`.

    It names `target`, or the file that may not be read where that is no file of the output's.
    """
    try:
        yield
    except Exception as error:
        if _tells_of_a_full_disk(error, target):
            raise ResourceError(f"{target}: the disk is full; free some space or choose another output") from error
        if isinstance(error, OSError) and error.errno in _FORBIDDEN:
            foreign = _foreign_file(error, target)
            if foreign is not None:
                raise ResourceError(f"{foreign}: no permission to use it ({error.strerror})") from error
            raise ResourceError(f"{target}: no permission to write here ({error.strerror}); choose another output") from error
        raise


@contextmanager
def _claimed(place: Place) -> Generator[None]:
    place.target.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.hidden("lock"), place.target):
        yield


def _replace_file(partial: Path, target: Path) -> None:
    try:
        partial.replace(target)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        shutil.copyfile(partial, target)  # a mounted file can be filled, not replaced


def _check_replaceable(target: Path, *, overwrite: bool, folder: bool) -> None:
    if not os.path.lexists(target):
        return
    if folder != target.is_dir():
        kind, wanted = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise InputError(f"{target}: a {kind} is here already, but the output is a {wanted}; choose another name")
    if folder and is_empty(target):
        return
    if not overwrite:
        raise InputError(f"{target}: exists already; choose another output or pass `overwrite=True`", option="overwrite")
    if folder and not is_own(target):
        raise InputError(f"{target}: not overwritten, because AMB3R did not write this folder; remove it yourself")


def _tells_of_a_full_disk(error: Exception, target: Path) -> bool:
    """Whether the disk is what is at fault; other errors the user can mend stay what they are, however full it is."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _DISK_FULL
    if isinstance(error, Amb3rError) and not isinstance(error, (ResourceError, RegistrationError)):
        return False
    return any(words in str(error) for words in _FULL_DISK_WORDS) or _free_bytes(target) < _NEARLY_NOTHING


def _free_bytes(target: Path) -> int:
    disk = shutil.disk_usage(next(path for path in (target, *target.absolute().parents) if path.exists()))
    return disk.free if disk.total else _NEARLY_NOTHING


def _foreign_file(error: OSError, target: Path) -> Path | None:
    """The file of the error, unless it lies at the output or holds it."""
    if not isinstance(error.filename, (str, bytes)):
        return None
    file, target = Path(os.path.abspath(os.fsdecode(error.filename))), Path(os.path.abspath(target))
    places = (Place(target=target), Place(target=Path(os.path.realpath(target))))
    ours = [path for place in places for path in (place.target, *(place.hidden(kind) for kind in KINDS))]
    is_ours = any(file.is_relative_to(path) or path.is_relative_to(file) for path in ours)
    return None if is_ours else file
