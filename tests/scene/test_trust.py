"""One cut by trust: what stays, what becomes unknown, and what is told of it."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.scene import trust
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import (
    CLOUD,
    CUT,
    KEEPS,
    LEAST_WEIGHT,
    cut_of,
    cuts_of,
    keep_of_cloud,
    kept,
    kept_depth,
    with_cloud_of,
)
from tests.fakes import calibrated, fake_room

WIDTH, HEIGHT, N_VIEWS = 40, 30, 3
N_PIXELS = N_VIEWS * WIDTH * HEIGHT
FIRST_COLUMN = {"trusted": 24, "most": 8, "all": 0}
"""Of what each choice keeps of `calibrated`."""


@pytest.fixture
def scene() -> Reconstruction:
    return calibrated(fake_room(N_VIEWS, WIDTH, HEIGHT).reconstruction)


@pytest.mark.parametrize("keep", KEEPS)
def test_what_is_trusted_stays_as_it_is_and_the_rest_is_unknown(scene: Reconstruction, keep: trust.Keep) -> None:
    cut, first = kept(scene, keep), FIRST_COLUMN[keep]
    assert cut.dense is not None
    assert scene.dense is not None
    for name, unknown in (("depth", 0.0), ("confidence", 1.0)):
        ours, all_of_it = getattr(cut.dense, name), getattr(scene.dense, name)
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours[:, :, first:], all_of_it[:, :, first:])
        assert (ours[:, :, :first] == unknown).all()
    assert cut.dense.rgb is scene.dense.rgb
    assert cut.dense.weight_is_probability
    assert cut.views is scene.views


def test_the_shares_are_counted_exactly_and_told(scene: Reconstruction) -> None:
    assert {keep: cut.kept for keep, cut in cuts_of(scene).items()} == {"trusted": 0.4, "most": 0.8, "all": 1.0}
    assert cut_of(scene, "most").answered == 1.0
    told = {"keep": "most", "least_weight": LEAST_WEIGHT["most"], "answered": 1.0, "kept": 0.8}
    assert kept(scene, "most").provenance.config[CUT] == told
    assert with_cloud_of(scene, "most").provenance.config == {**scene.provenance.config, CLOUD: told}
    assert keep_of_cloud(with_cloud_of(scene, "most")) == "most"
    for strange in ({}, {CLOUD: "most"}, {CLOUD: {"keep": "best"}}, {CLOUD: {}}):
        assert keep_of_cloud(replace(scene, provenance=replace(scene.provenance, config=strange))) is None


def test_only_the_photos_pixels_count() -> None:
    scene = calibrated(fake_room(2, WIDTH, HEIGHT, mixed=True).reconstruction)
    assert scene.dense is not None
    portrait = scene.views[1].letterbox
    n_kept = WIDTH * HEIGHT * 0.4 + portrait.height * (portrait.x + portrait.width - FIRST_COLUMN["trusted"])
    assert cut_of(scene, "trusted").kept == n_kept / (WIDTH * HEIGHT + portrait.width * portrait.height)


def test_nothing_is_cut_where_weights_are_no_probabilities_or_all_is_wanted(scene: Reconstruction) -> None:
    assert scene.dense is not None
    plain = replace(scene, dense=replace(scene.dense, weight_is_probability=False))
    cameras = replace(scene, dense=None)
    assert kept(plain) is plain
    assert with_cloud_of(plain, "trusted") is plain
    assert kept(cameras) is cameras
    assert cut_of(cameras, "all").answered == 0.0
    assert kept(scene, "all") is scene
    assert cut_of(plain, "trusted").kept == 1.0


def test_a_second_cut_keeps_what_both_keep(scene: Reconstruction) -> None:
    twice, once = kept(kept(scene, "most"), "trusted").dense, kept(scene, "trusted").dense
    assert twice is not None
    assert once is not None
    np.testing.assert_array_equal(twice.depth, once.depth)
    np.testing.assert_array_equal(twice.confidence, once.confidence)


def test_where_nothing_would_be_left_one_line_says_what_to_do(scene: Reconstruction) -> None:
    assert scene.dense is not None
    low = np.full_like(scene.dense.confidence, 1 / (1 - LEAST_WEIGHT["most"] / 2))
    doubtful = replace(scene, dense=replace(scene.dense, confidence=low))
    with pytest.raises(InputError, match=r"^no depth of this scene is trusted.*use `keep=.most.` or `keep=.all.`$"):
        kept(doubtful)
    with pytest.raises(InputError, match=r"kept by `keep='most'`.*: use `keep='all'`$"):
        kept(doubtful, "most")
    empty = replace(scene, dense=replace(scene.dense, depth=np.zeros_like(low), confidence=np.ones_like(low)))
    assert cut_of(kept(empty), "all").answered == 0.0


def test_large_maps_are_cut_into_a_file_with_the_same_numbers(scene: Reconstruction, monkeypatch: pytest.MonkeyPatch) -> None:
    small = kept(scene).dense
    monkeypatch.setattr(trust, "LARGEST_IN_MEMORY", 100)
    large = kept(scene).dense
    assert small is not None
    assert large is not None
    assert not large.depth.flags.owndata
    np.testing.assert_array_equal(large.depth, small.depth)
    np.testing.assert_array_equal(large.confidence, small.confidence)
    monkeypatch.setattr(trust.tempfile, "TemporaryFile", _full_disk)
    with pytest.raises(ResourceError, match="no room for the depth that is kept"):
        kept(scene)


def _full_disk(**_: object) -> None:
    raise OSError(28, "No space left on device")


def test_one_view_is_cut_as_the_scene_is(scene: Reconstruction) -> None:
    assert scene.dense is not None
    cut = kept(scene).dense
    assert cut is not None
    np.testing.assert_array_equal(kept_depth(scene.dense, 1, "trusted"), cut.depth[1])
    assert kept_depth(scene.dense, 1, "trusted").dtype == np.float32
