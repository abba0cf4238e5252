"""The value types check themselves and keep camera, pose, depth and points in agreement."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.conventions import rigid, rotation_from_quaternion
from amb3r_core.scene.geometry import transform_points
from amb3r_core.scene.reconstruction import Dense, Scale, View
from tests.fakes import fake_provenance, fake_room

CAMERA = PinholeCamera(width=640, height=480, fx=500.0, fy=520.0, cx=310.25, cy=251.5)
LETTERBOX = Letterbox(x=3, y=0, width=36, height=48)


def test_unmapping_a_camera_undoes_mapping_it():
    back = CAMERA.mapped(LETTERBOX, 42, 48).unmapped(LETTERBOX, 640, 480)
    assert np.allclose(back.K, CAMERA.K, atol=1e-9)
    assert (back.width, back.height) == (640, 480)


def test_the_image_corner_stays_the_corner_of_its_letterbox():
    points = np.array([[0.1, -0.2, 1.5], [-0.3, 0.1, 2.0]])
    original = CAMERA.project(points)
    mapped = CAMERA.mapped(LETTERBOX, 42, 48).project(points)
    scale = np.array([LETTERBOX.width / 640, LETTERBOX.height / 480])
    assert np.allclose(mapped, (original + 0.5) * scale + [LETTERBOX.x, LETTERBOX.y] - 0.5)


def test_projecting_undoes_unprojecting():
    depth = np.random.default_rng(0).uniform(0.5, 9, (480, 640)).astype(np.float32)
    v, u = np.mgrid[0:480, 0:640]
    pixels = CAMERA.project(CAMERA.unproject(depth).astype(np.float64))
    assert np.abs(pixels - np.stack([u, v], axis=-1)).max() < 1e-3


def test_unknown_depth_gives_no_point():
    points = CAMERA.unproject(np.zeros((480, 640), np.float32))
    assert np.isnan(points).all()


def test_a_depth_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"depth is \(4, 5\) but the camera is"):
        CAMERA.unproject(np.ones((4, 5), np.float32))


@pytest.mark.parametrize("wrong", [{"fx": 0.0}, {"fy": -1.0}, {"cx": np.nan}, {"width": 0}])
def test_an_impossible_camera_is_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError, match="a camera needs"):
        replace(CAMERA, **wrong)


def test_a_pose_that_is_no_rotation_is_refused():
    with pytest.raises(ValueError, match=r"cam_to_world of view 'a\.png' is not a rigid transform"):
        View(name="a.png", camera=CAMERA, cam_to_world=2.0 * np.eye(4), letterbox=LETTERBOX)
    mirrored = np.diag([1.0, 1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="no rotation"):
        View(name="a.png", camera=CAMERA, cam_to_world=mirrored, letterbox=LETTERBOX)


def test_points_lie_on_the_surfaces_the_depth_was_measured_on():
    room = fake_room(3, mixed=True, pixel_aspect=1.3, principal_offset=(0.1, -0.05))
    for index in range(3):
        points = room.reconstruction.points_world(index)
        known = room.reconstruction.dense.depth[index] > 0
        assert np.array_equal(np.isfinite(points).all(axis=-1), known)
        assert room.distance_to_surface(points[known]).max() < 1e-5


def test_scaling_a_scene_scales_its_points_and_leaves_its_pixels():
    scene = fake_room(2).reconstruction
    doubled = scene.scaled(2.0, Scale(kind="relative", source="none"))
    assert np.allclose(doubled.points_world(1), 2.0 * scene.points_world(1), atol=1e-5)
    assert doubled.views[1].camera == scene.views[1].camera
    assert doubled.scale.source == "none"
    with pytest.raises(ValueError, match="positive and finite"):
        scene.scaled(0.0, scene.scale)


def test_moving_a_scene_moves_its_points_and_its_up():
    scene = fake_room(2, world="room").reconstruction
    move = rigid(rotation_from_quaternion(np.array([0.9, 0.1, -0.3, 0.2])), np.array([1.0, -2.0, 0.5]))
    moved = scene.moved(move)
    assert np.allclose(moved.points_world(1), transform_points(move, scene.points_world(1)), atol=1e-5)
    assert np.allclose(moved.up_world, move[:3, :3] @ scene.up_world)
    with pytest.raises(ValueError, match="world_from_old"):
        scene.moved(2.0 * np.eye(4))


def test_two_views_cannot_have_one_name():
    scene = fake_room(2).reconstruction
    with pytest.raises(ValueError, match=r"names must be unique: photo_000\.png"):
        replace(scene, views=(scene.views[0], scene.views[0]))


def test_dense_maps_belong_to_the_views_and_the_views_letterboxes_to_the_maps():
    scene = fake_room(2).reconstruction
    with pytest.raises(ValueError, match="dense has 2 views but the scene has 1"):
        replace(scene, views=scene.views[:1])
    wide = replace(scene.views[0], letterbox=Letterbox(x=1, y=0, width=64, height=48))
    with pytest.raises(ValueError, match="leaves the dense grid 64x48"):
        replace(scene, views=(wide, scene.views[1]))


def test_dense_maps_of_other_shapes_or_types_are_refused():
    dense = fake_room(2).reconstruction.dense
    with pytest.raises(ValueError, match=r"must be \(N, H, W\)"):
        replace(dense, rgb=dense.rgb[:1])
    with pytest.raises(ValueError, match="must be float32, float32 and uint8"):
        replace(dense, depth=dense.depth.astype(np.float64))


def test_confidence_becomes_a_weight_below_one():
    ones = np.ones((1, 1, 2), np.float32)
    dense = Dense(depth=ones, confidence=np.array([[[1.0, 4.0]]], np.float32), rgb=np.zeros((1, 1, 2, 3), np.uint8))
    assert np.allclose(dense.weight(0), [[0.0, 0.75]])


def test_a_scene_of_cameras_alone_has_no_points():
    scene = replace(fake_room(2).reconstruction, dense=None)
    with pytest.raises(ValueError, match="cameras only"):
        scene.points_world(0)


def test_a_view_is_found_by_its_name():
    scene = fake_room(3).reconstruction
    assert scene.view_index("photo_002.png") == 2
    with pytest.raises(KeyError):
        scene.view_index("other.png")


def test_a_choice_of_points_keeps_their_fields_together():
    cloud = PointCloud(
        points=np.arange(9, dtype=np.float32).reshape(3, 3),
        colors=np.arange(9, dtype=np.uint8).reshape(3, 3),
        confidence=np.array([1, 2, 3], np.float32),
        view_index=np.array([4, 5, 6], np.int32),
        radius=np.array([7, 8, 9], np.float32),
    )
    chosen = cloud.selected(np.array([2, 0]))
    assert chosen.points[:, 0].tolist() == [6, 0]
    assert chosen.view_index.tolist() == [6, 4]
    assert len(chosen) == 2
    with pytest.raises(ValueError, match=r"radius is \(2,\), wanted \(3,\)"):
        replace(cloud, radius=cloud.radius[:2])


def test_a_relative_scale_is_not_metric():
    assert not Scale(kind="relative", source="none").is_metric
    assert fake_provenance().pipeline == "one-shot"
