"""One 3D point falls on one pixel, whichever export it is read from.

Each reader below gives a function from scene points to pixels of one view, corner of the top-left pixel at (0, 0), using
nothing but the exported files and the format's own conventions.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export import export_scene
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_room

PlyData = pytest.importorskip("plyfile").PlyData
trimesh = pytest.importorskip("trimesh")
pycolmap = pytest.importorskip("pycolmap")
file_interface = pytest.importorskip("evo.tools.file_interface")

TOLERANCE_PX = 1e-3
Projector = Callable[[int, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    photos = tmp_path_factory.mktemp("photos")
    return fake_room(
        4, mixed=True, pixel_aspect=1.2, principal_offset=(0.11, -0.07), original_scale=10.0, images_folder=photos
    ).reconstruction


@pytest.fixture(scope="module")
def points(scene: Reconstruction) -> np.ndarray:
    """Float32 points, as files hold them, which all views have in front of them."""
    return fuse(scene).points[::7].astype(np.float64)


def pinhole(points_cam: np.ndarray, K: np.ndarray) -> np.ndarray:
    pixels = points_cam @ K.T
    return pixels[:, :2] / pixels[:, 2:]


def transformed(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def colmap_reader(folder: Path) -> Projector:
    model = pycolmap.Reconstruction(folder / "sparse" / "0")

    def project(index: int, points: np.ndarray) -> np.ndarray:
        image = model.images[index + 1]
        camera = model.cameras[image.camera_id]
        return np.array([camera.img_from_cam(point) for point in image.cam_from_world() * points])

    return project


def nerfstudio_reader(folder: Path) -> Projector:
    document = json.loads((folder / "transforms.json").read_text())
    applied = np.vstack([document["applied_transform"], [0, 0, 0, 1]])

    def project(index: int, points: np.ndarray) -> np.ndarray:
        frame = document["frames"][index]
        x, y, z = transformed(np.linalg.inv(frame["transform_matrix"]), transformed(applied, points)).T
        return np.stack([frame["cx"] + frame["fl_x"] * x / -z, frame["cy"] - frame["fl_y"] * y / -z], axis=1)

    return project


def glb_reader(path: Path) -> Projector:
    """The pyramid of a view spans its image: its corners are the pixels (0, 0) and (w, h)."""
    loaded = trimesh.load(path, file_type="glb")
    root = loaded.graph["points"][0]

    def project(index: int, points: np.ndarray) -> np.ndarray:
        transform, name = loaded.graph[f"photo_{index:03d}.png"]
        corners = loaded.geometry[name].vertices
        corners = corners[np.linalg.norm(corners, axis=1) > 1e-6]
        rays = corners[:, :2] / corners[:, 2:]
        size = np.array([640, 480]) if index % 2 == 0 else np.array([360, 480])
        focal = size / (rays.max(axis=0) - rays.min(axis=0))
        x, y, z = transformed(np.linalg.inv(transform) @ root, points).T
        return (np.stack([x / z, y / z], axis=1) - rays.min(axis=0)) * focal

    return project


def npz_reader(path: Path) -> Projector:
    with np.load(path) as arrays:
        poses, intrinsics = arrays["cam_to_world"], arrays["intrinsics_original"]

    def project(index: int, points: np.ndarray) -> np.ndarray:
        return pinhole(transformed(np.linalg.inv(poses[index]), points), intrinsics[index]) + 0.5

    return project


def npz_grid_reader(path: Path) -> Projector:
    """Through the dense grid: letterbox and size lead back to the original's pixels."""
    with np.load(path) as arrays:
        poses, intrinsics, letterboxes, sizes = (
            arrays[key] for key in ("cam_to_world", "intrinsics", "letterbox", "original_size")
        )

    def project(index: int, points: np.ndarray) -> np.ndarray:
        on_grid = pinhole(transformed(np.linalg.inv(poses[index]), points), intrinsics[index]) + 0.5
        return (on_grid - letterboxes[index, :2]) * sizes[index] / letterboxes[index, 2:]

    return project


def scene_reader(folder: Path) -> Projector:
    document = json.loads((folder / "scene.amb3r").read_text())

    def project(index: int, points: np.ndarray) -> np.ndarray:
        view = document["views"][index]
        return pinhole(transformed(np.linalg.inv(view["cam_to_world"]), points), np.array(view["K"]))

    return project


def tum_reader(path: Path, intrinsics: np.ndarray) -> Projector:
    """TUM has poses only; the intrinsics are the scene's own."""
    poses = file_interface.read_tum_trajectory_file(path).poses_se3

    def project(index: int, points: np.ndarray) -> np.ndarray:
        return pinhole(transformed(np.linalg.inv(poses[index]), points), intrinsics[index]) + 0.5

    return project


READERS: dict[str, tuple[str, Callable[[Path], Projector]]] = {
    "colmap": ("colmap", colmap_reader),
    "colmap-text": ("colmap-text", colmap_reader),
    "nerfstudio": ("nerfstudio", nerfstudio_reader),
    "glb": ("glb", glb_reader),
    "npz": ("npz", npz_reader),
    "npz on the dense grid": ("npz", npz_grid_reader),
    "scene": ("scene", scene_reader),
}


def own_pixels(scene: Reconstruction, index: int, points: np.ndarray) -> np.ndarray:
    view = scene.views[index]
    return view.camera.project(transformed(view.world_to_cam, points)) + 0.5


def in_front(scene: Reconstruction, index: int, points: np.ndarray) -> np.ndarray:
    """The points within twice the view's image: farther out, a pixel is no measure."""
    view = scene.views[index]
    ahead = points[transformed(view.world_to_cam, points)[:, 2] > 0.3]
    pixels = own_pixels(scene, index, ahead)
    size = np.array([view.camera.width, view.camera.height])
    return ahead[(np.abs(pixels - size / 2) < size).all(axis=1)]


@pytest.mark.parametrize("reader", READERS)
def test_cameras_of_every_export_see_a_point_at_the_same_pixel(reader: str, scene, points, tmp_path: Path):
    name, read = READERS[reader]
    export_scene(scene, tmp_path / "out", name)
    project = read(tmp_path / "out")
    for index in range(scene.n_views):
        some = in_front(scene, index, points)
        assert len(some) > 50
        assert np.abs(project(index, some) - own_pixels(scene, index, some)).max() < TOLERANCE_PX


def test_the_trajectory_sees_a_point_at_the_same_pixel(scene, points, tmp_path: Path):
    export_scene(scene, tmp_path / "out.txt", "tum")
    project = tum_reader(tmp_path / "out.txt", np.array([view.camera.K for view in scene.views]))
    for index in range(scene.n_views):
        some = in_front(scene, index, points)
        assert np.abs(project(index, some) - own_pixels(scene, index, some)).max() < TOLERANCE_PX


def test_the_points_of_every_export_fall_on_the_same_pixels(scene, tmp_path: Path):
    cloud = fuse(scene)
    for name in ("ply", "splat", "glb", "scene", "nerfstudio"):
        export_scene(scene, tmp_path / name, name, cloud=cloud)
    applied = np.vstack(
        [json.loads((tmp_path / "nerfstudio" / "transforms.json").read_text())["applied_transform"], [0, 0, 0, 1]]
    )
    seed = xyz(tmp_path / "nerfstudio" / "sparse_pc.ply").astype(np.float64)
    found = {
        "ply": xyz(tmp_path / "ply"),
        "splat": xyz(tmp_path / "splat"),
        "scene": xyz(tmp_path / "scene" / "points.ply"),
        "glb": trimesh.load(tmp_path / "glb", file_type="glb").geometry["points"].vertices,
        "nerfstudio": transformed(np.linalg.inv(applied), seed),
    }
    for name, points in found.items():
        assert len(points) == len(cloud), name
        for index, view in enumerate(scene.views):
            ahead = transformed(view.world_to_cam, cloud.points.astype(np.float64))[:, 2] > 0.5
            expected = own_pixels(scene, index, cloud.points[ahead].astype(np.float64))
            close = (np.abs(expected - 320) < 640).all(axis=1)
            error = own_pixels(scene, index, points[ahead].astype(np.float64)) - expected
            assert np.abs(error[close]).max() < TOLERANCE_PX, name


def xyz(path: Path) -> np.ndarray:
    vertex = PlyData.read(path)["vertex"]
    return np.stack([vertex["x"], vertex["y"], vertex["z"]], axis=1)
