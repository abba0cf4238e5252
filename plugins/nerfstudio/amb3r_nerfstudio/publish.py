"""A dataset put into its folder as a whole: written inside it in a hidden folder, moved in at the end, transforms.json last."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from amb3r_core import InputError, as_resource_errors
from amb3r_core.export.notes import SIDECAR_NAME
from amb3r_core.storage.places import Place, checked_target
from amb3r_core.storage.staging import staged
from amb3r_core.storage.swap import tidy

TRANSFORMS = "transforms.json"
DATASET_MARK = "nerfstudio"
"""What `amb3r.json` says in a folder whose dataset may be replaced."""
OURS = re.compile(
    r"(images|masks)(_\d+)?|depth|confidence|depths_\d+|depth_debug|preview\.png|colmap|sparse_pc\.ply|splat_init\.ply|transforms\.json|amb3r\.json"
)
"""What a dataset consists of; everything else in the folder (photos, training outputs) is never touched."""


def check_target(folder: Path) -> None:
    """`InputError` when a dataset cannot be written to `folder`, or would replace files that are not ours."""
    folder = checked_target(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file is here already, but a dataset is a folder; choose another `output_dir`")
    if not folder.is_dir() or is_ours(folder):
        return
    foreign = [path.name for path in _place(folder).entries(folder) if not (path.is_dir() and not any(path.iterdir()))]
    if foreign:
        raise InputError(
            f"{folder}: holds {', '.join(foreign)} that no earlier run of this command wrote; choose another `output_dir`"
        )


def is_ours(folder: Path) -> bool:
    """Whether an earlier run wrote the dataset in this folder, or was killed while it moved one in."""
    if _place(folder).hidden("finished").is_dir():
        return True
    try:
        return json.loads((folder / SIDECAR_NAME).read_text(encoding="utf-8")).get("dataset") == DATASET_MARK
    except (FileNotFoundError, ValueError):
        return False


@contextmanager
def published(folder: Path) -> Generator[Path]:
    """An empty folder to write the dataset into; its parts replace those of an earlier run when the block succeeds.

    When the block fails, the earlier dataset stays as it was. A run killed while the parts are moved leaves no transforms.json;
    the next one to the same folder first moves the rest.
    """
    check_target(folder)
    with as_resource_errors(folder):
        place = _place(folder)
        place.target.mkdir(parents=True, exist_ok=True)
        tidy(place)
        with staged(place) as partial:
            yield partial


def _place(folder: Path) -> Place:
    return Place(target=checked_target(folder), is_inside=True, names=OURS, last=frozenset({TRANSFORMS}))
