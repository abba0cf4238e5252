"""What goes to Open3D comes back the same."""

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.convert import from_open3d, scene_from_rgbd, to_open3d
from amb3r_open3d.scene import Scene

from amb3r_core.errors import InputError
from amb3r_core.scene.conventions import rotation_from_quaternion
from amb3r_core.scene.geometry import Sim3


def test_values_go_out_and_come_back_exactly(scene: Scene):
    view = scene.view(1)
    assert from_open3d(to_open3d(view.camera)) == view.camera
    camera, pose = from_open3d(to_open3d(view))
    assert camera == view.camera
    assert np.abs(pose - view.cam_to_world).max() < 1e-14
    assert from_open3d(to_open3d(scene.reconstruction)) is scene.reconstruction
    assert np.array_equal(from_open3d(scene.pose_graph()), scene.reconstruction.cam_to_world)
    similarity = Sim3(0.37, rotation_from_quaternion(np.array([0.1, 0.9, -0.4, 0.3])), np.array([1.0, -2.0, 3.0]))
    back = from_open3d(to_open3d(similarity))
    assert back.scale == pytest.approx(similarity.scale)
    assert np.allclose(back.rotation, similarity.rotation, atol=1e-12)


def test_a_cloud_comes_back_with_every_attribute(scene: Scene):
    cloud = scene.core_cloud()
    back = from_open3d(to_open3d(cloud))
    for name in ("points", "colors", "view_index", "radius"):
        assert np.array_equal(getattr(back, name), getattr(cloud, name)), name
    assert np.allclose(back.confidence, cloud.confidence, rtol=1e-4)


def test_known_depth_and_cameras_become_the_same_scene(scene: Scene):
    colors = [scene.color(index) for index in range(len(scene))]
    depths = [np.asarray(scene.dense.depth[0]), *(scene.depth(index) for index in range(1, len(scene)))]
    trajectory = scene.trajectory()
    for index, parameters in enumerate(trajectory.parameters):
        parameters.intrinsic = scene.intrinsic(index)
    made = scene_from_rgbd(colors, depths, trajectory, names=scene.names)
    assert np.array_equal(made.dense.depth, scene.dense.depth)
    assert np.array_equal(made.dense.rgb, scene.dense.rgb)
    assert np.allclose(made.vertex_map(3).numpy(), scene.vertex_map(3).numpy(), atol=1e-6)


def test_millimetres_are_told_by_their_type(scene: Scene):
    trajectory = o3d.camera.PinholeCameraTrajectory()
    trajectory.parameters = [scene.trajectory().parameters[0]]
    camera = scene.view(0).camera
    depth = np.full((camera.height, camera.width), 1500, dtype=np.uint16)
    made = scene_from_rgbd([np.zeros((*depth.shape, 3), np.uint8)], [o3d.t.geometry.Image(depth)], trajectory)
    assert np.all(made.dense.depth == 1.5)


def test_wrong_types_shapes_and_counts_have_names(scene: Scene):
    trajectory = scene.trajectory()
    with pytest.raises(InputError, match="0 colours, 0 depths and 5 cameras"):
        scene_from_rgbd([], [], trajectory)
    with pytest.raises(InputError, match=r"depth 0 is int32 \(2, 2\)"):
        scene_from_rgbd([np.zeros((2, 2, 3), np.uint8)] * 5, [np.zeros((2, 2), np.int32)] * 5, trajectory)
    with pytest.raises(InputError, match="must be of one size"):
        scene_from_rgbd([np.zeros((2, 2, 3), np.uint8)] * 5, [np.zeros((2, 2), np.float32)] * 5, trajectory)
    with pytest.raises(InputError, match="no similarity"):
        from_open3d(np.diag([1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(TypeError, match="a str has no twin in Open3D"):
        to_open3d("room")
    with pytest.raises(TypeError, match="a str has no twin in amb3r_core"):
        from_open3d("room")
