"""The extension as a package: built, small, pure, and telling its licence."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.paths import ROOT

PLUGIN = ROOT / "plugins" / "blender"
SOURCE = PLUGIN / "amb3r_blender"
MODULES = sorted(SOURCE.glob("*.py"))
ALLOWED = {"bpy", "bpy_extras", "mathutils", "numpy"} | set(sys.stdlib_module_names)
FORBIDDEN = {"socket", "urllib", "http", "ssl", "ftplib", "pip", "ensurepip", "venv"}
PURE = {
    "camera_math", "camera_files", "engine", "failures", "ground", "job", "options", "points_file", "relief", "scene_file",
    "scene_text", "tags", "timeline", "__init__",
}  # fmt: skip


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_blender_numpy_and_the_standard_library_are_imported(path: Path) -> None:
    assert _imports(path) <= ALLOWED - FORBIDDEN


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_names_its_licence(path: Path) -> None:
    assert path.read_text().startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")


@pytest.mark.parametrize("name", sorted(PURE))
def test_what_needs_no_blender_does_not_import_it(name: str) -> None:
    imported = [line for line in (SOURCE / f"{name}.py").read_text().splitlines() if line.startswith(("import ", "from "))]
    own = {line.split()[1].lstrip(".") for line in imported if line.startswith("from .")}
    assert not {"bpy", "mathutils", "bpy_extras"} & _imports(SOURCE / f"{name}.py")
    assert own <= PURE


def test_drawing_touches_no_disk() -> None:
    assert not {"os", "pathlib", "shutil", "glob"} & _imports(SOURCE / "ui.py")


def test_the_manifest_asks_for_files_only_and_ships_nothing() -> None:
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text())
    assert set(manifest["permissions"]) == {"files"}
    assert "wheels" not in manifest
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["blender_version_min"] == "4.5.0"
    assert "GNU GENERAL PUBLIC LICENSE" in (SOURCE / "LICENSE").read_text()


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")
def test_the_zip_builds_validates_and_is_small(tmp_path: Path) -> None:
    command = [sys.executable, str(PLUGIN / "tools" / "build.py"), "--output", str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    [archive] = tmp_path.glob("*.zip")
    assert archive.stat().st_size < 100_000
    names = set(zipfile.ZipFile(archive).namelist())
    assert {"blender_manifest.toml", "__init__.py", "LICENSE"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".whl"))]
