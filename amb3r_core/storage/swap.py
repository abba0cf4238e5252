"""How a finished folder takes its target's place, so that a run killed at any step leaves the old output or the new one whole.

A folder that is whole is first renamed to `finished`. From then on every run that comes to the same target, whatever it was
asked, brings the swap to its end before it does anything else. What is replaced loses its marks first when it is removed, so
that half of an output never passes for one.
"""

import errno
import shutil
from pathlib import Path

from amb3r_core.storage.places import OWN_MARKS, Place, is_empty, is_own

_NOT_MOVABLE = frozenset({errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM})


def put_in_place(place: Place) -> None:
    """Makes the folder `partial`, which is whole, the target; what is there is replaced."""
    partial, finished = place.hidden("partial"), place.hidden("finished")
    remove(finished)
    partial.rename(finished)
    _swap(place)


def tidy(place: Place) -> None:
    """Ends what a killed run had begun: a finished output takes its place, an old one comes back, the rest goes."""
    if place.hidden("finished").is_dir():
        _swap(place)
    old = place.hidden("replaced")
    if not place.is_inside and is_own(old) and not place.target.exists():
        old.rename(place.target)
    for leftover in (old, place.hidden("replacing"), place.hidden("partial")):
        remove(leftover)


def remove(path: Path) -> None:
    """Removes a file or a whole folder, the marks of an output first; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        for mark in OWN_MARKS:
            (path / mark).unlink(missing_ok=True)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _swap(place: Place) -> None:
    if place.is_inside:
        _fill(place)
        return
    target, finished, old = place.target, place.hidden("finished"), place.hidden("replaced")
    if target.is_dir():
        if not (is_own(target) or is_empty(target)):
            return  # somebody else's since the run that finished: nothing of theirs is touched
        remove(old)
        try:
            target.rename(old)
        except OSError as error:
            if error.errno not in _NOT_MOVABLE:
                raise
            _move_inside(finished, target)
            return
    finished.rename(target)
    remove(old)


def _move_inside(finished: Path, target: Path) -> None:
    """Fills a target that turned out not to be movable, from a folder that may lie on another disk."""
    inside = Place(target=target, is_inside=True)
    tidy(inside)
    shutil.move(finished, inside.hidden("partial"))
    put_in_place(inside)


def _fill(place: Place) -> None:
    """Moves the old entries out of the target and the new ones in, each by one rename; what says whole goes first, comes last.

    `replacing` takes the old entries and becomes `replaced` when all are out: what is visible is then new.
    """
    target, finished = place.target, place.hidden("finished")
    replacing, replaced = place.hidden("replacing"), place.hidden("replaced")
    if not replaced.is_dir():
        replacing.mkdir(exist_ok=True)
        for old in reversed(place.entries(target)):
            old.replace(replacing / old.name)
        replacing.rename(replaced)
    for new in place.entries(finished):
        new.replace(target / new.name)
    finished.rmdir()
    remove(replaced)
