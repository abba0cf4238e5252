"""`amb3r mesh`: one command from a scene folder to a mesh, and one line where it cannot be."""

import sys
from pathlib import Path

import pytest
import trimesh

from amb3r_core import save_scene
from amb3r_core.cli.main import run
from tests.fakes import calibrated, fake_room

pytest.importorskip("open3d")

from amb3r_core.surface import job as jobs

COARSE = ("--voxel-size", "0.08", "--progress", "none")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mesh") / "scene"
    save_scene(calibrated(fake_room(4, 64, 48).reconstruction), place)
    return place


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    out, err = capsys.readouterr()
    return " ".join(out.split()), " ".join(err.split())


@pytest.mark.parametrize("suffix", ["ply", "stl", "obj", "glb"])
def test_a_mesh_is_written_in_every_format(folder: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / f"mesh.{suffix}"
    assert run(["mesh", str(folder), "-o", str(path), "--no-texture", *COARSE]) == 0
    assert len(trimesh.load(path, force="mesh", process=False).faces) > 200
    out, _ = said(capsys)
    for told in ("triangles", "open edges", "voxels 0.08 m", "39% of the pixels trusted"):
        assert told in out


def test_glb_is_textured_unless_it_must_not_be(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["mesh", str(folder), "-o", str(tmp_path / "mesh.glb"), "--texture-size", "256", *COARSE]
    assert run(words) == 0
    assert "256 x 256" in said(capsys)[0]
    assert trimesh.load(tmp_path / "mesh.glb", force="mesh").visual.material.baseColorTexture.size == (256, 256)


def test_keep_and_depth_max_say_how_much_depth_becomes_surface(folder: Path, tmp_path: Path):
    faces: list[int] = []
    for flags in (("--keep", "trusted"), ("--keep", "most"), ("--keep", "most", "--depth-max", "2")):
        assert run(["mesh", str(folder), "-o", str(tmp_path / "mesh.ply"), "--overwrite", *flags, *COARSE]) == 0
        faces.append(len(trimesh.load(tmp_path / "mesh.ply", process=False).faces))
    assert faces[1] > 1.3 * faces[0]
    assert faces[2] < 0.8 * faces[1]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-o", "mesh.fbx"], 1, "a mesh is written as .ply, .obj, .glb, .stl, .usdz"),
        (["-o", "mesh.ply", "--screenshot", "sheet.jpg"], 2, "sheet.jpg: --screenshot is written as .png"),
        (["-o", "mesh.ply", "--faces", "-3"], 2, "--faces must be 0 or more: -3"),
        (["-o", "mesh.ply", "--voxel-size", "0"], 2, "--voxel-size must be positive and finite: 0"),
        (["-o", "mesh.glb", "--texture-size", "3"], 2, "--texture-size 3: 64 to 16384 is wanted"),
        (["-o", "taken.ply"], 1, "taken.ply: exists already; choose another output or pass --overwrite"),
        (["-o", "mesh.ply", "--depth-max", "0.001"], 1, "no depth is within --depth-max 0.001"),
    ],
)
def test_what_is_wrong_is_one_line_before_any_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.ply").write_bytes(b"mine")
    assert run(["mesh", str(folder), *words, "--progress", "none"]) == code
    assert message in said(capsys)[1]
    assert [path.name for path in tmp_path.iterdir()] == ["taken.ply"]


def test_a_scene_of_one_view_and_one_of_cameras_alone_have_no_surface(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_scene(fake_room(1, 64, 48).reconstruction, tmp_path / "one")
    assert run(["mesh", str(tmp_path / "one"), "-o", str(tmp_path / "mesh.ply"), "--progress", "none"]) == 1
    assert "a mesh needs two views or more; this scene has 1" in said(capsys)[1]


def test_without_the_extra_the_command_says_what_to_type(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "open3d", None)
    assert run(["mesh", str(folder), "-o", str(tmp_path / "mesh.ply")]) == 1
    assert 'open3d is needed (to make a mesh) but not installed: pip install "amb3r[mesh]"' in said(capsys)[1]


def test_a_screenshot_is_written_beside_the_mesh(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def drawn(mesh, path: Path, reconstruction, *, overwrite: bool) -> Path:
        path.write_bytes(b"picture")
        return path

    monkeypatch.setattr(jobs, "write_sheet", drawn)
    assert run(["mesh", str(folder), "-o", str(tmp_path / "m.ply"), "--screenshot", str(tmp_path / "s.png"), *COARSE]) == 0
    assert (tmp_path / "s.png").is_file()
    assert "s.png" in said(capsys)[0]
