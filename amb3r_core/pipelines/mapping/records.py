"""Files of records: arrays of one shape, read and written by index, on any system.

Records are read and written, not mapped, so that a long scene does not sit in memory. A folder of such files closes them
together: Windows removes and replaces no file that is open or mapped.
"""

import mmap
import shutil
import tempfile
import threading
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from amb3r_core.errors import ResourceError


class RecordFile:
    """Arrays of one shape in one file, by index; a record that was never written is zero."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: DTypeLike, *, keep: object = None) -> None:
        """keep: stays alive as long as an array that `mapped` gave out."""
        self._path, self._keep = path, keep
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._size = int(np.prod(shape)) * self._dtype.itemsize
        self._lock = threading.Lock()
        try:
            path.touch()
            self._file = path.open("r+b", buffering=0)
        except OSError as error:
            raise _not_writable(error) from error
        weakref.finalize(self, self._file.close)

    def read(self, index: int) -> NDArray[np.generic]:
        """A copy of one record."""
        data = bytearray(self._size)
        rest = memoryview(data)
        with self._lock:
            self._file.seek(index * self._size)
            while len(rest) and (n_read := self._file.readinto(rest)):
                rest = rest[n_read:]
        return np.frombuffer(data, dtype=self._dtype).reshape(self._shape)

    def write(self, index: int, values: NDArray[np.generic]) -> None:
        """Replaces one record. Raises `ResourceError` when the disk is full."""
        rest = memoryview(values.astype(self._dtype).tobytes())
        try:
            with self._lock:
                self._file.seek(index * self._size)
                while len(rest):
                    rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _not_writable(error) from error

    def mapped(self, n_records: int) -> NDArray[np.generic]:
        """The first records (N, ...) as a read-only memory map, which outlives `close`; they must have been written."""
        if n_records == 0:
            return np.zeros((0, *self._shape), dtype=self._dtype)
        with self._path.open("rb") as file:
            mapping = mmap.mmap(file.fileno(), n_records * self._size, access=mmap.ACCESS_READ)
        weakref.finalize(mapping, _release, self._keep)
        return np.frombuffer(mapping, dtype=self._dtype).reshape(n_records, *self._shape)

    def close(self) -> None:
        """Ends reading and writing."""
        self._file.close()


class RecordFolder:
    """A folder and the record files in it, which close with it.

    path: where a later run finds them again. None: a temporary folder, which goes when neither this object nor a mapped array
    needs it any more.
    """

    def __init__(self, path: Path | None) -> None:
        self._temporary = None
        if path is None:
            self._temporary = _TemporaryFolder()
            path = self._temporary.path
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._files: list[RecordFile] = []

    def open(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> RecordFile:
        """The file of this name; a new one where there is none."""
        file = RecordFile(self.path / name, shape, dtype, keep=self._temporary)
        self._files.append(file)
        return file

    def close(self) -> None:
        """Closes all files."""
        for file in self._files:
            file.close()


class _TemporaryFolder:
    """A new folder that is removed with the last reference to this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="amb3r-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _release(_: object) -> None:
    """Lets go of what a finalizer has kept alive."""


def _not_writable(error: OSError) -> ResourceError:
    return ResourceError(f"the work folder cannot be written: {error}; choose another output place")
