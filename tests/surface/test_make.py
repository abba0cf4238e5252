"""A known room's mesh: floaters carved away, layered sheets brought together, every option doing what it says."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.errors import InputError, OptionError
from amb3r_core.progress import Cancelled, Progress
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import Room, fake_room

pytest.importorskip("open3d")

from amb3r_core.surface.agree import agreeing_views, views_alone
from amb3r_core.surface.field import BYTES_PER_BLOCK, FieldConfig, blocks_within_limit, fused
from amb3r_core.surface.holes import boundary_edges
from amb3r_core.surface.make import make_surface
from amb3r_core.surface.options import SurfaceOptions
from amb3r_core.surface.planes import on_planes

COARSE = SurfaceOptions(voxel_size=0.05, smooth=0, faces=0)


@pytest.fixture(scope="module")
def room() -> Room:
    return fake_room(6, 96, 72)


def errors_m(room: Room, vertices: np.ndarray) -> np.ndarray:
    return room.distance_to_surface(vertices)


def with_dense(reconstruction: Reconstruction, **maps) -> Reconstruction:
    return replace(reconstruction, dense=replace(reconstruction.dense, **maps))


def with_floater(room: Room) -> Reconstruction:
    """The room with a piece of one view's depth at 0.6 of its distance, in the middle of the air."""
    depth = room.reconstruction.dense.depth.copy()
    depth[2, 20:40, 30:60] *= 0.6
    return with_dense(room.reconstruction, depth=depth)


def with_layers(room: Room, by: float = 0.015) -> Reconstruction:
    """The room with every second view's depth a little too large."""
    factors = np.where(np.arange(6) % 2, 1 + by, 1 - by).astype(np.float32)[:, None, None]
    return with_dense(room.reconstruction, depth=room.reconstruction.dense.depth * factors)


def test_the_surface_is_where_the_walls_are_and_faces_the_cameras(room: Room):
    mesh, report = make_surface(room.reconstruction, COARSE)
    assert np.quantile(errors_m(room, mesh.vertices), 0.5) < 0.008
    assert np.quantile(errors_m(room, mesh.vertices), 0.9) < 0.03
    toward = np.median(room.reconstruction.cam_to_world[:, :3, 3], axis=0) - mesh.vertices
    assert ((toward * mesh.normals).sum(axis=1) > 0).mean() > 0.95
    assert report.voxel_size == 0.05
    assert report.n_boundary_edges == len(boundary_edges(mesh.triangles)) > 0


def test_colours_are_those_of_the_walls(room: Room):
    mesh, _ = make_surface(room.reconstruction, COARSE)
    assert mesh.colors is not None
    assert np.abs(mesh.colors.mean(axis=0) - np.asarray(room.reconstruction.dense.rgb).mean(axis=(0, 1, 2))).max() < 15


def test_free_space_votes_take_a_floater_away(room: Room):
    floating = views_alone(with_floater(room))
    carved, kept = (fused(floating, FieldConfig(voxel_size=0.05, carve=carve)).surface() for carve in (True, False))
    assert (errors_m(room, kept.vertices) > 0.25).sum() > 100
    assert (errors_m(room, carved.vertices) > 0.25).sum() == 0


def test_a_pixel_that_the_others_see_through_is_dropped_before_fusing(room: Room):
    before, after = (
        views[2].depth[22:38, 32:58] for views in (views_alone(with_floater(room)), agreeing_views(with_floater(room)))
    )
    assert (before > 0).mean() > 0.9
    assert (after > 0).mean() < 0.1


def test_one_wrong_far_depth_carves_no_wall_and_leaves_nothing_behind_it(room: Room):
    depth = room.reconstruction.dense.depth.copy()
    depth[2, 20:40, 30:60] *= 1.6
    mesh, _ = make_surface(with_dense(room.reconstruction, depth=depth), COARSE)
    whole, _ = make_surface(room.reconstruction, COARSE)
    assert len(mesh.triangles) > 0.97 * len(whole.triangles)
    assert (errors_m(room, mesh.vertices) > 0.25).mean() < 0.002


def test_layered_sheets_become_one(room: Room):
    layered = with_layers(room)
    apart, together = views_alone(layered), agreeing_views(layered)

    def spread(views) -> float:
        """How far two views' surfaces stand apart, as a share of their depth."""
        points = views[0].centre() + views[0].rays() * views[0].depth[..., None]
        pose = views[1].sight.world_to_cam
        in_camera = points[views[0].depth > 0] @ pose[:3, :3].T + pose[:3, 3]
        camera = views[1].sight.camera
        pixels = np.rint(in_camera[:, :2] / in_camera[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]).astype(int)
        inside = ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)
        there = views[1].depth[pixels[inside, 1], pixels[inside, 0]]
        gap = np.abs(there / in_camera[inside, 2] - 1)[there > 0]
        return float(np.median(gap))

    assert spread(apart) > 0.025
    assert spread(together) < 0.006


def test_planes_lose_their_noise_and_edges_stay():
    random = np.random.default_rng(0)
    exact = views_alone(fake_room(2, 320, 240).reconstruction)[0]
    noise = random.normal(1.0, 0.005, exact.depth.shape).astype(np.float32)
    noisy = replace(exact, sight=replace(exact.sight, depth=exact.depth * noise))
    known = exact.depth > 0
    before, after = (np.abs(view.depth / np.where(known, exact.depth, 1) - 1)[known] for view in (noisy, on_planes(noisy)))
    assert after.mean() < 0.5 * before.mean()
    assert (on_planes(exact).depth > 0).tolist() == known.tolist()
    assert np.quantile(np.abs(on_planes(exact).depth / np.where(known, exact.depth, 1) - 1)[known], 0.95) < 0.004


def test_the_grid_stays_within_the_memory_limit(room: Room):
    views = views_alone(room.reconstruction)
    limit_gb = 40 * BYTES_PER_BLOCK / 2**30
    size, blocks = blocks_within_limit(views, FieldConfig(voxel_size=0.02, memory_limit_gb=limit_gb))
    assert len(blocks) <= 40
    assert size > 0.02
    _, report = make_surface(room.reconstruction, replace(COARSE, memory_limit_gb=limit_gb))
    assert report.voxel_size > 0.05


def test_the_same_scene_gives_the_same_bytes(room: Room):
    first, second = (make_surface(room.reconstruction, replace(COARSE, smooth=3, faces=3000))[0] for _ in range(2))
    for name in ("vertices", "triangles", "normals", "colors"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name


def test_depth_that_is_not_trusted_makes_no_surface(room: Room):
    dense = room.reconstruction.dense
    depth, weight = dense.depth.copy(), np.full(dense.depth.shape, 0.9, dtype=np.float32)
    depth[:, :, :48] *= 1.3
    weight[:, :, :48] = 0.3
    confidence = (1 / (1 - weight)).astype(np.float32)
    doubtful = with_dense(room.reconstruction, depth=depth, confidence=confidence, weight_is_probability=True)
    trusted, everything = (make_surface(doubtful, replace(COARSE, keep=keep))[0] for keep in ("trusted", "all"))
    assert np.quantile(errors_m(room, trusted.vertices), 0.95) < 0.05
    assert np.quantile(errors_m(room, everything.vertices), 0.95) > 0.1


def test_confidence_that_only_ranks_leaves_out_the_least_of_it(room: Room):
    dense = room.reconstruction.dense
    depth, confidence = dense.depth.copy(), np.full(dense.depth.shape, 5.0, dtype=np.float32)
    depth[:, :, :8] *= 1.5
    confidence[:, :, :8] = 1.2
    ranked = with_dense(room.reconstruction, depth=depth, confidence=confidence)
    trusted, everything = (make_surface(ranked, replace(COARSE, keep=keep))[0] for keep in ("trusted", "all"))
    assert np.quantile(errors_m(room, trusted.vertices), 0.98) < 0.05
    assert np.quantile(errors_m(room, everything.vertices), 0.98) > 0.1
    level = with_dense(room.reconstruction, confidence=np.full_like(confidence, 5.0))
    some, every = (len(make_surface(level, replace(COARSE, keep=keep))[0].triangles) for keep in ("trusted", "all"))
    assert some > 0.97 * every, "confidence that is the same everywhere ranks nothing"


def test_every_option_does_something(room: Room):
    scene = room.reconstruction
    plain, _ = make_surface(scene, COARSE)
    finer, _ = make_surface(scene, replace(COARSE, voxel_size=0.04))
    assert len(finer.triangles) > 1.3 * len(plain.triangles)
    near, _ = make_surface(scene, replace(COARSE, depth_max=2.5))
    assert len(near.triangles) < 0.8 * len(plain.triangles)
    few, _ = make_surface(scene, replace(COARSE, faces=2000))
    assert 1500 < len(few.triangles) <= 2000
    smooth, _ = make_surface(scene, replace(COARSE, smooth=10))
    assert not np.array_equal(smooth.vertices, plain.vertices)
    _, left_open = make_surface(scene, replace(COARSE, close_holes=0.0))
    _, closed = make_surface(scene, replace(COARSE, close_holes=1.5))
    assert closed.n_boundary_edges < left_open.n_boundary_edges
    preview, normal = (make_surface(scene, SurfaceOptions(quality=quality)) for quality in ("preview", "normal"))
    assert preview[1].voxel_size > normal[1].voxel_size
    assert len(preview[0].triangles) < len(normal[0].triangles)


def test_a_watertight_mesh_has_no_border(room: Room):
    mesh, report = make_surface(room.reconstruction, replace(COARSE, watertight=True))
    assert report.n_boundary_edges == 0
    assert np.quantile(errors_m(room, mesh.vertices), 0.5) < 0.02


def test_what_cannot_become_a_mesh_says_so_before_any_work(room: Room):
    scene = room.reconstruction

    def no_work(progress: Progress) -> None:
        raise AssertionError(progress)

    with pytest.raises(InputError, match="cameras only: without depth there is no surface"):
        make_surface(replace(scene, dense=None), COARSE, no_work)
    one = replace(scene, views=scene.views[:1], dense=replace(scene.dense, **first_of(scene, 1)))
    with pytest.raises(InputError, match="a mesh needs two views or more; this scene has 1"):
        make_surface(one, COARSE, no_work)
    least = np.full_like(scene.dense.confidence, confidence_of_weight(0.1))
    doubtful = with_dense(scene, confidence=least, weight_is_probability=True)
    with pytest.raises(InputError, match=r"no depth of this scene is trusted.*use `keep='most'` or `keep='all'`"):
        make_surface(doubtful, COARSE, no_work)
    with pytest.raises(InputError, match="this scene knows no depth"):
        make_surface(with_dense(scene, depth=np.zeros_like(scene.dense.depth)), COARSE, no_work)
    with pytest.raises(InputError, match=r"no depth is within `depth_max=0\.001`"):
        make_surface(scene, replace(COARSE, depth_max=0.001), no_work)
    with pytest.raises(OptionError, match="`voxel_size` must be positive and finite: -1"):
        SurfaceOptions(voxel_size=-1)
    with pytest.raises(OptionError, match="`faces` must be 0 or more: -5"):
        SurfaceOptions(faces=-5)


def first_of(scene: Reconstruction, count: int) -> dict[str, np.ndarray]:
    return {name: getattr(scene.dense, name)[:count] for name in ("depth", "confidence", "rgb")}


@pytest.mark.parametrize("stage", ["bring views together", "integrate", "surface", "colour"])
def test_it_can_be_stopped_at_every_stage(room: Room, stage: str):
    def stop(progress: Progress) -> None:
        if progress.stage == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        make_surface(room.reconstruction, COARSE, stop)
