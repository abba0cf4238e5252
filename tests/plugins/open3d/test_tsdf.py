"""Fusion finds the walls, in any order, with any pixel convention trap defused."""

import runpy
from dataclasses import replace

import numpy as np
import open3d as o3d
import pytest
from amb3r_open3d.failures import EmptyMeshError
from amb3r_open3d.grid import allocate, automatic_voxel_size, size_from_data
from amb3r_open3d.scene import Scene
from amb3r_open3d.tsdf import FuseTSDF, FuseTSDFOptions, _Frames

from amb3r_core.errors import InputError
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import Room, fake_room
from tests.paths import ROOT, shared_scene

COARSE = FuseTSDFOptions(voxel_size=0.04, confidence="ignore")


def errors_mm(room: Room, mesh: o3d.t.geometry.TriangleMesh) -> np.ndarray:
    return 1e3 * room.distance_to_surface(mesh.vertex.positions.numpy())


def with_dense(reconstruction: Reconstruction, **maps) -> Scene:
    return Scene(replace(reconstruction, dense=replace(reconstruction.dense, **maps)))


def test_the_surface_is_where_the_walls_are_and_coloured_like_them(room: Room, scene: Scene):
    mesh = FuseTSDF(COARSE)(scene)
    assert np.median(errors_mm(room, mesh)) < 8.0
    colors = mesh.vertex.colors.numpy()
    assert np.abs(colors.mean(axis=0) - np.asarray(scene.dense.rgb).mean(axis=(0, 1, 2)) / 255).max() < 0.05


def test_half_a_pixel_of_shift_would_be_seen(room: Room, scene: Scene):
    views = [
        replace(view, camera=replace(view.camera, cx=view.camera.cx + 1.0, cy=view.camera.cy + 1.0))
        for view in scene.reconstruction.views
    ]
    shifted = Scene(replace(scene.reconstruction, views=tuple(views)))
    right, wrong = (np.median(errors_mm(room, FuseTSDF(COARSE)(one))) for one in (scene, shifted))
    assert wrong > 2 * right


def test_equal_weights_integrate_as_open3ds_own_kernel_does(scene: Scene):
    even = with_dense(scene.reconstruction, confidence=np.full_like(scene.dense.confidence, 2.0))
    fast, exact = (FuseTSDF(replace(COARSE, confidence=use, color_grid="depth"))(even) for use in ("ignore", "weight"))
    distances = np.asarray(
        exact.to_legacy()
        .sample_points_uniformly(3000)
        .compute_point_cloud_distance(fast.to_legacy().sample_points_uniformly(100_000))
    )
    assert np.quantile(distances, 0.99) < 0.03
    assert abs(len(fast.vertex.positions) / len(exact.vertex.positions) - 1) < 0.03
    assert np.abs(fast.vertex.colors.numpy().mean(axis=0) - exact.vertex.colors.numpy().mean(axis=0)).max() < 0.01


@pytest.mark.parametrize("use", ["mask", "weight"])
def test_confidence_that_tells_the_noise_makes_a_better_mesh(room: Room, use: str):
    random, reconstruction = np.random.default_rng(0), room.reconstruction
    bad = np.zeros(reconstruction.dense.depth.shape, dtype=bool)
    bad[::2, :, : bad.shape[2] // 2] = True
    bad[1::2, :, bad.shape[2] // 2 :] = True
    depth = reconstruction.dense.depth * np.where(bad, random.normal(1.0, 0.05, bad.shape), 1.0)
    confidence = np.where(bad, 1.01, 3.0).astype(np.float32)
    noisy = with_dense(reconstruction, depth=depth.astype(np.float32), confidence=confidence)
    with_it, without = (
        errors_mm(room, FuseTSDF(replace(COARSE, confidence=name, keep_percent=45.0))(noisy)).mean() for name in (use, "ignore")
    )
    assert with_it < 0.6 * without


def test_views_may_be_integrated_one_after_the_other(scene: Scene):
    halves = []
    for part in (slice(0, 2), slice(2, None)):
        views = scene.reconstruction.views[part]
        dense = scene.dense
        some = replace(dense, depth=dense.depth[part], confidence=dense.confidence[part], rgb=dense.rgb[part])
        halves.append(Scene(replace(scene.reconstruction, views=views, dense=some)))
    fuse = FuseTSDF(COARSE)
    grid = fuse.integrate(halves[0])
    assert fuse.integrate(halves[1], grid) is grid
    stepwise, at_once = fuse.mesh(grid), fuse(scene)
    assert len(stepwise.triangle.indices) == len(at_once.triangle.indices)


def test_the_grid_is_sized_from_the_data(scene: Scene):
    frames = _Frames(scene, COARSE, o3d.core.Device("CPU:0"))
    size = size_from_data(scene, frames, 0.04, 2**31, 8.0)
    grid = FuseTSDF(COARSE).integrate(scene)
    assert grid.hashmap().size() < size.block_count == grid.hashmap().capacity(), "the hash map had to grow"
    roomy = size_from_data(scene, frames, "auto", 2**31, 8.0)
    assert roomy.voxel_size == automatic_voxel_size(scene)
    tight = size_from_data(scene, frames, "auto", 2**22, 8.0)
    assert tight.voxel_size > roomy.voxel_size
    assert tight.block_count < roomy.block_count


def test_a_scene_of_unknown_unit_is_fused_like_the_same_scene_in_metres():
    room = fake_room(4, 64, 48, scale_kind="relative")
    small = Scene(room.reconstruction.scaled(0.001, room.reconstruction.scale))
    size = automatic_voxel_size(small)
    assert size == pytest.approx(0.001 * automatic_voxel_size(Scene(room.reconstruction)))
    assert np.median(1e3 * room.distance_to_surface(1e3 * FuseTSDF()(small).vertex.positions.numpy())) < 15.0


def test_nothing_to_fuse_has_a_name(scene: Scene):
    empty = with_dense(scene.reconstruction, depth=np.zeros_like(scene.dense.depth))
    with pytest.raises(EmptyMeshError, match="the voxel grid is empty"):
        FuseTSDF(COARSE)(empty)
    with pytest.raises(EmptyMeshError, match="no voxel has a weight above 99; lower surface_weight_thr"):
        FuseTSDF(replace(COARSE, surface_weight_thr=99.0))(scene)
    certain = with_dense(scene.reconstruction, confidence=np.ones_like(scene.dense.confidence))
    with pytest.raises(InputError, match='fuse it with confidence="ignore"'):
        FuseTSDF(replace(COARSE, confidence="weight"))(certain)


def test_a_grid_on_another_device_and_wrong_options_are_refused(scene: Scene):
    grid = allocate(
        size_from_data(scene, _Frames(scene, COARSE, o3d.core.Device("CPU:0")), 0.04, 2**31, 8.0), o3d.core.Device("CPU:0")
    )
    with pytest.raises(InputError, match=r"the grid is on CPU:0 but the options say CUDA:0: use one device"):
        FuseTSDF(replace(COARSE, device="CUDA:0")).integrate(scene, grid)
    with pytest.raises(InputError, match="FuseTSDFOptions needs voxel_size > 0"):
        FuseTSDFOptions(voxel_size=-1.0)


@pytest.mark.slow
def test_walls_of_exact_depth_are_right_to_a_fraction_of_a_millimetre():
    room = fake_room(6, 640, 480)
    mesh = FuseTSDF(FuseTSDFOptions(voxel_size=0.01, confidence="ignore", integrate_color=False))(Scene(room.reconstruction))
    o3d.utility.random.seed(0)
    samples = np.asarray(mesh.to_legacy().sample_points_uniformly(100_000).points)
    assert np.median(1e3 * room.distance_to_surface(samples)) <= 0.2


@pytest.mark.slow
def test_true_depth_of_a_real_room_becomes_its_surface():
    folder = shared_scene("7s_a_few")
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "open3d_mesh.py"))
    scene = benchmark["true_scene"](folder)
    points = benchmark["true_points"](scene, 6)
    mesh = FuseTSDF()(scene)
    every_point = benchmark["true_points"](scene, 2)
    assert benchmark["distances_to_points"](mesh, every_point).mean() < 0.010
    assert (benchmark["distances_to_mesh"](mesh, points) <= 0.020).mean() > 0.90
