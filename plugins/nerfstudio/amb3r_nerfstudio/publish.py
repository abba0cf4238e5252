"""A dataset put into its folder as a whole: written aside, moved in at the end, transforms.json last."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from amb3r_core.errors import InputError
from amb3r_core.export.notes import SIDECAR_NAME
from amb3r_core.storage.staging import as_resource_errors, remove

TRANSFORMS = "transforms.json"
PARTIAL = ".amb3r.partial"
DATASET_MARK = "nerfstudio"
"""What `amb3r.json` says in a folder whose dataset may be replaced."""
OURS = re.compile(
    r"(images|masks)(_\d+)?|depth|depths_\d+|depth_debug|preview\.png|colmap|sparse_pc\.ply|splat_init\.ply|transforms\.json|amb3r\.json"
)
"""What a dataset consists of; everything else in the folder (photos, training outputs) is never touched."""


def check_target(folder: Path) -> None:
    """`InputError` when a dataset written to `folder` would replace files that are not ours."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file is here already, but a dataset is a folder; choose another `output_dir`")
    foreign = [] if is_ours(folder) else [path.name for path in _parts(folder) if not (path.is_dir() and not any(path.iterdir()))]
    if foreign:
        raise InputError(
            f"{folder}: holds {', '.join(foreign)} that no earlier run of this command wrote; choose another `output_dir`"
        )


def is_ours(folder: Path) -> bool:
    """Whether an earlier run wrote the dataset in this folder."""
    try:
        return json.loads((folder / SIDECAR_NAME).read_text(encoding="utf-8")).get("dataset") == DATASET_MARK
    except (FileNotFoundError, ValueError):
        return False


@contextmanager
def published(folder: Path) -> Generator[Path]:
    """An empty folder to write the dataset into; its parts replace those of an earlier run when the block succeeds.

    When the block fails, the earlier dataset stays as it was. A run killed while the parts are moved leaves no transforms.json.
    """
    check_target(folder)
    with as_resource_errors(folder):
        partial = folder / PARTIAL
        remove(partial)
        partial.mkdir(parents=True)
        try:
            yield partial
            _move_in(partial, folder)
        finally:
            remove(partial)


def _move_in(partial: Path, folder: Path) -> None:
    remove(folder / TRANSFORMS)
    (partial / SIDECAR_NAME).replace(folder / SIDECAR_NAME)  # first, so that a killed move is known to be ours
    for old in _parts(folder):
        if old.name != SIDECAR_NAME:
            remove(old)
    for new in sorted(partial.iterdir()):
        if new.name != TRANSFORMS:
            new.replace(folder / new.name)
    (partial / TRANSFORMS).replace(folder / TRANSFORMS)


def _parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if OURS.fullmatch(path.name)) if folder.is_dir() else []
