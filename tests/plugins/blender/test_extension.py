"""The extension as a package: built, small, pure, and telling its licence."""

import ast
import importlib.util
import os
import shutil
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
DOOR = "core"
"""The one module that names the core."""
PURE = {
    "camera_math", "camera_files", "core", "engine", "failures", "ground", "job", "opened_scene", "options", "points_table",
    "relief", "tags", "timeline", "__init__",
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
    door = {"amb3r_core"} if path.stem == DOOR else set()
    assert _imports(path) <= (ALLOWED | door) - FORBIDDEN


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


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built and validated zip."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("bpy is not installed")
    folder = tmp_path_factory.mktemp("zip")
    command = [sys.executable, str(PLUGIN / "tools" / "build.py"), "--output", str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    [path] = folder.glob("*.zip")
    return path


def test_the_zip_is_small_and_holds_sources_alone(archive: Path) -> None:
    assert archive.stat().st_size < 150_000
    names = set(zipfile.ZipFile(archive).namelist())
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "vendor/amb3r_core/scene_folder/reader.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".whl"))]


def test_the_core_is_carried_with_its_licence_and_needs_numpy_alone(archive: Path) -> None:
    with zipfile.ZipFile(archive) as files:
        carried = [name for name in files.namelist() if name.startswith("vendor/") and name.endswith(".py")]
        texts = {name: files.read(name).decode() for name in carried}
        assert "Apache License" in files.read("vendor/amb3r_core/LICENSE").decode()
    for name, text in texts.items():
        nodes = list(ast.walk(ast.parse(text)))
        imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
        assert {module.split(".")[0] for module in imported} <= (set(sys.stdlib_module_names) | {"numpy"}) - FORBIDDEN, name
        if text.count("\n") > 12:
            assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n# Part of amb3r_core "), name


STRICT = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Nothing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("amb3r_core", "amb3r_blender", "torch"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Nothing())
import bpy

archive, scene = sys.argv[1:]
bpy.ops.wm.read_homefile(use_empty=True)
done = bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True, overwrite=True)
assert done == {"FINISHED"}, done
assert bpy.ops.import_scene.amb3r(filepath=scene, relief=True) == {"FINISHED"}
views = [thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "view"]
assert [view["amb3r_view"] for view in views] == ["IMG_0001.jpg", "IMG_0003.jpg", "IMG_0005.jpg"]
assert len(next(iter(bpy.data.pointclouds)).points) == 2057
assert len([thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "relief"]) == 3
loaded = [name for name in sys.modules if name.partition(".")[0] == "amb3r_core"]
assert not loaded, loaded
home = Path(sys.modules["bl_ext.user_default.amb3r.vendor.amb3r_core.scene_folder.reader"].__file__)
print("carried:", home.is_relative_to(Path(bpy.utils.user_resource("EXTENSIONS"))))
"""


def test_the_built_extension_imports_a_scene_where_no_core_can_be_imported(archive: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    environment.pop("PYTHONPATH", None)
    scene = ROOT / "tests" / "data" / "scene_v1"
    command = [sys.executable, "-c", STRICT, str(archive), str(scene)]
    finished = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=240, check=False
    )
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
    assert "carried: True" in finished.stdout


@pytest.mark.parametrize("line", ["import amb3r_core", "from amb3r_core import load_scene", "import amb3r_core.errors as e"])
def test_an_import_that_cannot_be_made_relative_stops_the_build(tmp_path: Path, line: str) -> None:
    shutil.copytree(SOURCE, tmp_path / "staged", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "staged" / "core.py").write_text(f"{line}\n")
    spec = importlib.util.spec_from_file_location("blender_vendor", PLUGIN / "tools" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    vendor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vendor)
    with pytest.raises(vendor.VendorError, match=r"core\.py:1: write `from amb3r_core\.x import y`"):
        vendor.vendor_core(tmp_path / "staged", ROOT)
