"""`amb3r info` and `amb3r convert` on a scene that a stranger made, and the summary of a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.cli.main import run
from amb3r_core.cli.reconstruct import report
from amb3r_core.export.scene_dir import count_points, save_scene
from amb3r_core.jobs.write_scene import WrittenScene
from amb3r_core.scene.trust import LEAST_WEIGHT
from tests.fakes import calibrated, fake_room, judged, rich_scene


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


def test_info_and_convert_say_how_much_depth_is_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = calibrated(fake_room(3, 40, 30).reconstruction)
    save_scene(scene, tmp_path / "scene")
    assert run(["info", str(tmp_path / "scene")]) == 0
    said = one_line(capsys)
    assert "40% of the pixels trusted, 60% unknown (80% with --keep most, 100% with --keep all)" in said
    assert f"{count_points(tmp_path / 'scene'):,}, made with --keep trusted" in said
    assert run(["info", str(tmp_path / "scene"), "--json"]) == 0
    shares = {"weight_is_probability": True, "trusted": 0.4, "most": 0.8, "all": 1.0}
    assert json.loads(capsys.readouterr().out)["depth"] == shares
    assert run(["convert", str(tmp_path / "scene"), "--to", "npz", "--keep", "most"]) == 0
    assert "80% of the pixels used with --keep most, 20% unknown (40% with --keep trusted" in one_line(capsys)
    with np.load(tmp_path / "scene" / "scene.npz") as arrays:
        assert (arrays["depth"] > 0).mean() == pytest.approx(0.8)


def test_info_says_where_weights_are_no_probabilities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_scene(fake_room(2, 20, 16).reconstruction, tmp_path / "scene")
    assert run(["info", str(tmp_path / "scene")]) == 0
    assert "100% of the pixels, 0% unknown (all is used: this model's weights are no probabilities)" in one_line(capsys)


@pytest.mark.parametrize(
    ("trust", "told"),
    [
        (0.97, "pose trust sure (97%)"),
        (0.6, "pose trust likely (60%)"),
        (0.31, "pose trust warning: doubtful (31%): check them before you build on them"),
        (None, "pose trust not judged"),
    ],
)
def test_info_says_how_far_the_poses_are_trusted(
    tmp_path: Path, trust: float | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scene(judged(fake_room(2, 20, 16).reconstruction, trust), tmp_path / "scene")
    assert run(["info", str(tmp_path / "scene")]) == 0
    assert f"{told} scale" in one_line(capsys)
    assert run(["info", str(tmp_path / "scene"), "--json"]) == 0
    poses = json.loads(capsys.readouterr().out)["poses"]
    assert poses == (None if trust is None else {"trust": trust, "word": told.split(" (")[0].split()[-1], "standing_out": []})


@pytest.mark.parametrize(("trust", "is_told"), [(0.31, True), (0.97, False), (None, False)])
def test_convert_warns_where_the_poses_are_doubtful(
    tmp_path: Path, trust: float | None, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scene(judged(fake_room(2, 20, 16).reconstruction, trust), tmp_path / "scene")
    assert run(["convert", str(tmp_path / "scene"), "--to", "tum"]) == 0
    assert ("pose trust warning: doubtful (31%)" in one_line(capsys)) == is_told


def test_info_names_views_that_are_trusted_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_scene(judged(fake_room(3, 20, 16).reconstruction, 0.97, {1: 0.2}), tmp_path / "scene")
    assert run(["info", str(tmp_path / "scene")]) == 0
    assert "sure (97%); less than the others: photo_001.png (20%)" in one_line(capsys)
    assert run(["info", str(tmp_path / "scene"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["poses"]["standing_out"] == ["photo_001.png"]


@pytest.mark.parametrize("as_json", [True, False])
def test_the_summary_of_a_run_warns_where_its_poses_are_doubtful(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    scene = judged(fake_room(2, 20, 16).reconstruction, 0.31, {1: 0.05})
    report(WrittenScene(folder=tmp_path, reconstruction=scene, n_points=7, exports=()), as_json=as_json)
    out = capsys.readouterr().out
    if as_json:
        assert json.loads(out)["poses"] == {"trust": 0.31, "word": "doubtful", "standing_out": ["photo_001.png"]}
    else:
        told = "pose trust warning: doubtful (31%): check them before you build on them; less than the others: photo_001.png (5%)"
        assert told in " ".join(out.split())


def test_a_scene_without_trusted_depth_is_an_error_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = calibrated(fake_room(2, 20, 16).reconstruction)
    assert scene.dense is not None
    scene.dense.confidence[:] = 1.001
    save_scene(scene, tmp_path / "scene", keep="all")
    assert run(["convert", str(tmp_path / "scene"), "--to", "ply"]) == 1
    assert one_line(capsys, "err").endswith(f"has a weight of {LEAST_WEIGHT['trusted']:g} or more: use --keep most or --keep all")
    assert run(["convert", str(tmp_path / "scene"), "--to", "ply", "--keep", "all"]) == 0


def one_line(capsys: pytest.CaptureFixture[str], stream: str = "out") -> str:
    return " ".join(getattr(capsys.readouterr(), stream).split())
