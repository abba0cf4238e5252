"""The bundled sample is complete, small, and its photos, cameras and depth belong together."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.paths import SAMPLE

Array = NDArray[np.float64]

TRUTH = SAMPLE / "gt"
PHOTOS = sorted((SAMPLE / "images").glob("*.jpg"))
NEIGHBOURS = list(pairwise(range(len(PHOTOS))))
MAX_BYTES = 3_000_000


def read_depth_m(index: int) -> Array:
    with Image.open(TRUTH / "depth" / f"{PHOTOS[index].stem}.png") as image:
        return np.asarray(image, np.float64) / 1000.0


def read_poses() -> Array:
    """Camera-to-world matrices (N, 4, 4)."""
    table = np.loadtxt(TRUTH / "poses.txt")
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, 3] = table[:, 1:4]
    for pose, (x, y, z, w) in zip(poses, table[:, 4:], strict=True):
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        pose[:3, :3] = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    return poses


def read_intrinsics() -> Array:
    """K (3, 3), pixel (0, 0) being the centre of the top-left pixel."""
    camera = json.loads((TRUTH / "intrinsics.json").read_text(encoding="utf-8"))
    return np.array([[camera["fx"], 0, camera["cx"]], [0, camera["fy"], camera["cy"]], [0, 0, 1.0]])


def points_of(index: int) -> Array:
    """World points (M, 3) of every third pixel of a view's depth map."""
    depth = read_depth_m(index)
    v, u = np.mgrid[0 : depth.shape[0] : 3, 0 : depth.shape[1] : 3].reshape(2, -1)
    v, u = v[depth[v, u] > 0], u[depth[v, u] > 0]
    rays = np.stack([u, v, np.ones(len(u))]) * depth[v, u]
    pose = read_poses()[index]
    return (pose[:3, :3] @ np.linalg.inv(read_intrinsics()) @ rays).T + pose[:3, 3]


def depth_seen_by(index: int, points_world: Array) -> tuple[Array, Array]:
    """Where the view's depth map is smooth: the points' own z-depth and the one the map has in their direction, both (M,).

    1/z is linear over a plane's picture, so interpolating it between four pixels is exact there.
    """
    pose = read_poses()[index]
    x = (points_world - pose[:3, 3]) @ pose[:3, :3] @ read_intrinsics().T
    column, row = x[:, 0] / x[:, 2], x[:, 1] / x[:, 2]
    depth = read_depth_m(index)
    inside = (x[:, 2] > 0.05) & (column >= 0) & (row >= 0) & (column < depth.shape[1] - 1) & (row < depth.shape[0] - 1)
    column, row, z = column[inside], row[inside], x[inside, 2]
    u, v = column.astype(int), row.astype(int)
    corners = np.stack([depth[v, u], depth[v, u + 1], depth[v + 1, u], depth[v + 1, u + 1]])
    smooth = np.ptp(corners, axis=0) < 0.01 * corners.min(axis=0)
    right, down = (column - u)[smooth], (row - v)[smooth]
    weights = np.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down])
    return z[smooth], 1.0 / (weights / corners[:, smooth]).sum(axis=0)


def test_every_photo_has_a_pose_and_a_depth_map() -> None:
    assert len(PHOTOS) == 14
    assert read_poses().shape == (14, 4, 4)
    assert [path.stem for path in sorted((TRUTH / "depth").glob("*.png"))] == [path.stem for path in PHOTOS]
    assert json.loads((TRUTH / "meta.json").read_text(encoding="utf-8"))["images"] == 14
    assert "CC0" in (SAMPLE / "README.md").read_text(encoding="utf-8")


def test_the_sample_takes_less_than_three_megabytes() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < MAX_BYTES


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_a_photo_is_vga_with_contrast_and_no_exif(photo: Path) -> None:
    with Image.open(photo) as image:
        assert image.size == (640, 480)
        assert image.mode == "RGB"
        assert not image.getexif()
        assert np.asarray(image.convert("L"), np.float64).std() > 30.0


def test_the_intrinsics_are_of_a_centred_camera_60_degrees_wide() -> None:
    camera = json.loads((TRUTH / "intrinsics.json").read_text(encoding="utf-8"))
    assert camera["pixel_origin"] == "center"
    assert (camera["cx"], camera["cy"], camera["width"], camera["height"]) == (319.5, 239.5, 640, 480)
    assert np.degrees(2 * np.arctan(320.0 / camera["fx"])) == pytest.approx(60.0)


def test_neighbours_stand_a_step_apart() -> None:
    eyes = read_poses()[:, :3, 3]
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    assert steps.min() > 0.12
    assert steps.max() < 0.40


def test_the_floor_is_where_the_world_has_its_zero() -> None:
    heights = np.concatenate([points_of(index)[:, 2] for index in range(len(PHOTOS))])
    assert heights.min() > -0.003
    assert np.mean(np.abs(heights) < 0.002) > 0.01


@pytest.mark.parametrize(("one", "other"), [*NEIGHBOURS, *((b, a) for a, b in NEIGHBOURS)])
def test_neighbouring_views_see_the_same_surfaces(one: int, other: int) -> None:
    points = points_of(one)
    z, z_seen = depth_seen_by(other, points)
    assert len(z) > 0.6 * len(points)
    agrees = np.abs(z - z_seen) < 0.01
    assert np.median(np.abs(z - z_seen)[agrees]) < 0.001
    assert np.percentile(np.abs(z - z_seen)[agrees], 95) < 0.003
    assert agrees.mean() > 0.85
    is_in_front_of_the_seen = z < z_seen - 0.02
    assert is_in_front_of_the_seen.mean() < 0.005
