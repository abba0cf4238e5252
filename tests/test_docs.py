"""The documentation tells the truth about the tree, and builds without a warning."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = {entry.stem for entry in (ROOT / "amb3r_core").iterdir() if not entry.name.startswith("__")}
TREES = ("amb3r_core/", "tests/", "plugins/", "docs/", "benchmarks/", ".github/")


def quoted(page: Path) -> Iterator[str]:
    """Everything between single backticks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_that_a_page_names_are_there(page: Path) -> None:
    paths = [word for word in quoted(page) if word.startswith(TREES) and "HOST" not in word and " " not in word]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_names_in_the_walk_of_a_photo_are_there() -> None:
    names = [word for word in quoted(ROOT / "docs" / "architecture.md") if re.fullmatch(r"[a-z_0-9]+(\.\w+)+", word)]
    names = [name for name in names if name.split(".")[0] in ROOMS and not name.endswith((".py", ".amb3r"))]
    assert len(names) > 20
    assert [name for name in names if not is_defined(name)] == []


def is_defined(name: str) -> bool:
    """Whether a dotted name is a module of the core, or defined at the top of one."""
    path = ROOT / "amb3r_core" / Path(*name.split("."))
    if path.with_suffix(".py").is_file() or path.is_dir():
        return True
    module, attribute = path.parent.with_suffix(".py"), path.name
    return module.is_file() and attribute in set(defined(ast.parse(module.read_text(encoding="utf-8"))))


def defined(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def test_options_that_the_pages_name_exist() -> None:
    known = {
        "--version",
        *re.findall(r"--[a-z][a-z-]*", " ".join(map(help_of, ("reconstruct", "convert", "info", "mesh", "demo", "plan")))),
    }
    pages = [page for page in (ROOT / "docs" / "guide").glob("*.md") if page.stem not in ("nerfstudio", "open3d", "blender")]
    named = {word for page in pages for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert named - known == set()


def help_of(command: str) -> str:
    words = [sys.executable, "-m", "amb3r_core.cli", command, "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    pytest.importorskip("grimp")
    done = subprocess.run([sys.executable, ROOT / "docs" / "make_architecture.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "the rooms' imports changed: run `make picture` and look at docs/architecture.svg"


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "site" / "reference" / "core.html").read_text(encoding="utf-8")
    assert 'id="amb3r_core.reconstruct"' in reference
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert loaded == [], page
