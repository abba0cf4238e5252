"""Fusing windows into the map."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.pipelines.mapping.codec import decode, encode
from amb3r_core.pipelines.mapping.records import RecordFolder
from amb3r_core.pipelines.mapping.scene_map import MapConfig, MapRecord, SceneMap, fuse_maps
from amb3r_core.pipelines.mapping.store import DenseStore, FrameDepth
from amb3r_core.scene.geometry import Sim3
from amb3r_core.scene.lens import simple_radial
from tests.pipelines.windows_of_truth import moved_by, true_window


def flat(depth, weight):
    return FrameDepth(np.full((2, 2), depth, dtype=np.float32), np.full((2, 2), weight, dtype=np.float32))


def empty_map(folder, config=None):
    return SceneMap(DenseStore(RecordFolder(folder), (24, 32)), config or MapConfig())


def test_depth_is_weighted_by_confidence_and_count():
    fused = fuse_maps(flat(1.00, 0.6), flat(1.06, 0.3), 3, 0.1)
    assert fused.depth[0, 0] == pytest.approx((0.6 * 3 * 1.00 + 0.3 * 1.06) / (0.6 * 3 + 0.3), rel=1e-6)
    assert fused.weight[0, 0] == pytest.approx((0.6 * 3 + 0.3) / 4, rel=1e-6)


def test_two_surfaces_are_not_averaged():
    assert fuse_maps(flat(1.0, 0.6), flat(2.0, 0.5), 1, 0.1).depth[0, 0] == 1.0
    assert fuse_maps(flat(1.0, 0.2), flat(2.0, 0.5), 1, 0.1).depth[0, 0] == 2.0


def test_unknown_depth_never_dilutes_known_depth():
    assert fuse_maps(flat(0.0, 0.0), flat(2.0, 0.5), 4, 0.1).depth[0, 0] == 2.0
    assert fuse_maps(flat(2.0, 0.5), flat(0.0, 0.0), 4, 0.1).depth[0, 0] == 2.0


def test_the_unit_is_the_median_depth_of_the_first_window(tmp_path):
    window = true_window(range(4))
    scene = empty_map(tmp_path)
    scene.start(replace(window, metres_per_unit=1.0))
    assert np.median([scene.maps(frame).depth for frame in range(4)]) == pytest.approx(1.0, rel=1e-5)
    assert scene.metres[0][0] == pytest.approx(np.median(window.depth), rel=1e-5)


def test_fusing_the_same_again_changes_nothing_but_counts(tmp_path):
    window = true_window(range(4))
    scene = empty_map(tmp_path)
    scene.start(window)
    before = [(scene.pose(f).copy(), scene.maps(f).depth, scene.intrinsics(f).copy()) for f in range(4)]
    other = moved_by(window, Sim3(3.0, window.cam_to_world[1][:3, :3], np.array([1.0, 2, 3])))
    alignment = scene.align(other, range(4))
    scene.fuse(alignment.apply(other), range(4), alignment)
    for frame, (pose, depth, K) in enumerate(before):
        np.testing.assert_allclose(scene.pose(frame), pose, atol=1e-6)
        np.testing.assert_allclose(scene.maps(frame).depth, depth, rtol=1e-5)
        np.testing.assert_allclose(scene.intrinsics(frame), K, rtol=1e-9)


def test_what_is_measured_against_the_map_replaces_what_was_before_and_the_rest_blends(tmp_path):
    window = true_window(range(4))
    scene = empty_map(tmp_path)
    scene.start(window)
    alignment = scene.align(window, range(4))
    better = alignment.apply(window)
    poses, longer = better.cam_to_world.copy(), better.intrinsics * np.array([1.2, 1.2, 1.0])[:, None]
    poses[2, 0, 3] += 0.1
    before, focal_px = scene.pose(2)[0, 3], scene.intrinsics(2)[0, 0]
    scene.fuse(replace(better, cam_to_world=poses, intrinsics=longer), [2], alignment)
    assert scene.pose(2)[0, 3] == pytest.approx(before + 0.05, abs=0.01)
    assert scene.intrinsics(2)[0, 0] == pytest.approx(1.1 * focal_px, rel=0.01)
    measured = replace(better, cam_to_world=poses, intrinsics=longer, in_map_frame=True)
    scene.fuse(measured, [1, 2], alignment)
    np.testing.assert_array_equal(scene.pose(2), poses[2])
    np.testing.assert_array_equal(scene.intrinsics(2), longer[2])
    assert scene.intrinsics(1)[0, 0] == pytest.approx(focal_px), "an anchor's camera is left alone"
    scene.fuse(better, [2], alignment)
    assert scene.intrinsics(2)[0, 0] == pytest.approx(focal_px, rel=0.03), "a camera found freely outweighs it"


def test_a_lens_blends_as_the_camera_does(tmp_path):
    window = replace(true_window(range(4)), lenses=(simple_radial(-0.1),) * 4)
    scene = empty_map(tmp_path)
    scene.start(window)
    assert scene.lens(2) == simple_radial(-0.1)
    alignment = scene.align(window, range(4))
    scene.fuse(replace(alignment.apply(window), lenses=(simple_radial(-0.2),) * 4), [2], alignment)
    assert scene.lens(1) == simple_radial(-0.1)
    assert scene.lens(2).coefficients[0] == pytest.approx(-0.15)


def trusting(window, *trusts, scene_trust=None):
    return replace(window, pose_trust=trusts, scene_trust=min(trusts) if scene_trust is None else scene_trust)


def pose_trusts(scene, frames):
    return [scene.pose_trust(frame) for frame in frames]


def test_a_view_is_as_sure_as_the_surest_window_that_placed_it_and_the_path_as_the_least(tmp_path):
    scene, window = empty_map(tmp_path), true_window(range(4))
    scene.start(trusting(window, 0.9, 0.9, 0.5, 0.95, scene_trust=0.8))
    assert pose_trusts(scene, range(4)) == [0.9, 0.9, 0.5, 0.95]
    assert scene.path_trust == 0.8
    alignment = scene.align(window, range(4))
    scene.fuse(trusting(alignment.apply(window), 0.7, 0.92, 0.85, 0.92, scene_trust=0.75), range(4), alignment)
    assert pose_trusts(scene, range(4)) == [0.9, 0.92, 0.85, 0.95]
    assert scene.path_trust == 0.75


def test_a_view_is_no_surer_than_the_views_that_its_window_hangs_on(tmp_path):
    scene, window = empty_map(tmp_path), true_window(range(4))
    scene.start(trusting(window.select([0, 1]), 0.6, 0.5, scene_trust=0.9))
    alignment = scene.align(window, [0, 1])
    joined = replace(alignment.apply(window), anchors=(0, 1), frames=(2, 3))
    scene.fuse(trusting(joined, 0.99, 0.99, 0.99, 0.3, scene_trust=0.95), [2, 3], alignment)
    assert pose_trusts(scene, range(4)) == [0.6, 0.5, 0.6, 0.3]
    assert scene.path_trust == 0.9
    scene.fuse(trusting(joined, 0.2, 0.1, 0.99, 0.99), [2, 3], alignment)
    assert pose_trusts(scene, [2, 3]) == [0.6, 0.3], "a window that is unsure of what it hangs on adds nothing"


def test_what_hangs_on_something_not_judged_is_not_judged(tmp_path):
    scene, window = empty_map(tmp_path), true_window(range(4))
    scene.start(window.select([0, 1]))
    assert (scene.path_trust, pose_trusts(scene, [0, 1])) == (None, [None, None])
    alignment = scene.align(window, [0, 1])
    joined = replace(alignment.apply(window), anchors=(0, 1), frames=(2, 3))
    scene.fuse(trusting(joined, 0.9, 0.9, 0.9, 0.9), [2, 3], alignment)
    assert (scene.path_trust, pose_trusts(scene, [2, 3])) == (None, [None, None])


def test_one_window_that_was_not_judged_leaves_the_path_not_judged(tmp_path):
    scene, window = empty_map(tmp_path), true_window(range(4))
    scene.start(trusting(window.select([0, 1]), 0.9, 0.9))
    alignment = scene.align(window, [0, 1])
    joined = replace(alignment.apply(window), anchors=(0, 1), frames=(2, 3))
    scene.fuse(joined, [2, 3], alignment)
    assert (scene.path_trust, pose_trusts(scene, range(4))) == (None, [0.9, 0.9, None, None])


def test_a_window_that_moves_no_pose_says_nothing_of_the_path(tmp_path):
    scene, window = empty_map(tmp_path), true_window(range(4))
    scene.start(trusting(window, 0.9, 0.9, 0.9, 0.9))
    alignment = scene.align(window, range(4))
    kept = replace(alignment.apply(window), cam_to_world=scene.poses(range(4)), in_map_frame=True)
    scene.fuse(trusting(replace(kept, anchors=(0, 1), frames=(2, 3)), 0.1, 0.1, 0.1, 0.1), range(4), alignment)
    assert (scene.path_trust, pose_trusts(scene, range(4))) == (0.9, [0.9] * 4)
    poses = scene.poses(range(4)).copy()
    poses[2, 0, 3] += 0.1
    measured = replace(kept, anchors=(0, 1), frames=(2, 3), cam_to_world=poses)
    scene.fuse(trusting(measured, 0.95, 0.95, 0.4, 0.95, scene_trust=0.5), range(4), alignment)
    assert (scene.path_trust, pose_trusts(scene, range(4))) == (0.5, [0.9, 0.9, 0.4, 0.9]), "a new pose has its own trust"


def test_trust_survives_the_journal(tmp_path):
    for name, window in (("a", trusting(true_window(range(3)), 0.9, 0.2, 0.7)), ("b", true_window(range(3)))):
        scene, again = empty_map(tmp_path / name), empty_map(tmp_path / f"{name}_again")
        scene.start(window)
        again.restore(decode("map", MapRecord, encode("map", scene.record())))
        assert (again.path_trust, pose_trusts(again, range(3))) == (scene.path_trust, pose_trusts(scene, range(3)))


def test_frames_the_model_did_not_register_are_passed_over(tmp_path):
    window = true_window(range(4))
    scene = empty_map(tmp_path)
    scene.start(replace(window, registered=np.array([True, True, False, True])))
    assert scene.placed() == [0, 1, 3]


def test_a_map_is_restored_as_it_was_recorded(tmp_path):
    window = replace(true_window(range(70)), lenses=tuple(simple_radial(-0.001 * frame) for frame in range(70)))
    scene = empty_map(tmp_path)
    scene.start(window)
    record = scene.record()
    scene.committed(record)
    scene.fuse(window.select([0, 1]), [0, 1], scene.align(window, [0, 1]))
    again = empty_map(tmp_path)
    again.restore(record)
    assert again.placed() == list(range(70))
    assert [again.lens(frame) for frame in range(70)] == list(window.lenses)
    np.testing.assert_array_equal(again.poses(range(70)), record.table.poses)
    assert np.median(again.maps(0).depth) == pytest.approx(np.median(window.depth[0]) / np.median(window.depth), rel=1e-5)


def test_weights_are_probabilities_when_those_of_all_windows_are(tmp_path):
    scene, window = empty_map(tmp_path / "a"), true_window(range(3))
    calibrated = replace(window, weight_is_probability=True)
    scene.start(calibrated)
    scene.fuse(calibrated, calibrated.views, scene.align(calibrated, calibrated.views))
    again = empty_map(tmp_path / "b")
    again.restore(decode("map", MapRecord, encode("map", scene.record())))
    assert scene.weight_is_probability
    assert again.weight_is_probability
    scene.fuse(window, window.views, scene.align(window, window.views))
    assert not scene.weight_is_probability
    again.restore(scene.record())
    assert not again.weight_is_probability
