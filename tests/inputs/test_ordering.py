"""Telling a walk from a heap of photos."""

import numpy as np

from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.inputs.ordering import looks_like_walk

WORLD = np.random.default_rng(0).integers(0, 255, (2, 10, 3)).repeat(30, axis=0).repeat(60, axis=1).astype(np.uint8)


def walk(n: int = 20) -> list[np.ndarray]:
    return [np.ascontiguousarray(WORLD[:, k * 15 : k * 15 + 80]) for k in range(n)]


def names(n: int = 20) -> list[str]:
    return [f"IMG_{k:04d}.jpg" for k in range(n)]


def test_neighbouring_frames_of_a_pan_are_a_walk() -> None:
    assert looks_like_walk(frames_from_arrays(walk(), names()).frames)


def test_the_same_photos_shuffled_are_not() -> None:
    images = walk()
    order = np.random.default_rng(1).permutation(len(images))
    assert not looks_like_walk(frames_from_arrays([images[k] for k in order], names()).frames)


def test_names_that_do_not_count_up_are_not() -> None:
    assert not looks_like_walk(frames_from_arrays(walk(), [f"{chr(97 + k)}.jpg" for k in range(20)]).frames)


def test_few_photos_are_never_a_walk() -> None:
    assert not looks_like_walk(frames_from_arrays(walk(6), names(6)).frames)
