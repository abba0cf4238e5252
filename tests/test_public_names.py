"""The public names of the core: one list, all of them there, and a short way in for hosts."""

import ast
import re
from importlib import import_module

import pytest

import amb3r_core
from tests.paths import ROOT

DOORS = ("amb3r_core.cli.host", "amb3r_core.scene.", "amb3r_core.export.", "amb3r_core.storage.")
"""Where plugins may enter beside `amb3r_core`; the contract in pyproject.toml says which modules, and from where."""
MOST_DEEP_MODULES = 21


@pytest.mark.parametrize("name", amb3r_core.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(amb3r_core, name) is not None


def test_the_names_for_type_checkers_are_the_public_ones() -> None:
    tree = ast.parse((ROOT / "amb3r_core" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted(imported) == sorted([*amb3r_core.__all__, "__version__"])
    for name, home in imported.items():
        assert getattr(import_module(home or ""), name) is getattr(amb3r_core, name)


def test_plugins_enter_by_few_doors() -> None:
    deep: set[str] = set()
    for plugin in ("nerfstudio", "open3d"):
        for path in (ROOT / "plugins" / plugin).rglob("*.py"):
            deep |= set(re.findall(r"^\s*from (amb3r_core\S*) import", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert {module for module in deep if module != "amb3r_core" and not module.startswith(DOORS)} == set()
    assert len(deep - {"amb3r_core"}) <= MOST_DEEP_MODULES, sorted(deep)
