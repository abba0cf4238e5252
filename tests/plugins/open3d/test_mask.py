"""Masking drops what is wrong and keeps what is right."""

from dataclasses import replace

import numpy as np
import pytest
from amb3r_open3d.mask import MaskDepth, MaskDepthOptions
from amb3r_open3d.scene import Scene

from amb3r_core.errors import InputError
from amb3r_core.progress import Cancelled, Progress
from amb3r_core.scene.trust import Keep
from tests.fakes import Room, calibrated, fake_room


def known(scene: Scene) -> np.ndarray:
    return np.asarray(scene.dense.depth) > 0


def test_exact_depth_stays_and_flying_pixels_go(room: Room, scene: Scene):
    assert known(MaskDepth()(scene)).mean() > 0.93
    random, dense = np.random.default_rng(0), room.reconstruction.dense
    flying = random.random(dense.depth.shape) < 0.05
    depth = np.where(flying, dense.depth * random.uniform(0.3, 0.8, dense.depth.shape), dense.depth).astype(np.float32)
    spoiled = Scene(replace(room.reconstruction, dense=replace(dense, depth=depth)))
    masked = known(MaskDepth()(spoiled))
    assert masked[flying].mean() < 0.02
    assert masked[~flying].mean() > 0.6
    assert np.array_equal(np.asarray(spoiled.dense.depth), depth)


def test_the_least_confident_share_goes(scene: Scene):
    kept = MaskDepth(MaskDepthOptions(keep_percent=60.0, edges=False, min_agreeing_views=0))(scene)
    assert known(kept).mean() == pytest.approx(0.6, abs=0.03)
    weights = np.stack([scene.dense.weight(index) for index in range(len(scene))])
    assert weights[known(kept)].min() >= weights[~known(kept)].max() - 1e-3


def test_what_only_one_view_sees_is_kept_or_dropped_as_told(scene: Scene):
    keep, drop = (known(MaskDepth(MaskDepthOptions(seen_once=choice, edges=False))(scene)).mean() for choice in ("keep", "drop"))
    assert drop < keep


def test_a_view_that_is_blocked_does_not_deny_what_lies_behind(scene: Scene):
    assert known(MaskDepth(MaskDepthOptions(edges=False))(scene)).mean() > 0.998


def test_what_claims_to_lie_far_behind_everything_is_not_believed(room: Room, scene: Scene, monkeypatch: pytest.MonkeyPatch):
    depth = np.asarray(scene.dense.depth).copy()
    depth[:, 20:40, 30:60] *= 5.0
    wild = Scene(replace(room.reconstruction, dense=replace(scene.dense, depth=depth)))
    believed = known(MaskDepth(MaskDepthOptions(edges=False))(wild))[:, 20:40, 30:60].mean()
    monkeypatch.setattr("amb3r_open3d.mask.FARTHEST_HIDDEN", 100.0)
    credulous = known(MaskDepth(MaskDepthOptions(edges=False))(wild))[:, 20:40, 30:60].mean()
    assert believed < 0.2 < credulous


def test_wrong_options_are_told_and_a_monitor_may_cancel(scene: Scene):
    with pytest.raises(InputError, match=r"keep_percent in \(0, 100\], depth_max > 0"):
        MaskDepthOptions(keep_percent=0.0, depth_max=-1.0)

    def stop(progress: Progress, /) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        MaskDepth(monitor=stop)(scene)


@pytest.mark.parametrize(("keep", "first"), [("trusted", 36), ("most", 12), ("all", 0)])
def test_masking_begins_with_the_depth_that_is_kept(keep: Keep, first: int):
    scene = Scene(calibrated(fake_room(4, 60, 45).reconstruction))
    masked = known(MaskDepth(MaskDepthOptions(keep=keep, edges=False, min_agreeing_views=0))(scene))
    assert not masked[:, :, :first].any()
    assert masked[:, :, first:].all()
    assert MaskDepthOptions().keep == "trusted"
