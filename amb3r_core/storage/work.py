"""The work folder of one job: what a killed run leaves for the next one of the same input and options."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from amb3r_core.errors import Amb3rError, ResourceError

KEY_FILE = "job.json"


def job_key(inputs: Sequence[Path], options: object, version: str) -> str:
    """SHA-256 of everything a result depends on: options, version, and each file's path, size and time of change."""
    files = [file for path in inputs for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]
    facts = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps([version, repr(options), facts]).encode()).hexdigest()


@contextmanager
def work_folder(target: Path | None, key: str, *, resume: bool) -> Generator[Path]:
    """A folder for intermediate files, beside `target` (a temporary one when None).

    It is removed at success and when the input is at fault. It stays after a cancel, a kill or a full disk, and the next run with
    the same key goes on from it; with another key, or resume=False, it starts empty.
    """
    if target is None:
        with tempfile.TemporaryDirectory(prefix="amb3r-") as folder:
            yield Path(folder)
        return
    folder = target.parent / f".{target.name}.work"
    _open(folder, key, resume)
    try:
        yield folder
    except ResourceError:
        raise
    except Amb3rError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _open(folder: Path, key: str, resume: bool) -> None:
    key_file = folder / KEY_FILE
    try:
        if folder.exists() and not (resume and key_file.is_file() and json.loads(key_file.read_text()).get("key") == key):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        key_file.write_text(json.dumps({"key": key}))
    except (OSError, ValueError) as error:
        raise ResourceError(f"{folder}: the work folder cannot be written: {error}; choose another output place") from error
