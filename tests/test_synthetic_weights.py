"""The synthetic weights against checksums of those that the golden files were made with."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import numpy as np
import pytest

from amb3r_core.models.amb3r.manifest import published_tensors
from tests.paths import ROOT
from tests.synthetic_weights import synthetic_images, synthetic_tensor

WHOLE = "__all_float_tensors_sorted_by_key__"
CHECKSUMS = json.loads((ROOT / "tests" / "data" / "weights_checksums.json").read_text(encoding="utf-8"))
SINGLE = [key for key in CHECKSUMS if key != WHOLE]


@pytest.mark.parametrize("key", SINGLE)
def test_a_tensor_has_the_bytes_it_should(key: str) -> None:
    wanted = CHECKSUMS[key]
    tensor = synthetic_tensor(key, tuple(wanted["shape"]))
    assert tuple(wanted["shape"]) == published_tensors()[key].shape
    assert crc32(key.encode()) == wanted["crc32"]
    np.testing.assert_array_equal(tensor.ravel()[:4], np.array(wanted["first4"], np.float32))
    assert hashlib.sha256(tensor.tobytes()).hexdigest()[:16] == wanted["sha256_16"]


@pytest.mark.slow
def test_all_tensors_together_have_the_bytes_they_should() -> None:
    keys = sorted(key for key, spec in published_tensors().items() if spec.dtype == "float32")
    assert len(keys) == 2533
    digest = hashlib.sha256()
    with ThreadPoolExecutor(max_workers=2) as pool:
        # A few at a time: all of them would be six gigabytes.
        for start in range(0, len(keys), 16):
            batch = keys[start : start + 16]
            for key, tensor in zip(batch, pool.map(_published, batch), strict=True):
                digest.update(key.encode())
                digest.update(tensor)
    assert digest.hexdigest() == CHECKSUMS[WHOLE]["sha256_of(key bytes + float32 bytes, C order, concatenated)"]


def _published(key: str) -> bytes:
    return synthetic_tensor(key, published_tensors()[key].shape).tobytes()


def test_a_salt_makes_other_weights_of_the_same_kind() -> None:
    key = "front_end.model.aggregator.frame_blocks.3.attn.q_norm.weight"
    plain, salted = synthetic_tensor(key, (64,)), synthetic_tensor(key, (64,), "salt")
    assert not np.array_equal(plain, salted)
    assert abs(salted.mean() - 1) < 0.1


def test_images_stay_in_range_and_differ_by_scene_view_and_channel() -> None:
    images = synthetic_images(2, 2, 14, 28)
    assert images.shape == (2, 2, 3, 14, 28)
    assert images.abs().max() <= 1
    flat = images.reshape(12, -1)
    assert len({row.numpy().tobytes() for row in flat}) == 12
