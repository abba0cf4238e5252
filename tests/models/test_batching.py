"""Letterboxing: where images land in the grid, and that cameras follow exactly."""

import numpy as np
import torch

from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.models.api import InputSpec
from amb3r_core.models.batching import choose_grid, choose_letterbox, prepare
from amb3r_core.scene.camera import PinholeCamera

SPEC = InputSpec(long_side_px=56, multiple_px=14)


def test_one_shape_fills_the_grid_without_padding() -> None:
    batch = prepare(frames_from_arrays([np.zeros((48, 64, 3), np.uint8)] * 2).frames, SPEC)
    assert batch.grid == (42, 56)
    assert bool(batch.valid.all())


def test_mixed_orientations_share_one_grid_and_mark_the_padding() -> None:
    white = [np.full(shape, 255, np.uint8) for shape in ((48, 64, 3), (64, 48, 3))]
    batch = prepare(frames_from_arrays(white).frames, SPEC)
    assert batch.grid == (56, 56)
    for index in range(2):
        assert torch.equal(batch.pixels[index].mean(0) > 0.5, batch.valid[index])
        share = batch.valid[index].float().mean().item()
        assert abs(share - 0.75) < 0.02


def test_small_images_are_not_enlarged() -> None:
    assert choose_grid([(20, 10)], InputSpec(long_side_px=640)) == (10, 20)


def test_a_point_lands_on_the_same_place_of_the_resized_image() -> None:
    camera = PinholeCamera(width=200, height=100, fx=150, fy=160, cx=95, cy=52)
    letterbox = choose_letterbox((200, 100), (70, 70), fill=False)
    grid = camera.mapped(letterbox, 70, 70)
    points = np.random.default_rng(0).uniform([-0.5, -0.3, 1], [0.5, 0.3, 3], (50, 3))
    original, small = camera.project(points), grid.project(points)
    scale = np.array([letterbox.width / 200, letterbox.height / 100])
    assert np.allclose((original + 0.5) * scale + [letterbox.x, letterbox.y] - 0.5, small)
    back = grid.unmapped(letterbox, 200, 100)
    assert np.allclose([back.fx, back.fy, back.cx, back.cy], [150, 160, 95, 52])


def test_a_grid_pixel_over_any_masked_pixel_is_masked() -> None:
    from dataclasses import replace

    frame = frames_from_arrays([np.full((40, 40, 3), 200, np.uint8)])[0]
    mask = np.ones((40, 40), bool)
    mask[13, 21] = False
    batch = prepare([replace(frame, decode_mask=lambda: mask)], InputSpec(long_side_px=20))
    assert int((~batch.valid).sum()) == 1
    assert not bool(batch.valid[0, 6, 10])
