"""What a scene hands out agrees with the core, pixel by pixel."""

from dataclasses import replace

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.pose_graph import node_poses, source_to_target
from amb3r_open3d.scene import Scene

from amb3r_core.errors import InputError
from amb3r_core.scene.trust import Keep, kept
from tests.fakes import Room, calibrated, fake_room, judged

FAR = 1e6


@pytest.mark.parametrize("mixed", [False, True])
def test_open3ds_unprojection_with_our_intrinsics_gives_our_points(mixed: bool):
    scene = Scene(fake_room(4, 64, 48, mixed=mixed, principal_offset=(0.05, -0.03)).reconstruction)
    ours = scene.point_cloud(points="pixels")
    frame = ours.point.frame_id.numpy()[:, 0]
    for index in range(len(scene)):
        intrinsic = o3d.core.Tensor(scene.intrinsic(index).intrinsic_matrix)
        extrinsic = o3d.core.Tensor(np.ascontiguousarray(scene.extrinsic(index)))
        theirs = o3d.t.geometry.PointCloud.create_from_depth_image(scene.depth(index), intrinsic, extrinsic, 1.0, FAR)
        mine = ours.select_by_mask(o3d.core.Tensor(frame == index)).to_legacy()
        distances = np.asarray(theirs.to_legacy().compute_point_cloud_distance(mine))
        assert len(distances) == (frame == index).sum()
        assert np.median(distances) < 1e-5
        assert distances.max() < 1e-4


def test_fused_points_lie_on_the_walls_and_know_colour_confidence_view_and_normal(room: Room, scene: Scene):
    cloud = scene.point_cloud(normals=True)
    points = cloud.point.positions.numpy()
    assert np.median(room.distance_to_surface(points)) < 1e-5
    assert cloud.point.colors.numpy().dtype == np.float32
    assert 0.0 <= cloud.point.colors.min().item() <= cloud.point.colors.max().item() <= 1.0
    assert 0.0 <= cloud.point.confidence.min().item() < 1.0
    assert set(np.unique(cloud.point.frame_id.numpy())) <= set(range(len(scene)))
    assert np.allclose(np.linalg.norm(cloud.point.normals.numpy(), axis=1), 1.0, atol=1e-5)
    legacy = scene.point_cloud_legacy()
    assert np.allclose(np.asarray(legacy.points), points)
    assert np.allclose(np.asarray(legacy.colors), cloud.point.colors.numpy(), atol=1e-6)


def test_higher_confidence_means_fewer_points_that_all_have_it(scene: Scene):
    confident = scene.point_cloud(points="pixels", min_weight=0.9)
    assert confident.point.confidence.min().item() >= 0.9
    assert 0 < len(confident.point.positions) < len(scene.point_cloud(points="pixels").point.positions)
    with pytest.raises(InputError, match=r"min_weight is a weight in \[0, 1\): 3"):
        scene.point_cloud(min_weight=3)


def test_vertex_maps_are_in_pixel_order_and_the_fused_cloud_is_made_once(scene: Scene):
    assert np.array_equal(scene.vertex_map(2).numpy(), scene.reconstruction.points_world(2), equal_nan=True)
    camera_map = scene.vertex_map(2, frame="camera").numpy()
    assert np.array_equal(camera_map[..., 2], np.asarray(scene.dense.depth[2]))
    assert scene.core_cloud() is scene.core_cloud()


def test_depth_is_shared_and_not_copied(room: Room):
    dense = replace(room.reconstruction.dense, depth=room.reconstruction.dense.depth.copy())
    scene = Scene(replace(room.reconstruction, dense=dense))
    image = scene.depth(1)
    dense.depth[1, 3, 4] = 42.0
    assert image.as_tensor().numpy()[3, 4, 0] == 42.0


def test_legacy_rgbd_keeps_colour_and_what_is_farther_than_three_metres():
    far = fake_room(2, 48, 36).reconstruction
    scene = Scene(far.scaled(10.0, far.scale))
    rgbd = scene.rgbd_legacy(0)
    assert np.array_equal(np.asarray(rgbd.depth), np.asarray(scene.dense.depth[0]))
    assert np.asarray(rgbd.depth).min() > 3.0
    assert np.array_equal(np.asarray(rgbd.color), np.asarray(scene.dense.rgb[0]))
    tensors = scene.rgbd(0)
    assert np.array_equal(tensors.depth.as_tensor().numpy()[..., 0], np.asarray(scene.dense.depth[0]))


def test_the_pose_graph_is_camera_to_world_with_edges_that_agree_with_it(scene: Scene):
    graph = scene.pose_graph()
    assert np.array_equal(node_poses(graph), scene.reconstruction.cam_to_world)
    assert len(graph.edges) >= len(scene) - 1
    for edge in graph.edges:
        move = source_to_target(scene.reconstruction, edge.source_node_id, edge.target_node_id)
        assert np.allclose(edge.transformation, move, atol=1e-12)
        assert np.allclose(edge.information, np.asarray(edge.information).T)
        assert edge.uncertain == (edge.target_node_id != edge.source_node_id + 1)
    assert max(np.asarray(edge.information)[0, 0] for edge in graph.edges) > 0


def test_views_are_asked_for_by_number_or_name_and_lost_ones_say_why():
    scene = Scene(fake_room(3, 32, 24, n_unregistered=1).reconstruction)
    assert scene.view("photo_001.png") is scene.view(1) is scene.view(-2)
    with pytest.raises(InputError, match=r"view 'lost_0.png' could not be placed: too blurred"):
        scene.depth("lost_0.png")
    with pytest.raises(InputError, match="view 7 is asked for, but the scene has 3"):
        scene.depth(7)
    nobody = replace(scene.reconstruction, views=(), dense=None)
    with pytest.raises(InputError, match=r"no view of this reconstruction could be placed \(lost_0.png: too blurred\)"):
        Scene(nobody)
    with pytest.raises(InputError, match="holds cameras only"):
        Scene(replace(scene.reconstruction, dense=None)).depth(0)


def test_a_scene_tells_how_far_its_poses_are_trusted(scene: Scene):
    assert scene.pose_trust is None
    told = Scene(judged(scene.reconstruction, 0.95, {1: 0.3}))
    assert (told.pose_trust, told.view(0).pose_trust, told.view(1).pose_trust) == (0.95, 0.95, 0.3)
    assert told.kept("all").pose_trust == 0.95


def test_intrinsics_belong_to_the_depth_map_or_the_original_image(scene: Scene):
    assert scene.intrinsic(0).width == scene.dense.width
    assert scene.intrinsic(0, "colmap").width == scene.view(0).camera.width
    assert scene.intrinsic(0, "tsdf", "image").get_principal_point()[0] == scene.view(0).camera.cx + 0.5


@pytest.mark.parametrize("keep", ["trusted", "most"])
def test_clouds_and_splats_are_made_of_the_depth_that_is_kept(keep: Keep):
    scene = calibrated(fake_room(4, 60, 45).reconstruction)
    whole, cut = Scene(scene), Scene(kept(scene, keep))
    assert Scene(scene).kept("all").reconstruction is scene
    assert whole.kept(keep) is whole.kept(keep)
    for made in (
        lambda of, keep: of.point_cloud(points="pixels", keep=keep),
        lambda of, keep: of.point_cloud(normals=True, keep=keep),
        lambda of, keep: of.to_splats(keep=keep),
    ):
        ours, theirs, everything = made(whole, keep), made(cut, "all"), made(whole, "all")
        assert np.array_equal(ours.point.positions.numpy(), theirs.point.positions.numpy())
        assert len(ours.point.positions) < len(everything.point.positions)
    legacy, loose = whole.point_cloud_legacy(keep=keep), whole.point_cloud_legacy(keep="all")
    assert len(legacy.points) < len(loose.points)
    assert np.array_equal(whole.core_cloud().points, whole.core_cloud(keep="trusted").points)
    assert np.array_equal(whole.depth(0).as_tensor().numpy()[..., 0], scene.dense.depth[0])
