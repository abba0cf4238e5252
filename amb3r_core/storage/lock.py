"""One run at a time: a lock file that the system lets go of when its process dies, however it dies.

Written here and not taken from a library, because this folder needs the standard library alone and the second run wants to say
which process the first one is.
"""

import errno
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from amb3r_core.errors import InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LONGEST_NUMBER = 20
"""Characters of a process's number that are read from a lock file."""
LOCKED_BYTE = 1 << 20
"""Windows locks bytes and lets nobody read them: this one lies behind the number."""
NO_LOCKS_HERE = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})

log = logging.getLogger(__name__)


@contextmanager
def locked(path: Path, target: Path) -> Generator[None]:
    """Holds the lock file `path`, which goes with the block, for a run that writes `target`.

    Raises `InputError` naming the process that holds it already. Where a file system has no locks, nothing is held.
    """
    file = _acquired(path, target)
    try:
        with suppress(OSError):  # a full disk: the lock holds without the number
            os.ftruncate(file, 0)
            os.write(file, str(os.getpid()).encode())
        yield
    finally:
        _release(file, path)


def _release(file: int, path: Path) -> None:
    if sys.platform == "win32":
        os.close(file)
        with suppress(OSError):  # the next run has it open already
            path.unlink()
        return
    try:
        path.unlink(missing_ok=True)  # before it is let go, so that nobody locks a file that is about to go
    finally:
        os.close(file)


def _acquired(path: Path, target: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _try_lock(file):
                raise InputError(f"{target}: another run{_holder(file)} is writing this; wait for it or choose another output")
            if _is_file_at(file, path):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _try_lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(file, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS_HERE:
            return False
        log.info("this file system has no locks: %s", error)
    return True


def _is_file_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one at its path, and not one that its last holder took away."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _holder(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    number = os.read(file, LONGEST_NUMBER).decode("ascii", errors="replace")
    return f" (process {number})" if number.isdecimal() else ""
