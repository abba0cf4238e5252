"""Copying a file so that the copy can be edited alone."""

import errno
import os
import shutil
import sys
from pathlib import Path

CHUNK_BYTES = 1 << 30
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.EBADF, errno.ETXTBSY})


def copy_file(source: Path, target: Path) -> None:
    """Writes the bytes of `source` to `target`, sharing their blocks on disk where the file system can (Btrfs, XFS, ZFS).

    Never a link: who edits the copy must not edit the original.
    """
    if sys.platform == "linux" and _copied_in_the_kernel(source, target):
        return
    shutil.copyfile(source, target)


def _copied_in_the_kernel(source: Path, target: Path) -> bool:
    """Whether the kernel copied all of it; `copy_file_range` shares blocks where it can."""
    if sys.platform != "linux":
        return False
    with source.open("rb") as reading, target.open("wb") as writing:
        left = os.fstat(reading.fileno()).st_size
        while left > 0:
            try:
                n_copied = os.copy_file_range(reading.fileno(), writing.fileno(), min(left, CHUNK_BYTES))
            except OSError as error:
                if error.errno in _UNSUPPORTED:
                    return False
                raise
            if n_copied == 0:
                return False
            left -= n_copied
    return True
