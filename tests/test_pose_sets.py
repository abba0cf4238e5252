"""`benchmarks/pose_sets.py` renders photos that agree with the cameras written beside them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("open3d")

from amb3r_core.scene.conventions import invert
from amb3r_core.scene.evaluate import true_poses
from benchmarks import pose_sets
from benchmarks.rendered.camera import Lens, Light, looking, photograph
from benchmarks.rendered.files import spread, write_rendered, write_subset
from benchmarks.rendered.kinds import KINDS, Scene
from benchmarks.rendered.surfaces import World, box_sides, wall
from benchmarks.rendered.textures import Texture
from tests.paths import SAMPLE

EVEN = Light(background=(0, 0, 0), noise=0.0)


def plain(colour: tuple[float, float, float]) -> Texture:
    return Texture(np.broadcast_to(np.array(colour, np.float32), (16, 16, 3)).copy())


def lamp_world(lamp: np.ndarray) -> World:
    """A small white cube in front of nothing."""
    world = World()
    for side in box_sides(lamp, np.array([0.1, 0.1, 0.1])):
        world.add(side, plain((1, 1, 1)))
    world.add(wall((-50, 50), (50, 50), -50, 50), plain((0, 0, 0)))
    return world


@pytest.mark.parametrize("k1", [0.0, -0.2, 0.1])
def test_a_thing_appears_where_the_written_camera_sees_it(tmp_path: Path, k1: float):
    lamp = np.array([0.5, 0.2, 1.3])
    lens = Lens(width=320, height=240, focal_ratio=0.9, k1=k1)
    poses = [looking(np.array(eye), np.array([0.0, 0.0, 1.0]), roll_deg=8) for eye in ((0.3, -2.5, 1.1), (-1.4, -2.0, 1.6))]
    scene = Scene(world=lamp_world(lamp), poses=poses, lens=lens, light=EVEN)
    write_rendered(tmp_path, scene, np.random.default_rng(0), {"kind": "lamp"})
    truth, camera = true_poses(tmp_path), json.loads((tmp_path / "gt" / "intrinsics.json").read_text())
    for stem, pose in truth.items():
        x, y, z = (invert(pose) @ np.array([*lamp, 1.0]))[:3]
        bend = 1 + k1 * (x**2 + y**2) / z**2
        expected = camera["fx"] * bend * np.array([x, y]) / z + (camera["cx"], camera["cy"])
        bright = np.asarray(Image.open(tmp_path / "images" / f"{stem}.jpg").convert("L")) > 60
        rows, columns = np.nonzero(bright)
        np.testing.assert_allclose((columns.mean(), rows.mean()), expected, atol=1.0)


def test_a_picture_lies_on_its_surface_upright_and_as_often_as_asked():
    half = np.zeros((32, 32, 3), np.float32)
    half[:16, :, 0], half[:, :16, 1] = 1, 1  # Red above, green on the left.
    world = World()
    world.add(wall((-1, 0), (1, 0), 0, 1), Texture(half), repeat=(2, 1))
    lens = Lens(width=64, height=32, focal_ratio=1.0)
    photo = photograph(
        world.traced(), lens, looking(np.array([0, -2.0, 0.5]), np.array([0, 0, 0.5])), EVEN, np.random.default_rng(0)
    )
    reds, greens = photo[4:-4, :, 0] > 90, photo[4:-4, :, 1] > 90
    assert reds[:10, 4:-4].all()
    assert not reds[-10:].any()
    assert [bool(greens[12, column]) for column in (6, 24, 38, 56)] == [True, False, True, False]


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind not in ("bland", "facade")]


@pytest.mark.parametrize("kind", ["bland", "facade", *SLOW])
def test_a_kind_of_set_depends_on_its_name_alone_and_shows_its_world(kind: str):
    scenes = [KINDS[kind][0](pose_sets.seeded(f"fit_{kind}_0")) for _ in range(2)]
    assert 2 <= len(scenes[0].poses) <= 20
    assert all(np.array_equal(*poses) for poses in zip(*(scene.poses for scene in scenes), strict=True))
    lens = Lens(width=32, height=24, focal_ratio=scenes[0].lens.focal_ratio, k1=scenes[0].lens.k1)
    for pose in (scenes[0].poses[0], scenes[0].poses[-1]):
        photo = photograph(scenes[0].world.traced(), lens, pose, scenes[0].light, np.random.default_rng(0))
        assert photo.astype(float).std() > 4


def test_names_come_in_halves_of_equal_size_and_each_once():
    listed = [name for name, _ in pose_sets.names(Path("nowhere"))]
    assert len(listed) == len(set(listed)) >= 40
    assert sum(name.removeprefix("real_").startswith("fit_") for name in listed) == len(listed) // 2


def test_a_subset_keeps_photos_and_their_poses_together(tmp_path: Path):
    write_subset(tmp_path / "few", SAMPLE, [1, 4, 5], {"kind": "sample"})
    truth, few = true_poses(SAMPLE), true_poses(tmp_path / "few")
    assert list(few) == ["IMG_0002", "IMG_0005", "IMG_0006"]
    assert all(np.allclose(pose, truth[stem], atol=1e-6) for stem, pose in few.items())


def test_positions_are_apart_about_as_asked_and_inside():
    for seed in range(50):
        places = spread(np.random.default_rng(seed), 51, 12, 3)
        assert places == sorted(set(places))
        assert len(places) == 12
        assert set(places) <= set(range(51))
