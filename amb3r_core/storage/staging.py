"""Outputs that appear whole or not at all: written beside their target, renamed into place at the end.

A run that fails, is cancelled or is killed leaves the target as it was. What a killed run leaves behind is a hidden sibling
named `.NAME.partial`, which the next run to the same target removes.
"""

import errno
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from amb3r_core.errors import InputError, ResourceError

OWN_MARKS = ("scene.amb3r", "amb3r.json")
"""A folder that holds one of these files was written by this software, so overwriting it destroys nobody's photos."""

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def staged_folder(target: Path, *, overwrite: bool = False) -> Generator[Path]:
    """A new empty folder beside `target`, renamed to `target` at success and removed at failure.

    An empty folder at `target` is taken over. Raises `InputError` when something else is there (with `overwrite`: only when
    it is not one of ours), `ResourceError` when the disk is full or the place is read-only.
    """
    target = Path(os.path.abspath(target))
    _check_replaceable(target, overwrite=overwrite, folder=True)
    with _staged(target) as partial:
        partial.mkdir()
        yield partial


@contextmanager
def staged_file(target: Path, *, overwrite: bool = False) -> Generator[Path]:
    """A path beside `target` to write one file to, renamed to `target` at success and removed at failure.

    Raises as `staged_folder` does; an existing file needs `overwrite`.
    """
    target = Path(os.path.abspath(target))
    _check_replaceable(target, overwrite=overwrite, folder=False)
    with _staged(target) as partial:
        yield partial


@contextmanager
def as_resource_errors(target: Path) -> Generator[None]:
    """Turns a full disk or a missing permission inside the block into a `ResourceError` that names `target`."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise ResourceError(f"{target}: the disk is full; free some space or choose another output") from error
        if error.errno in _FORBIDDEN:
            raise ResourceError(f"{target}: no permission to write here ({error.strerror}); choose another output") from error
        raise


def remove(path: Path) -> None:
    """Removes a file or a whole folder; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _staged(target: Path) -> Generator[Path]:
    partial = target.with_name(f".{target.name}.partial")
    with as_resource_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(partial)
        try:
            yield partial
            _replace(partial, target)
        except BaseException:
            remove(partial)
            raise


def _replace(partial: Path, target: Path) -> None:
    """Puts `partial` in the place of `target`; a folder there is moved aside first and put back if that fails."""
    if not target.is_dir():
        partial.replace(target)
        return
    old = target.with_name(f".{target.name}.replaced")
    remove(old)
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        old.rename(target)
        raise
    remove(old)


def _check_replaceable(target: Path, *, overwrite: bool, folder: bool) -> None:
    if not target.name:
        raise InputError(f"{target}: this is a whole disk, not a name for an output")
    if not os.path.lexists(target):
        return
    if folder != target.is_dir():
        kind, wanted = ("folder", "file") if target.is_dir() else ("file", "folder")
        raise InputError(f"{target}: a {kind} is here already, but the output is a {wanted}; choose another name")
    if folder and not any(target.iterdir()):
        return
    if not overwrite:
        raise InputError(f"{target}: exists already; choose another output or pass `overwrite=True`", option="overwrite")
    if folder and not any((target / mark).is_file() for mark in OWN_MARKS):
        raise InputError(f"{target}: not overwritten, because AMB3R did not write this folder; remove it yourself")
