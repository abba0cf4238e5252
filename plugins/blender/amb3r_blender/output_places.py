# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folder a reconstruction goes to, so that no shoot overwrites another. Standard library only; no Blender."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

SOURCES_FILE = ".amb3r_sources.json"
"""In the folder that holds scenes: what each of them was made from."""
HOME_FOLDER = "AMB3R Scenes"
"""In the user's home: scenes of .blend files that are not saved yet. Never the extension's own folder, which goes with it."""


def scenes_folder(blend_file: str, chosen: str, home: Path) -> Path:
    """Where scenes go: beside a saved .blend, else to the folder chosen in the preferences, else into the user's home."""
    if blend_file:
        return Path(blend_file).parent / "amb3r"
    return Path(chosen) if chosen else home / HOME_FOLDER


def scene_name(inputs: Sequence[str]) -> str:
    """A scene's name after what it is made from: a folder, a video, or the folder of photos; of letters that any disk takes."""
    first = Path(inputs[0])
    name = first.name if first.is_dir() else first.stem if len(inputs) == 1 else first.parent.name
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "scene"


def place_for(folder: Path, inputs: Sequence[str]) -> Path:
    """The scene folder for these inputs: the one they had before, else a new one; never one that holds anything else.

    Remembers it in `SOURCES_FILE`. Makes `folder` when it is not there. Raises `OSError` when it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [os.path.abspath(path) for path in inputs]
    sources = _sources(folder)
    name = next((name for name, made_from in sources.items() if made_from == wanted), None)
    if name is None:
        name = _free_name(folder, scene_name(inputs), sources)
        _remember(folder, {**sources, name: wanted})
    return folder / name


def _free_name(folder: Path, name: str, sources: dict[str, list[str]]) -> str:
    candidate, number = name, 1
    while candidate in sources or (folder / candidate).exists():
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _sources(folder: Path) -> dict[str, list[str]]:
    """What each scene was made from; a file that cannot be read tells nothing, so that every name in use stays as it is."""
    try:
        found: object = json.loads((folder / SOURCES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    entries = cast(dict[object, object], found).items() if isinstance(found, dict) else ()
    lists = {name: cast(list[object], value) for name, value in entries if isinstance(name, str) and isinstance(value, list)}
    return {name: [str(path) for path in value] for name, value in lists.items()}


def _remember(folder: Path, sources: dict[str, list[str]]) -> None:
    partial = folder / f"{SOURCES_FILE}.partial"
    partial.write_text(json.dumps(sources, indent=1), encoding="utf-8")
    partial.replace(folder / SOURCES_FILE)
