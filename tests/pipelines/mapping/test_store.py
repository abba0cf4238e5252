"""Frames on disk."""

import numpy as np
import pytest

from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.models.api import InputSpec
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.store import MAX_WEIGHT, DenseStore, FrameDepth, FrameStore

GRID = (4, 6)


def maps(value, weight=0.5):
    return FrameDepth(np.full(GRID, value, dtype=np.float32), np.full(GRID, weight, dtype=np.float32))


def test_what_was_written_is_read(tmp_path):
    store = DenseStore(RecordFolder(tmp_path), GRID)
    store.write(7, maps(2.5, 0.25))
    assert (store.read(7).depth == 2.5).all()
    assert (store.read(7).weight == 0.25).all()
    assert (store.read(3).depth == 0).all()


def test_a_weight_never_becomes_one(tmp_path):
    store = DenseStore(RecordFolder(tmp_path), GRID)
    store.write(0, maps(1.0, 0.99999))
    assert store.read(0).weight.max() < 1.0
    assert store.read(0).weight.max() == pytest.approx(MAX_WEIGHT, abs=1e-3)


def test_a_killed_step_leaves_the_committed_maps(tmp_path):
    store = DenseStore(RecordFolder(tmp_path), GRID)
    store.write(0, maps(1.0))
    slots = store.slots()
    store.commit(slots)
    store.write(0, maps(2.0))
    store.write(0, maps(3.0))
    assert (store.read(0).depth == 3.0).all()
    again = DenseStore(RecordFolder(tmp_path), GRID)
    again.commit(slots)
    assert (again.read(0).depth == 1.0).all()


def test_frames_in_memory_move_to_disk_and_are_decoded_once_for_the_grid(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    store = FrameStore(RecordFolder(tmp_path), InputSpec(long_side_px=16), is_ordered=True)
    store.add(frames_from_arrays([image])[0])
    batch = store.window([0]).batch()
    assert (store.frames[0].decode() == image).all()
    assert (store.rgb(0) == image).all()
    np.testing.assert_array_equal(batch.pixels[0].permute(1, 2, 0).numpy(), image.astype(np.float32) / 255.0)
