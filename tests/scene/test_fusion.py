"""Fused clouds lie on the surfaces, whatever noise, padding or flying points the maps hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.progress import Cancelled, Progress
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import FusionConfig, fuse, view_points
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.visibility import DepthView, sight
from tests.fakes import Room, fake_room

ROOM = fake_room(6)


def with_depth(scene: Reconstruction, depth: np.ndarray) -> Reconstruction:
    return replace(scene, dense=replace(scene.dense, depth=depth.astype(np.float32)))


def with_confidence(scene: Reconstruction, confidence: np.ndarray) -> Reconstruction:
    return replace(scene, dense=replace(scene.dense, confidence=confidence.astype(np.float32)))


def off_surface(room: Room, cloud: PointCloud, distance: float = 0.05) -> int:
    return int((room.distance_to_surface(cloud.points) > distance).sum())


@pytest.mark.parametrize("n_views", [1, 2, 3, 6])
def test_fused_points_lie_on_the_room_and_cover_it(n_views: int):
    room = fake_room(n_views, mixed=True, pixel_aspect=1.2, principal_offset=(0.05, -0.05))
    cloud = fuse(room.reconstruction)
    assert off_surface(room, cloud, 0.04) == 0
    assert len(cloud) > 0.4 * 64 * 48
    assert np.isfinite(cloud.points).all()
    assert set(cloud.view_index.tolist()) <= set(range(n_views))


def test_a_larger_grid_keeps_nearly_every_pixel_of_a_perfect_scene():
    scene = fake_room(5, 160, 120).reconstruction
    n_pixels = (scene.dense.depth > 0).sum()
    assert len(fuse(scene, FusionConfig(voxel_size=1e-4, max_points=None, min_agreeing_views=0))) > 0.97 * n_pixels
    assert len(fuse(scene, FusionConfig(voxel_size=1e-4, max_points=None, min_agreeing_views=1))) > 0.85 * n_pixels


def test_the_same_scene_gives_the_same_bytes():
    first, second = fuse(ROOM.reconstruction), fuse(ROOM.reconstruction)
    for name in ("points", "colors", "confidence", "view_index", "radius"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_as_many_threads_as_there_are_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch):
    scene, clouds = fake_room(6, 96, 72, mixed=True).reconstruction, {}
    for n_threads in ("1", "2", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
        clouds[n_threads] = fuse(scene)
    for name in ("points", "colors", "confidence", "view_index", "radius"):
        assert len({getattr(cloud, name).tobytes() for cloud in clouds.values()}) == 1


def fused_one_by_one(scene: Reconstruction, size: float, config: FusionConfig) -> dict[tuple[int, ...], np.ndarray]:
    """The mean point of each voxel, from every pixel that stands alone and that enough of all the other views confirm."""
    kept: dict[tuple[int, ...], list[np.ndarray]] = {}
    for index in range(scene.n_views):
        for point in view_points(scene, index, config).points:
            agreeing = contradicting = 0
            for other in range(scene.n_views):
                if other != index:
                    found = sight(
                        DepthView.of(scene, other),
                        point[None],
                        tolerance=config.depth_tolerance,
                        free_space_tolerance=config.free_space_tolerance,
                    )
                    agreeing += int(found.is_seen.sum())
                    contradicting += int(found.is_seen_through.sum())
            if agreeing >= config.agreeing_views_needed(scene.n_views) and contradicting <= agreeing:
                cell = tuple(int(number) for number in np.floor(point.astype(np.float64) / size))
                kept.setdefault(cell, []).append(point.astype(np.float64))
    return {cell: np.mean(points, axis=0) for cell, points in kept.items()}


def test_the_cloud_is_what_fusing_point_by_point_gives():
    scene = fake_room(4, 48, 36, mixed=True).reconstruction
    even = with_confidence(scene, np.full_like(scene.dense.confidence, 3.0))
    config = FusionConfig(voxel_size=0.05, max_points=None)
    cloud, slow = fuse(even, config), fused_one_by_one(even, 0.05, config)
    assert len(cloud) == len(slow) > 500
    order = sorted(slow, key=lambda cell: [number % 2**21 for number in cell])
    assert np.allclose(cloud.points, [slow[cell] for cell in order], rtol=1e-6, atol=1e-6)


def test_points_floating_in_free_space_are_dropped():
    scene = ROOM.reconstruction
    depth = scene.dense.depth.copy()
    depth[2, 10:30, 10:30] *= 0.5
    floating = with_depth(scene, depth)
    assert off_surface(ROOM, fuse(floating, FusionConfig(min_agreeing_views=0, neighbour_views=0))) > 50
    assert off_surface(ROOM, fuse(floating)) == 0
    by_free_space_alone = fuse(floating, FusionConfig(min_agreeing_views=0))
    assert off_surface(ROOM, by_free_space_alone) < 40


def test_flying_pixels_at_depth_edges_are_dropped_even_with_one_view():
    room = fake_room(1, 160, 120)
    scene = room.reconstruction
    blurred = scene.dense.depth.copy()
    inverse = 1 / blurred[0]
    blurred[0, :, 1:-1] = 3 / (inverse[:, :-2] + inverse[:, 1:-1] + inverse[:, 2:])
    flying = with_depth(scene, blurred)
    assert off_surface(room, fuse(flying, FusionConfig(max_depth_jump=10.0, max_grazing_deg=90.0)), 0.15) > 20
    assert off_surface(room, fuse(flying, FusionConfig(max_depth_jump=0.02)), 0.15) == 0


def test_the_least_confident_pixels_can_be_dropped_by_weight_and_by_share():
    scene = ROOM.reconstruction
    ramp = np.broadcast_to(np.linspace(1, 11, 64, dtype=np.float32), scene.dense.depth.shape)
    ranked = with_confidence(scene, ramp)
    assert fuse(ranked, FusionConfig(min_weight=0.8)).confidence.min() >= 5.0
    assert fuse(ranked, FusionConfig(keep_percent=25.0)).confidence.min() > 8.0
    both = fuse(ranked, FusionConfig(keep_percent=90.0, min_weight=0.8))
    assert both.confidence.min() >= 5.0


def test_padding_never_becomes_points_even_if_it_has_depth():
    scene = fake_room(2, mixed=True).reconstruction
    filled = with_depth(scene, np.where(scene.dense.depth > 0, scene.dense.depth, 2.0))
    cloud = fuse(filled, FusionConfig(min_agreeing_views=0, neighbour_views=0))
    assert np.array_equal(cloud.points, fuse(scene, FusionConfig(min_agreeing_views=0, neighbour_views=0)).points)


def test_moving_the_world_moves_the_cloud():
    room = fake_room(4, world="room")
    config = FusionConfig(voxel_size=1e-4, max_points=None)
    still = fuse(room.reconstruction, config)
    moved = fuse(fake_room(4).reconstruction, config)
    assert abs(len(still) - len(moved)) < 0.01 * len(still)
    assert off_surface(fake_room(4), moved, 1e-3) == 0


def test_scaling_the_scene_scales_the_cloud_and_its_radii():
    scene = ROOM.reconstruction
    small, large = fuse(scene), fuse(scene.scaled(8.0, scene.scale))
    assert np.allclose(large.points, 8.0 * small.points, rtol=1e-4, atol=1e-3)
    assert np.allclose(large.radius, 8.0 * small.radius, rtol=1e-4)


def test_the_cloud_is_no_larger_than_asked():
    assert len(fuse(ROOM.reconstruction, FusionConfig(max_points=500))) <= 500


def test_a_voxel_size_in_metres_spaces_the_points():
    cloud = fuse(ROOM.reconstruction, FusionConfig(voxel_size=0.3))
    cells = np.floor(cloud.points / 0.3).astype(int)
    assert len(np.unique(cells, axis=0)) == len(cloud)
    assert cloud.radius.min() >= 0.15


def test_maps_on_disk_fuse_like_maps_in_memory(tmp_path: Path):
    scene = ROOM.reconstruction
    for name in ("depth", "confidence", "rgb"):
        np.save(tmp_path / f"{name}.npy", getattr(scene.dense, name))
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("depth", "confidence", "rgb")}
    on_disk = replace(scene, dense=replace(scene.dense, **mapped))
    assert np.array_equal(fuse(on_disk).points, fuse(scene).points)


def test_one_view_needs_no_agreement_and_two_need_one():
    config = FusionConfig(min_agreeing_views=2)
    assert [config.agreeing_views_needed(n) for n in (1, 2, 3, 4, 50)] == [0, 1, 1, 2, 2]


def test_progress_is_told_per_view_and_can_stop_the_work():
    told: list[Progress] = []
    fuse(ROOM.reconstruction, monitor=told.append)
    assert [progress.done for progress in told] == list(range(7))
    assert {(progress.stage, progress.total) for progress in told} == {("fuse", 6)}

    def stop(progress: Progress, /) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        fuse(ROOM.reconstruction, monitor=stop)


def test_a_scene_without_depth_cannot_be_fused():
    with pytest.raises(InputError, match="cameras only"):
        fuse(replace(ROOM.reconstruction, dense=None))


def test_a_scene_with_only_unknown_depth_gives_an_empty_cloud():
    empty = with_depth(ROOM.reconstruction, np.zeros_like(ROOM.reconstruction.dense.depth))
    assert len(fuse(empty, FusionConfig(keep_percent=50.0))) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_weight", 1.0),
        ("keep_percent", 0.0),
        ("max_depth_jump", 0.0),
        ("max_grazing_deg", 91.0),
        ("min_agreeing_views", -1),
        ("neighbour_views", -1),
        ("depth_tolerance", 0.0),
        ("free_space_tolerance", 0.0),
        ("voxel_size", -0.1),
        ("voxel_size", np.inf),
        ("max_points", 0),
    ],
)
def test_an_option_out_of_range_is_named(field: str, value: float):
    with pytest.raises(ValueError, match=f"{field} must be"):
        FusionConfig(**{field: value})
