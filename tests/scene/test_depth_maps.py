"""Edges, normals and footprints of one depth map."""

import numpy as np
import pytest

from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.depth_maps import depth_edges, grazing_pixels, inverse_depth, normals_camera, pixel_footprint

CAMERA = PinholeCamera(width=64, height=48, fx=50.0, fy=60.0, cx=30.0, cy=25.0)


def plane_depth(normal: list[float], distance: float) -> np.ndarray:
    """Depth of the plane normal . X = distance, 0 where the ray misses it."""
    v, u = np.mgrid[0:48, 0:64]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], axis=-1)
    slope = rays @ np.array(normal) / np.linalg.norm(normal)
    return np.where(slope > 1e-3, distance / np.where(slope > 1e-3, slope, 1), 0).astype(np.float32)


@pytest.mark.parametrize("normal", [[0, 0, 1], [0, 1, 0.02], [0.9, 0.1, 0.5]])
def test_a_plane_has_no_edges_however_it_is_tilted(normal: list[float]):
    depth = plane_depth(normal, 1.5)
    assert (depth > 0).sum() > 1000
    assert not depth_edges(depth, 0.01).any()


@pytest.mark.parametrize("normal", [[0, 0, 1], [0, 1, 0.5], [0.9, 0.1, 0.5]])
def test_a_planes_normal_is_found_and_faces_the_camera(normal: list[float]):
    depth = plane_depth(normal, 1.5)
    found = normals_camera(CAMERA, depth)[depth > 0]
    assert np.abs(found + np.array(normal) / np.linalg.norm(normal)).max() < 1e-3


def test_a_step_is_an_edge_on_both_its_sides_and_nowhere_else():
    depth = np.full((48, 64), 2.0, np.float32)
    depth[:, 20:] = 3.0
    edges = depth_edges(depth, 0.05)
    assert np.flatnonzero(edges.any(axis=0)).tolist() == [19, 20]
    assert np.array_equal(depth_edges(depth.T, 0.05), edges.T)
    assert not depth_edges(depth, 0.5).any()


def test_a_pixel_that_flies_between_two_surfaces_is_an_edge():
    inverse = np.full((48, 64), 1.0, np.float32)
    inverse[:, 20] = 0.75
    inverse[:, 21:] = 0.5
    assert depth_edges(1 / inverse, 0.05)[:, 20].all()


def test_edges_are_those_found_pixel_by_pixel():
    rng = np.random.default_rng(3)
    depth = np.where(rng.random((30, 40)) < 0.1, 0.0, 2.0 + 0.3 * rng.integers(0, 2, (30, 40)) + 0.02 * rng.random((30, 40)))
    wanted = np.zeros(depth.shape, dtype=np.bool_)
    for image, mask in ((depth, wanted), (depth.T, wanted.T)):
        for row, line in enumerate(image):
            inverse = [1 / value if value > 0 else np.nan for value in line]
            for left in range(len(line) - 1):
                step = inverse[left + 1] - inverse[left]
                bends = [
                    abs(inverse[middle + 1] - 2 * inverse[middle] + inverse[middle - 1])
                    for middle in (left, left + 1)
                    if 0 < middle < len(line) - 1
                ]
                limit = 0.05 * max(inverse[left], inverse[left + 1])
                known = [bend for bend in bends if not np.isnan(bend)]
                if abs(step) > limit and (not known or max(known) > limit):
                    mask[row, left] = mask[row, left + 1] = True
    assert np.array_equal(depth_edges(depth.astype(np.float32), 0.05), wanted)
    assert 0.1 < wanted.mean() < 0.9


def test_unknown_depth_is_no_edge():
    depth = np.full((48, 64), 2.0, np.float32)
    depth[:, 20:30] = 0.0
    assert not depth_edges(depth, 0.05).any()


def test_a_lone_pixel_has_no_normal():
    depth = np.zeros((48, 64), np.float32)
    depth[10, 10] = 2.0
    assert np.isnan(normals_camera(CAMERA, depth)).all()
    assert not grazing_pixels(CAMERA, depth, 80.0).any()


def test_grazing_pixels_are_those_beyond_the_angle():
    straight, tilted = plane_depth([0, 0, 1], 1.5), plane_depth([0, 1, 0.02], 1.5)
    assert not grazing_pixels(CAMERA, straight, 60.0).any()
    known = tilted > 0
    v = np.broadcast_to(np.arange(48)[:, None], known.shape)
    grazing = grazing_pixels(CAMERA, tilted, 80.0)
    assert v[grazing].max() < v[known & ~grazing].min() + 2
    assert grazing.any()
    assert (known & ~grazing).any()


def test_inverse_depth_is_nan_where_unknown():
    inverse = inverse_depth(np.array([[0.0, 4.0]], np.float32))
    assert np.isnan(inverse[0, 0])
    assert inverse[0, 1] == 0.25


def test_a_footprint_is_depth_over_focal_length():
    assert np.isclose(pixel_footprint(CAMERA, np.float32([3.0]))[0], 3.0 / np.sqrt(50 * 60))
