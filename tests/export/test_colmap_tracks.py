"""Points and observations written all at once are those that pycolmap takes one by one."""

from pathlib import Path

import numpy as np
import pytest

from amb3r_core.export.colmap import colmap_model
from amb3r_core.export.image_files import PlacedImage
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.tracks import Tracks, no_tracks, visibility_tracks
from tests.fakes import fake_room

pycolmap = pytest.importorskip("pycolmap")

SCENE = fake_room(5, mixed=True, pixel_aspect=1.2, principal_offset=(0.1, -0.05)).reconstruction
IMAGES = [PlacedImage(name=f"täglich/{view.name}", camera=view.camera) for view in SCENE.views]


def model_one_by_one(scene: Reconstruction, tracks: Tracks):
    """The cameras and images of a model without points, and every point handed over with its observations."""
    bare = colmap_model(scene, IMAGES, no_tracks())
    model = pycolmap.Reconstruction()
    for camera in bare.cameras.values():
        model.add_camera_with_trivial_rig(camera)
    elements = [[] for _ in tracks.points]
    for index, (view, placed) in enumerate(zip(scene.views, IMAGES, strict=True)):
        rows = tracks.point[tracks.view == index]
        points_cam = tracks.points[rows] @ view.world_to_cam[:3, :3].T + view.world_to_cam[:3, 3]
        image = pycolmap.Image(
            name=placed.name,
            keypoints=view.camera.project(points_cam) + 0.5,
            camera_id=bare.images[index + 1].camera_id,
            image_id=index + 1,
        )
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(view.world_to_cam[:3]))
        for number, row in enumerate(rows):
            elements[row].append(pycolmap.TrackElement(index + 1, number))
    for point, color, seen in zip(tracks.points, tracks.colors, elements, strict=True):
        model.add_point3D(point, pycolmap.Track(seen), color)
    model.update_point_3d_errors()
    return model


@pytest.mark.parametrize("step", [1, 50], ids=["all points", "few points"])
def test_the_files_are_the_same_to_the_byte(step: int, tmp_path: Path):
    tracks = visibility_tracks(SCENE, fuse(SCENE).selected(np.arange(0, len(fuse(SCENE)), step)))
    for name, model in (("fast", colmap_model(SCENE, IMAGES, tracks)), ("slow", model_one_by_one(SCENE, tracks))):
        (tmp_path / name).mkdir()
        model.write_binary(str(tmp_path / name))
        model.write_text(str(tmp_path / name))
    files = sorted(path.name for path in (tmp_path / "slow").iterdir())
    assert len(files) == 10
    assert all((tmp_path / "fast" / name).read_bytes() == (tmp_path / "slow" / name).read_bytes() for name in files)


def test_a_view_that_sees_nothing_stays_in_the_model():
    tracks = visibility_tracks(SCENE, fuse(SCENE))
    others = tracks.view != 2
    model = colmap_model(SCENE, IMAGES, Tracks(tracks.points, tracks.colors, tracks.point[others], tracks.view[others]))
    assert model.num_reg_images() == 5
    assert model.images[3].num_points2D() == 0
    assert model.images[4].num_points3D > 50
