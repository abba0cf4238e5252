"""The work folder of one job: what a run that stopped leaves for the next one of the same input and options."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import cast

from amb3r_core.errors import RegistrationError, ResourceError
from amb3r_core.storage.atomic import write_text_whole
from amb3r_core.storage.places import Place, checked_target, folder_place
from amb3r_core.storage.staging import as_resource_errors

KEY_FILE = "job.json"
READERS = 4
"""Files that are read at a time: hashing is as fast as the disk then."""

log = logging.getLogger(__name__)


def job_key(inputs: Sequence[Path], options: object, version: str) -> str:
    """SHA-256 of everything a result depends on: the version, the options, and the paths and contents of all files.

    Files are the inputs and every path that stands in the options, at any depth of dataclasses, lists and dicts; a folder stands
    for all files below it. Times of change do not count.
    """
    files = dict.fromkeys(file for path in (*inputs, *_paths_in(options)) for file in _files_of(path))
    with ThreadPoolExecutor(READERS) as pool:
        facts = [(str(file.resolve()), digest) for file, digest in zip(files, pool.map(content_digest, files), strict=True)]
    return hashlib.sha256(json.dumps([version, repr(options), facts]).encode()).hexdigest()


def content_digest(file: Path) -> str:
    """A digest of the bytes in a file, without its name."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def work_folder(target: Path | None, key: str, *, resume: bool) -> Generator[Path]:
    """A folder for intermediate files, hidden at the place of the output `target` (a temporary one when None).

    It is removed at success, when the photos cannot be placed, and when nothing was kept in it yet. Else it stays, and the next
    run with the same key goes on from it; with another key, or resume=False, it starts empty.
    """
    if target is None:
        # The result may still be mapped from here; Windows then keeps those files until they are let go.
        with tempfile.TemporaryDirectory(prefix="amb3r-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    folder = _place(target)
    _open(folder, key, resume)
    try:
        with as_resource_errors(target):  # so that what a full disk looks like does not cost the folder
            yield folder
    except RegistrationError:
        _remove(folder)
        raise
    except BaseException:
        if not any(path.is_file() and path != folder / KEY_FILE for path in folder.rglob("*")):
            _remove(folder)
        raise
    _remove(folder)


def _place(target: Path) -> Path:
    """Beside the target where a work folder is already, else where the output's hidden files live."""
    beside = Place(target=checked_target(target)).hidden("work")
    return beside if beside.is_dir() else folder_place(target).hidden("work")


def _open(folder: Path, key: str, resume: bool) -> None:
    try:
        if resume and _key_of(folder) == key:
            return
        _remove(folder)
        folder.mkdir(parents=True)
        write_text_whole(folder / KEY_FILE, json.dumps({"key": key}))
    except OSError as error:
        raise ResourceError(f"{folder}: the work folder cannot be written: {error}; choose another output place") from error


def _key_of(folder: Path) -> str | None:
    path = folder / KEY_FILE
    if not path.is_file():
        return None
    try:
        return str(cast(dict[str, object], json.loads(path.read_bytes()))["key"])
    except (ValueError, KeyError, TypeError):
        log.warning("%s cannot be read: the earlier run's work is not used", path)
        return None


def _remove(folder: Path) -> None:
    """Removes the folder, its key first, so that what is left of a half removed one is not taken up."""
    (folder / KEY_FILE).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=os.name == "nt")  # Windows keeps what a result maps; a later run removes it


def _paths_in(value: object) -> list[Path]:
    if isinstance(value, Path):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        return [path for field in fields(value) for path in _paths_in(getattr(value, field.name))]
    if isinstance(value, dict):
        return [path for part in cast(dict[object, object], value).values() for path in _paths_in(part)]
    if isinstance(value, (list, tuple)):
        return [path for part in cast(Sequence[object], value) for path in _paths_in(part)]
    return []


def _files_of(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path] if path.is_file() else []
