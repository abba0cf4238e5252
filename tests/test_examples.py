"""Examples in docstrings run, and so does the Python of the pages in `docs/`."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from amb3r_core import save_scene
from amb3r_core.scene.fusion import fuse
from tests.fakes import fake_room
from tests.paths import ROOT

SOURCES = {
    "amb3r_core": ROOT / "amb3r_core",
    "amb3r_nerfstudio": ROOT / "plugins" / "nerfstudio" / "amb3r_nerfstudio",
    "amb3r_open3d": ROOT / "plugins" / "open3d" / "amb3r_open3d",
}
HOSTS = {"amb3r_nerfstudio": "nerfstudio", "amb3r_open3d": "open3d"}
NEEDS_PHOTOS = ("reconstruct(", "Reconstruct(")
"""What a block says that reconstructs photos, as the README's does, which `test_readme.py` runs; here it is compiled."""


def modules_with_examples() -> list[str]:
    """Dotted names of the modules whose docstrings hold examples."""
    files = [(path, folder) for folder in SOURCES.values() for path in sorted(folder.rglob("*.py"))]
    with_examples = [(path, folder) for path, folder in files if ">>> " in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(folder.parent).with_suffix("").parts) for path, folder in with_examples]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_a_module_run(name: str) -> None:
    host = HOSTS.get(name.partition(".")[0])
    if host is not None:
        pytest.importorskip(host)
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried
    assert not failed


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if blocks(page)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene folder in it, as the guide's reader has one."""
    folder = tmp_path_factory.mktemp("reader")
    room = fake_room(3, images_folder=folder / "photos").reconstruction
    save_scene(room, folder / "scene", fuse(room))
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page: Path, place: Path) -> None:
    if any("amb3r_open3d" in block for block in blocks(page)):
        pytest.importorskip("open3d")
    for block in blocks(page):
        compile(block, str(page), "exec")
    code = "\n".join(block for block in blocks(page) if not any(word in block for word in NEEDS_PHOTOS))
    path = os.pathsep.join([str(ROOT), *(str(folder.parent) for folder in SOURCES.values())])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
