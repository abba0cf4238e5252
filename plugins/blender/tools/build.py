"""Builds the extension's zip with Blender's own tool, and validates folder and zip: `python plugins/blender/tools/build.py`.

The zip holds a copy of the core's scene reader (see `vendor.py`). Needs the `bpy` package in the Python that runs it; prints the
zip's path and size.
"""

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from vendor import VendorError, vendor_core

PLUGIN = Path(__file__).resolve().parent.parent
SOURCE = PLUGIN / "amb3r_blender"
PROJECT = PLUGIN.parent.parent
OUTPUT = PROJECT / "dist"
LARGEST_ZIP = 150_000
"""About 105 kB are in it, a third of them the core's reader."""


class BuildError(Exception):
    """The extension cannot be built; the message says why."""


def build(output: Path = OUTPUT) -> Path:
    """The validated zip in folder `output`. Raises `BuildError`."""
    tool = _extension_tool()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / SOURCE.name
        shutil.copytree(SOURCE, staged, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            vendor_core(staged, PROJECT)
        except VendorError as error:
            raise BuildError(str(error)) from error
        _run(tool, "validate", str(staged))
        _run(tool, "build", "--source-dir", str(staged), "--output-dir", str(output))
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text())
    archive = output / f"{manifest['id']}-{manifest['version']}.zip"
    _run(tool, "validate", str(archive))
    size = archive.stat().st_size
    if size >= LARGEST_ZIP:
        raise BuildError(f"{archive} has {size} bytes; it must stay under {LARGEST_ZIP}")
    return archive


def _extension_tool() -> Path:
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise BuildError("this Python has no bpy: pip install bpy")
    tools = list(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not tools:
        raise BuildError(f"no blender_ext.py beside {spec.origin}")
    return tools[0]


def _run(tool: Path, *arguments: str) -> None:
    finished = subprocess.run([sys.executable, str(tool), *arguments], capture_output=True, text=True, check=False, timeout=120)
    if finished.returncode != 0:
        raise BuildError(f"{arguments[0]} failed: {(finished.stdout + finished.stderr).strip()}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="folder for the zip")
    try:
        archive = build(parser.parse_args().output)
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{archive} ({archive.stat().st_size} bytes)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
