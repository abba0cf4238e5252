"""What import-linter's contracts (see `pyproject.toml`) cannot say about the code."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

from tests.paths import ROOT

CORE = ROOT / "amb3r_core"
PLUGINS = {
    "amb3r_nerfstudio": ROOT / "plugins" / "nerfstudio",
    "amb3r_blender": ROOT / "plugins" / "blender",
    "amb3r_open3d": ROOT / "plugins" / "open3d",
}
HOSTS = {"bpy", "nerfstudio", "open3d"}
NUMPY_ALONE = ("scene", "scene_folder", "storage")
"""Folders that run in an interpreter which has numpy and nothing else."""
IMPORT_CALLS = {"import_module", "require", "__import__"}
FILE_CALLS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "unlink", "rmtree", "savez", "memmap"}
MAX_ENTRIES_AT_THE_ROOT = 20


def sources(*places: Path) -> list[Path]:
    return sorted(path for place in places for path in ([place] if place.is_file() else place.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def call_name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def imported_by_name(path: Path) -> Iterator[str]:
    """Modules that a file imports by a literal name (`require("open3d")`), which no reader of import statements sees."""
    for node in ast.walk(tree(path)):
        is_import = isinstance(node, ast.Call) and call_name(node) in IMPORT_CALLS and node.args
        if is_import and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            yield node.args[0].value


@cache
def import_graph() -> grimp.ImportGraph:
    """Every import of the core, those inside functions and for type checking alone included."""
    return grimp.build_graph("amb3r_core", include_external_packages=True, exclude_type_checking_imports=False)


@pytest.mark.parametrize("folder", NUMPY_ALONE)
def test_folders_for_numpy_alone_import_the_standard_library_numpy_and_our_own(folder: str):
    allowed = {*sys.stdlib_module_names, "numpy", "amb3r_core"}
    graph = import_graph()
    modules = graph.find_descendants(f"amb3r_core.{folder}")
    assert modules
    for module in modules:
        imported = graph.find_modules_directly_imported_by(module)
        assert {name for name in imported if name.partition(".")[0] not in allowed} == set(), module


def test_the_core_imports_no_host_by_name():
    for path in sources(CORE):
        library = {"open3d"} if path.is_relative_to(CORE / "surface") else set()  # there Open3D is a library like any other
        hosts = (HOSTS | set(PLUGINS)) - library
        assert {name for name in imported_by_name(path) if name.partition(".")[0] in hosts} == set(), path


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_import_no_host_but_their_own_by_name(plugin: str):
    others = HOSTS - {{"amb3r_nerfstudio": "nerfstudio", "amb3r_blender": "bpy", "amb3r_open3d": "open3d"}[plugin]}
    for path in sources(PLUGINS[plugin]):
        assert not others & {name.partition(".")[0] for name in imported_by_name(path)}, path


def test_only_weights_their_manifest_and_the_scratch_of_colmap_touch_files():
    for path in sources(CORE / "models", CORE / "voxel"):
        if path.stem.startswith(("weights", "manifest")) or "colmap" in path.parts:
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                assert call_name(node) not in FILE_CALLS, f"{path.relative_to(ROOT)}:{node.lineno} calls {call_name(node)}"


def test_the_command_line_starts_without_torch():
    for path in sources(CORE / "cli", CORE / "__init__.py"):
        for node in tree(path).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not {name for name in [module, *names] if name.partition(".")[0] == "torch"}, path


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
                names = [*node.args, *(keyword.value for keyword in node.keywords)]
                is_move = node.func.attr in ("to", "device")
                literal = {name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str)}
                assert not (is_move and any(text.startswith("cuda") for text in literal)), f"{path}:{node.lineno}"


def test_the_core_has_few_rooms_and_each_says_what_lives_there():
    entries = [entry for entry in CORE.iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= MAX_ENTRIES_AT_THE_ROOT
    packages = [path for path in sources(CORE) if path.name == "__init__.py" and path.parent != CORE]
    for path in packages:
        assert len((ast.get_docstring(tree(path)) or "").splitlines()) >= 3, f"{path.relative_to(ROOT)} says too little"
