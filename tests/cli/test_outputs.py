"""Where the scene goes and what a later run goes on from, as a user meets it."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amb3r_core.cli.main import run as run_here
from amb3r_core.scene import trust
from tests.cli.conftest import amb3r, command, environment
from tests.storage.mounts import bind_mount, small_disk

pytestmark = pytest.mark.slow

QUICK = ("--model", "colmap", "--long-side", "96", "--progress", "none")
SAME = ("dense/depth.npy", "dense/confidence.npy", "points.ply")


def run(photos: Path, output: Path, *more: str | Path) -> "subprocess.CompletedProcess[str]":
    return amb3r("reconstruct", photos, "-o", output, *QUICK, *more)


def told(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line of a run that failed."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def stopped_at(stage: str, photos: Path, output: Path, *more: str | Path) -> None:
    """Kills a run when it reaches this stage."""
    words = command("reconstruct", photos, "-o", output, *QUICK, "--progress", "json", *more)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True) as process:
        assert process.stdout is not None
        assert any(json.loads(line).get("stage") == stage for line in process.stdout), f"stage {stage} never came"
        os.killpg(process.pid, signal.SIGKILL)


def assert_same(scene: Path, other: Path) -> None:
    for name in SAME:
        assert (scene / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture(scope="module")
def clean(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene of a run that nothing disturbed."""
    scene = tmp_path_factory.mktemp("clean") / "scene"
    done = run(photos, scene)
    assert done.returncode == 0, done.stderr
    return scene


def test_a_mounted_folder_is_filled_and_overwritten(photos: Path, clean: Path, tmp_path: Path) -> None:
    with bind_mount(tmp_path / "source", tmp_path / "out") as out:
        stopped_at("dense", photos, out)
        for more in ((), ("--overwrite",)):
            done = run(photos, out, *more)
            assert done.returncode == 0, done.stderr
            assert_same(tmp_path / "source", clean)
            assert not list(out.glob(".*"))
        assert "--overwrite" in told(run(photos, out))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def an_empty_folder(place: Path) -> Path:
    place.mkdir()
    return place


def a_link(place: Path) -> Path:
    (place.parent / "disk").mkdir()
    place.symlink_to("disk")
    return place


@pytest.mark.parametrize("make", [an_empty_folder, a_link, lambda place: place.with_name("s" * 250)])
def test_the_scene_stands_where_it_was_wanted(make: Callable[[Path], Path], photos: Path, clean: Path, tmp_path: Path) -> None:
    output = make(tmp_path / "scene")
    was_link = output.is_symlink()
    done = run(photos, output)
    assert done.returncode == 0, done.stderr
    assert output.is_symlink() == was_link
    assert_same(output, clean)
    assert not [path for folder in (tmp_path, output) for path in folder.glob(".*")]


def test_an_empty_folder_below_a_read_only_one_is_filled(photos: Path, clean: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        (disk / "out").mkdir()
        with bind_mount(tmp_path / "source", disk / "out") as out:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            done = run(photos, out)
            assert done.returncode == 0, done.stderr
            assert_same(out, clean)
        assert "no permission to write" in told(run(photos, disk / "new"))


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda folder: folder / "file" / "scene", "file is not a folder"),
        (lambda folder: folder / "dangling", "a link to gone, which does not exist"),
        (lambda folder: folder / ("s" * 256), "more than 255 bytes"),
        (lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/sc\xe9ne")), "sc\\xe9ne: this name is not UTF-8"),
    ],
)
def test_a_place_that_cannot_be_is_told_before_any_work(make: Callable[[Path], Path], line: str, photos: Path, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to("gone")
    before = sorted(os.listdir(tmp_path))
    assert line in told(run(photos, make(tmp_path)))
    assert sorted(os.listdir(tmp_path)) == before


def test_the_second_of_two_runs_is_told_and_the_first_goes_on(photos: Path, clean: Path, tmp_path: Path) -> None:
    words = command("reconstruct", photos, "-o", tmp_path / "scene", *QUICK, "--progress", "json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as first:
        assert first.stdout is not None
        first.stdout.readline()
        assert f"another run (process {first.pid}) is writing this" in told(run(photos, tmp_path / "scene"))
        first.communicate()
    assert first.returncode == 0
    assert_same(tmp_path / "scene", clean)
    assert os.listdir(tmp_path) == ["scene"]


def test_after_a_late_error_the_corrected_command_goes_on(photos: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "photos"
    shutil.copytree(photos, mixed)
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(noise.astype(np.uint8)).save(mixed / "noise.png")
    first, second = sorted(path.name for path in photos.iterdir())[:2]
    assert "could not be placed" in told(run(mixed, tmp_path / "scene", "--scale-from", f"{first},noise.png,1"))
    words = ("--scale-from", f"{first},{second},1", "--images", "reference", "--progress", "json")
    done = run(mixed, tmp_path / "scene", *words)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["scale"]["kind"] == "metric"
    assert not {"features", "mapping", "dense"} & set(result["seconds"]), "the work stood already"


def test_masks_edited_after_a_stop_give_what_a_clean_run_gives(photos: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for path in photos.iterdir():
        write_mask(masks / f"{path.stem}.bmp", 80)
    stopped_at("dense", photos, tmp_path / "scene", "--masks", masks)
    for path in masks.iterdir():
        times = path.stat()
        write_mask(path, 160)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert path.stat().st_size == times.st_size
    for name in ("scene", "clean"):
        done = run(photos, tmp_path / name, "--masks", masks)
        assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "scene", tmp_path / "clean")


def write_mask(path: Path, n_masked: int) -> None:
    mask = np.full((240, 320), 255, np.uint8)
    mask[:, :n_masked] = 0
    Image.fromarray(mask).save(path)


@pytest.mark.parametrize("size_kb", [8, 200, 1500])
def test_a_full_disk_costs_nothing_but_the_wait(size_kb: int, photos: Path, clean: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size_kb) as disk:
        if size_kb == 8:
            (disk / "fill").write_bytes(bytes(4096))
        assert "the disk is full" in told(run(photos, disk / "scene"))
        assert not (disk / "scene").exists()
        subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
        done = run(photos, disk / "scene")
        assert done.returncode == 0, done.stderr
        assert_same(disk / "scene", clean)
        shutil.rmtree(disk / "scene")
        assert set(os.listdir(disk)) <= {"fill"}


def test_where_nothing_is_trusted_the_work_stays_for_a_looser_choice(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trust, "LEAST_WEIGHT", {"trusted": 0.999999, "most": 0.999998, "all": 0.0})
    words = ["reconstruct", str(photos), "-o", str(tmp_path / "scene"), *QUICK[:-1], "json"]
    assert run_here(words) == 1
    said = capsys.readouterr()
    assert "no depth of this scene is trusted" in said.err
    assert "use --keep most or --keep all" in said.err
    assert not (tmp_path / "scene").exists()
    assert "dense" in stages_of(said.out)
    assert run_here([*words, "--keep", "all"]) == 0
    assert "dense" not in stages_of(capsys.readouterr().out)
    assert (tmp_path / "scene" / "scene.amb3r").is_file()


def stages_of(output: str) -> set[str]:
    return {json.loads(line).get("stage", "") for line in output.splitlines()}
