"""`amb3r reconstruct` on real photos, and what bad input gets."""

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amb3r_core.export.scene_dir import load_cloud, load_scene
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.trust import LEAST_WEIGHT, cut_of, kept
from tests.cli.conftest import amb3r, command, environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    output = tmp_path_factory.mktemp("out") / "scene"
    done = amb3r("reconstruct", photos, "-o", output, "--model", "colmap", "--export", "ply,tum", "--progress", "json")
    assert done.returncode == 0, done.stderr
    return output, done


def test_every_line_of_output_is_json_and_ends_with_the_result(scene: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    events = [json.loads(line) for line in scene[1].stdout.splitlines()]
    assert {event["event"] for event in events[:-1]} == {"progress"}
    assert events[-1]["event"] == "result"
    assert events[-1]["views"] == 6
    assert events[-1]["scale"]["kind"] == "relative"
    assert events[-1]["points"] > 10_000


def test_the_scene_folder_is_complete_and_nothing_is_left_beside_it(scene: tuple[Path, object]) -> None:
    folder = scene[0]
    assert [path.name for path in folder.parent.iterdir()] == ["scene"]
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"scene.amb3r", "points.ply", "dense/depth.npy", "scene.ply", "trajectory.txt"} <= names
    assert sum(name.startswith("images/") for name in names) == 6


def test_the_first_view_is_the_world_frame(scene: tuple[Path, object]) -> None:
    reconstruction = load_scene(scene[0])
    assert np.allclose(reconstruction.views[0].cam_to_world, np.eye(4), atol=1e-12)


def test_info_and_convert_need_no_torch(scene: tuple[Path, object], tmp_path: Path) -> None:
    check = (
        "import sys; from amb3r_core.cli.main import run;"
        f"assert run(['info', {str(scene[0])!r}]) == 0;"
        f"assert run(['convert', {str(scene[0])!r}, '--to', 'npz', '-o', {str(tmp_path / 's.npz')!r}]) == 0;"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([command()[0], "-c", check], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "s.npz").is_file()


def test_the_same_input_gives_the_same_bytes(scene: tuple[Path, object], photos: Path, tmp_path: Path) -> None:
    done = amb3r("reconstruct", photos, "-o", tmp_path / "again", "--model", "colmap", "--progress", "none")
    assert done.returncode == 0, done.stderr
    for name in ("dense/depth.npy", "dense/confidence.npy", "points.ply"):
        assert (tmp_path / "again" / name).read_bytes() == (scene[0] / name).read_bytes(), name


def test_the_scene_holds_all_depth_and_the_exports_what_is_kept(
    scene: tuple[Path, subprocess.CompletedProcess[str]], photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "scene"
    words = ("-o", output, "--model", "colmap", "--keep", "most", "--export", "npz,tum", "--progress", "none")
    done = amb3r("reconstruct", photos, *words)
    assert done.returncode == 0, done.stderr
    assert "of the pixels used with --keep most" in " ".join(done.stdout.split())
    for name in ("dense/depth.npy", "dense/confidence.npy"):
        assert (output / name).read_bytes() == (scene[0] / name).read_bytes(), name
    whole = load_scene(output)
    cut = kept(whole, "most").dense
    assert cut is not None
    with np.load(output / "scene.npz") as arrays:
        np.testing.assert_array_equal(arrays["depth"], cut.depth)
        np.testing.assert_array_equal(arrays["confidence"], cut.confidence)
    cloud = load_cloud(output)
    assert cloud is not None
    assert (cloud.confidence >= confidence_of_weight(LEAST_WEIGHT["most"]) * 0.999).all()
    shares = json.loads(scene[1].stdout.splitlines()[-1])["depth"]
    assert shares["weight_is_probability"]
    assert shares["most"] == cut_of(whole, "most").kept


def test_nothing_is_left_in_the_temporary_folder(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        command("reconstruct", photos, "-o", tmp_path / "scene", "--model", "colmap", "--progress", "none"),
        env={**environment(), "TMPDIR": str(tmp_path / "temporary")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_existing_scene_stays_unless_overwriting(scene: tuple[Path, object], photos: Path) -> None:
    before = (scene[0] / "scene.amb3r").read_bytes()
    done = amb3r("reconstruct", photos, "-o", scene[0])
    assert done.returncode == 1
    assert "--overwrite" in done.stderr
    assert (scene[0] / "scene.amb3r").read_bytes() == before


def test_a_measured_distance_makes_the_scene_metric(scene: tuple[Path, object], photos: Path, tmp_path: Path) -> None:
    first, second = sorted(path.name for path in photos.iterdir())[:2]
    wish = f"{first},{second},0.5"
    done = amb3r("reconstruct", photos, "-o", tmp_path / "m", "--scale-from", wish, "--model", "colmap", "--progress", "none")
    assert done.returncode == 0, done.stderr
    reconstruction = load_scene(tmp_path / "m")
    assert reconstruction.scale.is_metric
    a, b = (reconstruction.views[reconstruction.view_index(name)].cam_to_world[:3, 3] for name in (first, second))
    assert np.linalg.norm(a - b) == pytest.approx(0.5)


def test_known_cameras_and_poses_come_back_unchanged(scene: tuple[Path, object], photos: Path, tmp_path: Path) -> None:
    known = load_scene(scene[0])
    amb3r("convert", scene[0], "--to", "nerfstudio", "-o", tmp_path / "ns")
    camera = known.views[0].camera
    intrinsics = f"{camera.fx},{camera.fy},{camera.cx},{camera.cy}"
    done = amb3r(
        "reconstruct", photos, "-o", tmp_path / "k", "--model", "colmap", "--progress", "none",
        "--intrinsics", intrinsics, "--poses", scene[0] / "trajectory.txt", "--poses-by", "order",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    again = load_scene(tmp_path / "k")
    assert again.views[0].camera == camera
    for view, before in zip(again.views, known.views, strict=True):
        assert np.allclose(view.cam_to_world, before.cam_to_world, atol=1e-9)
    assert "unit of the known poses" in again.scale.source


def noise(folder: Path, n: int, low: int = 0, high: int = 255) -> Path:
    folder.mkdir(exist_ok=True)
    for k in range(n):
        image = np.random.default_rng(k).integers(low, high, (60, 80, 3)).repeat(4, axis=0).repeat(4, axis=1)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{k}.png")
    return folder


def bad_inputs() -> dict[str, tuple[Callable[[Path], Path], str]]:
    def empty(folder: Path) -> Path:
        folder.mkdir()
        return folder

    def text(folder: Path) -> Path:
        noise(folder, 2)
        (folder / "t.jpg").write_text("hello")
        return folder

    return {
        "empty folder": (empty, "no images here"),
        "missing folder": (lambda folder: folder, "no such file or folder"),
        "one image": (lambda folder: noise(folder, 1), "needs at least 2"),
        "text named jpg": (text, "t.jpg (not an image)"),
        "no overlap": (lambda folder: noise(folder, 4), "overlap"),
        "black frames": (lambda folder: noise(folder, 3, 0, 1), "next to no texture"),
    }


@pytest.mark.parametrize("case", list(bad_inputs()))
def test_bad_input_gets_one_line_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    make, told = bad_inputs()[case]
    photos = make(tmp_path / "photos")
    done = amb3r("reconstruct", photos, "-o", tmp_path / "scene", "--model", "colmap", "--progress", "none")
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert told in lines[0]
    assert {path.name for path in tmp_path.iterdir()} <= {"photos"}


def test_skip_bad_goes_on_without_the_bad_file(photos: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for path in sorted(photos.iterdir())[:3]:
        os.link(path, mixed / path.name)
    (mixed / "zz.jpg").write_text("not a photo")
    done = amb3r("reconstruct", mixed, "-o", tmp_path / "scene", "--skip-bad", "--model", "colmap", "--progress", "none")
    assert done.returncode == 0, done.stderr
    assert load_scene(tmp_path / "scene").n_views == 3


def limit_file_size() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_full_disk_gets_one_line_and_no_half_scene(photos: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command("reconstruct", photos, "-o", tmp_path / "scene", "--model", "colmap", "--progress", "none"),
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert "disk" in done.stderr
    assert not (tmp_path / "scene").exists()


def start_and_wait_for(stage: str, photos: Path, output: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        command("reconstruct", photos, "-o", output, "--model", "colmap", "--progress", "json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("stage") == stage:
            return process
    raise AssertionError(f"stage {stage} never came")


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="the shell has interrupts ignored, in its background"
)
def test_interrupt_cancels_quickly_and_leaves_no_half_scene(photos: Path, tmp_path: Path) -> None:
    process = start_and_wait_for("mapping", photos, tmp_path / "scene")
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "cancelled; the output was not written"
    assert time.monotonic() - started < 30
    assert not (tmp_path / "scene").exists()


def test_a_killed_run_is_picked_up_and_ends_the_same(photos: Path, tmp_path: Path, scene: tuple[Path, object]) -> None:
    process = start_and_wait_for("dense", photos, tmp_path / "scene")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "scene").exists()
    done = amb3r("reconstruct", photos, "-o", tmp_path / "scene", "--model", "colmap", "--progress", "json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["seconds"].get("features", 0.0) < 1.0
    assert (tmp_path / "scene/dense/depth.npy").read_bytes() == (scene[0] / "dense/depth.npy").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


@pytest.mark.parametrize("words", [("--long-side", "-5"), ("--fps", "-1"), ("--min-weight", "5"), ("--max-points", "0"), ()])
def test_a_wrong_option_is_a_usage_error(words: tuple[str, ...], tmp_path: Path) -> None:
    output = ("-o", tmp_path / "scene") if words else ()
    done = amb3r("reconstruct", tmp_path, *output, *words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert (words[0] if words else "--output") in done.stderr


def test_check_says_what_is_found_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = amb3r("reconstruct", photos, "--check", "--model", "colmap")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("input: ")
    assert lines[-1].startswith("estimate: about ")
    assert sorted(tmp_path.rglob("*")) == before
