"""`amb3r info` and `amb3r convert` on a scene that a stranger made."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from amb3r_core.cli.main import run
from amb3r_core.export.scene_dir import save_scene
from tests.fakes import rich_scene


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A scene that names a file of this machine as its photo, and whose notes would steer a terminal."""
    (tmp_path / "secret").write_text("key")
    scene = rich_scene()
    view = replace(scene.views[0], path=str(tmp_path / "secret"))
    provenance = replace(scene.provenance, notes=("\x1b]0;owned\x07",))
    save_scene(replace(scene, views=(view, *scene.views[1:]), provenance=provenance), tmp_path / "scene")
    return tmp_path / "scene"


def test_info_names_the_files_outside(strange: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(strange), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files_outside"] == [str(strange.parent / "secret")]
    assert run(["info", str(strange)]) == 0
    out = capsys.readouterr().out
    assert "1 photos or masks lie outside the scene folder" in out
    assert "\x1b" not in out
    assert r"\x1b]0;owned\x07" in out


@pytest.mark.parametrize("form", ["colmap", "nerfstudio"])
def test_convert_takes_no_file_that_is_no_image(strange: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", str(strange), "--to", form]) == 1
    assert f"view 'photo_000.png': {strange.parent / 'secret'} is not an image" in " ".join(capsys.readouterr().err.split())
    assert not (strange / form).exists()
