# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -c amb3r PHOTOS -o scene.blend`: from photos to a .blend without a window, for farms and scripts."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

import argparse
import sys
from pathlib import Path

import bpy

from .props import MODELS, QUALITIES

COMMAND = "amb3r"


def run(arguments: list[str]) -> int:
    """Reconstructs (or imports a scene that is there) and saves; 0 done, 1 an error that was told on the error stream."""
    given = _parser().parse_args(arguments)
    blend = Path(given.output).absolute()
    blend.parent.mkdir(parents=True, exist_ok=True)
    if not given.add_to_start_file:
        bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    try:
        _make(given)
    except RuntimeError as error:
        sys.stderr.write(f"{str(error).strip()}\n")
        return 1
    bpy.ops.wm.save_mainfile()
    sys.stdout.write(f"amb3r: saved {blend}\n")
    return 0


def _make(given: argparse.Namespace) -> None:
    """Raises RuntimeError with the report of the operator that failed."""
    paths = [str(Path(path).absolute()) for path in given.inputs]
    if len(paths) == 1 and (paths[0].endswith(".amb3r") or (Path(paths[0]) / "scene.amb3r").is_file()):
        bpy.ops.import_scene.amb3r(filepath=paths[0])
        return
    settings = bpy.context.scene.amb3r
    settings.model, settings.quality = given.model, given.quality.upper()
    settings.output_path = str(Path(given.scene).absolute()) if given.scene else ""
    settings.input_path = paths[0]
    for path in paths if len(paths) > 1 else ():
        settings.input_files.add().path = path
    bpy.ops.amb3r.reconstruct()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"blender -c {COMMAND}", description="Photos or a video to a .blend")
    parser.add_argument("inputs", nargs="+", help="folder of photos, photos, a video, or a scene to import")
    parser.add_argument("-o", "--output", required=True, help=".blend file to write")
    parser.add_argument("--scene", help="scene folder to write; beside the .blend when not given")
    parser.add_argument("--model", choices=[item[0] for item in MODELS], default="auto")
    parser.add_argument("--quality", choices=[item[0].lower() for item in QUALITIES], default="standard")
    parser.add_argument("--add-to-start-file", action="store_true", help="keep what the start-up file holds")
    return parser
