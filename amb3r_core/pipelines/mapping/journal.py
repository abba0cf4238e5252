"""The journal of an incremental pipeline: its state after the last finished step, in one file that is replaced whole."""

import json
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from amb3r_core.errors import ResourceError
from amb3r_core.pipelines.mapping.codec import Record

KEY = "journal key"
"""The array that holds the key."""

log = logging.getLogger(__name__)


class Journal:
    """One record in a folder. key: what the record depends on; one with another key is not taken up."""

    def __init__(self, folder: Path, key: Mapping[str, object]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.npz"
        self._key = json.dumps(key, sort_keys=True)

    def load(self) -> Record | None:
        """The last record; None when there is none of this key, or none that can be read."""
        if not self._path.is_file():
            return None
        try:
            with self._path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                record: Record = {name: file[name] for name in file.files}
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            log.warning("%s cannot be read (%s): the work starts anew", self._path, error)
            return None
        key = record.pop(KEY, None)
        return record if key is not None and str(key) == self._key else None

    def save(self, record: Record) -> None:
        """Replaces the record. Raises `ResourceError` when the disk is full."""
        unfinished = self._path.with_name("journal.partial.npz")
        arrays: Record = {**record, KEY: np.array(self._key)}
        try:
            with unfinished.open("wb") as file:
                np.savez(file, **arrays)  # pyright: ignore[reportArgumentType] - no key is `allow_pickle`
            unfinished.replace(self._path)
        except OSError as error:
            raise ResourceError(f"{self._path.parent}: the journal cannot be written: {error}") from error
