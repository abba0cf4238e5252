"""The arrows that must never be drawn, read from the imports of every file."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.paths import ROOT

CORE = ROOT / "amb3r_core"
PLUGINS = {
    "amb3r_nerfstudio": ROOT / "plugins" / "nerfstudio",
    "amb3r_blender": ROOT / "plugins" / "blender",
    "amb3r_open3d": ROOT / "plugins" / "open3d",
}
HOSTS = {"bpy", "nerfstudio", "open3d"}
SCENE_HALF = {
    *("errors", "progress", "optional", "conventions", "geometry", "scene", "staging"),
    *("depth_maps", "gravity", "visibility", "thinning", "fusion", "tracks", "export"),
}
IMPORT_CALLS = {"import_module", "require", "__import__"}
FILE_CALLS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "unlink", "rmtree", "savez", "memmap"}


def sources(*places: Path) -> list[Path]:
    return sorted(path for place in places for path in ([place] if place.is_file() else place.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_names(node: ast.AST, path: Path) -> Iterator[str]:
    """Dotted names one import statement, or one call with a literal module name, brings in."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
            base = ".".join([*package, *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in IMPORT_CALLS and isinstance(node.args[0].value, str):
            yield node.args[0].value


@cache
def imports(path: Path, *, static_only: bool = False) -> frozenset[str]:
    """What a file imports anywhere in it; static_only: leaves out imports by name (`require`) and for type checking."""
    names: set[str] = set()
    skipped = {id(child) for node in type_checking_blocks(path) for child in ast.walk(node)} if static_only else set()
    for node in ast.walk(tree(path)):
        if id(node) not in skipped and not (static_only and isinstance(node, ast.Call)):
            names.update(imported_names(node, path))
    return frozenset(names)


def type_checking_blocks(path: Path) -> list[ast.If]:
    blocks = [node for node in ast.walk(tree(path)) if isinstance(node, ast.If)]
    return [node for node in blocks if ast.unparse(node.test).endswith("TYPE_CHECKING")]


def offenders(paths: list[Path], *forbidden: str, static_only: bool = False) -> list[str]:
    """Files that import one of the forbidden packages, or something in it."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imports(path, static_only=static_only))
        if any(name == one or name.startswith(one + ".") for one in forbidden)
    ]


def scene_half() -> list[Path]:
    return sources(*(CORE / part if part == "export" else CORE / f"{part}.py" for part in SCENE_HALF))


def test_there_is_something_to_judge():
    assert len(scene_half()) > 20
    assert "amb3r_core.scene.PinholeCamera" in imports(CORE / "fusion.py") | imports(CORE / "visibility.py")


def test_the_scene_half_imports_the_standard_library_numpy_and_itself():
    allowed = {*sys.stdlib_module_names, "numpy"}
    for path in scene_half():
        for name in imports(path, static_only=True):
            top, _, rest = name.partition(".")
            is_ours = top == "amb3r_core" and rest.partition(".")[0] in SCENE_HALF
            assert is_ours or top in allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_the_core_knows_no_host_and_no_plugin():
    assert offenders(sources(CORE), *HOSTS, *PLUGINS, "plugins") == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_do_not_know_one_another(plugin: str):
    others = [name for name in PLUGINS if name != plugin]
    other_hosts = {"amb3r_nerfstudio": "nerfstudio", "amb3r_blender": "bpy", "amb3r_open3d": "open3d"}
    assert offenders(sources(PLUGINS[plugin]), *others, *(HOSTS - {other_hosts[plugin]})) == []


def test_the_blender_extension_brings_no_network():
    assert offenders(sources(PLUGINS["amb3r_blender"]), "torch", "torchvision") == []


def test_models_know_no_pipeline_no_export_and_no_command_line():
    later = ["amb3r_core.pipelines", "amb3r_core.export", "amb3r_core.cli", "amb3r_core.staging"]
    assert offenders(sources(CORE / "models"), *later) == []


def test_only_weights_their_manifest_and_the_scratch_of_colmap_touch_files():
    for path in sources(CORE / "models", CORE / "voxel"):
        if path.stem.startswith(("weights", "manifest")) or "colmap" in path.parts:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert name not in FILE_CALLS, f"{path.relative_to(ROOT)}:{node.lineno} calls {name}"


def test_voxels_know_no_cameras():
    cameras = ["scene", "conventions", "geometry", "images", "models", "pipelines", "fusion", "export", "cli"]
    assert offenders(sources(CORE / "voxel"), *(f"amb3r_core.{name}" for name in cameras)) == []


def test_pipelines_write_no_files_parse_no_arguments_and_name_no_model():
    models = [f"amb3r_core.models.{path.name}" for path in (CORE / "models").iterdir() if path.is_dir()]
    outside = ["argparse", "tyro", "rich", "amb3r_core.cli", "amb3r_core.export", "amb3r_core.staging"]
    assert offenders(sources(CORE / "pipelines"), *outside, *models) == []


def test_the_command_line_computes_nothing_and_starts_without_torch():
    files = sources(CORE / "cli", CORE / "__init__.py")
    assert offenders(files, "numpy", "cv2", static_only=True) == []
    for path in files:
        at_start = {name for node in tree(path).body for name in imported_names(node, path)}
        assert not {name for name in at_start if name.partition(".")[0] == "torch"}, path


def test_nothing_happens_on_import():
    for path in sources(CORE, *PLUGINS.values()):
        for node in tree(path).body:
            is_work = isinstance(node, ast.For | ast.While | ast.With | ast.Delete)
            is_call = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
            if is_work or is_call:
                pytest.fail(f"{path.relative_to(ROOT)}:{node.lineno} does work on import")


def test_no_tensor_is_sent_to_a_named_device():
    for path in sources(CORE, *PLUGINS.values()):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr != "cuda", f"{path.relative_to(ROOT)}:{node.lineno} calls .cuda()"
