import math
from dataclasses import replace

import pytest
import torch

from amb3r_core.models.amb3r.amb3r import Outputs, Pass
from amb3r_core.models.amb3r.border import to_prediction
from amb3r_core.models.api import ImageBatch
from amb3r_core.scene.camera import PinholeCamera
from tests.models.amb3r.tiny import tiny_batch, tiny_network


def one_pass(batch: ImageBatch) -> Pass:
    with torch.inference_mode():
        return tiny_network().draft(batch.pixels[None], Outputs.CAMERAS | Outputs.DEPTH)


def with_pose(one: Pass, view: int, channel: int, value: float) -> Pass:
    assert one.poses is not None
    poses = one.poses.clone()
    poses[-1, 0, view, channel] = value
    return replace(one, poses=poses)


def test_padding_is_never_depth() -> None:
    batch = tiny_batch()
    prediction = to_prediction(one_pass(batch), batch)
    assert not bool(batch.valid.all())
    assert bool((prediction.depth[batch.valid] > 0).all())
    assert bool((prediction.depth[~batch.valid] == 0).all())
    assert bool((prediction.confidence[~batch.valid] == 1).all())
    assert bool((prediction.confidence >= 1).all())


def test_the_scale_is_applied_once_to_depth_and_translations() -> None:
    batch = tiny_batch()
    one = one_pass(batch)
    metric, relative = to_prediction(one, batch), to_prediction(replace(one, median_depth_m=None), batch)
    assert relative.metric_scale is None
    assert metric.metric_scale is not None
    torch.testing.assert_close(metric.depth, relative.depth * metric.metric_scale)
    torch.testing.assert_close(metric.cam_to_world[:, :3, 3], relative.cam_to_world[:, :3, 3] * metric.metric_scale)
    torch.testing.assert_close(metric.cam_to_world[:, :3, :3], relative.cam_to_world[:, :3, :3])
    assert torch.equal(metric.intrinsics, relative.intrinsics)


def test_the_metric_depth_of_some_view_has_the_median_the_scale_head_says() -> None:
    batch = tiny_batch()
    one = one_pass(batch)
    prediction = to_prediction(one, batch)
    assert one.median_depth_m is not None
    medians = torch.stack([depth[valid].median() for depth, valid in zip(prediction.depth, batch.valid, strict=True)])
    ratios = medians / one.median_depth_m[0]
    torch.testing.assert_close(ratios.median(), torch.tensor(1.0))


def test_the_first_view_is_exactly_the_world_and_all_rotations_are_rotations() -> None:
    batch = tiny_batch()
    poses = to_prediction(one_pass(batch), batch).cam_to_world
    assert torch.equal(poses[0], torch.eye(4, dtype=torch.float64))
    rotations = poses[:, :3, :3]
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3, dtype=torch.float64).expand_as(rotations))


def test_the_principal_point_is_the_middle_of_our_pixel_grid() -> None:
    batch = tiny_batch()
    height, width = batch.grid
    centers = to_prediction(one_pass(batch), batch).intrinsics[:, :2, 2]
    assert centers.tolist() == [[(width - 1) / 2, (height - 1) / 2]] * batch.n_views


def test_a_known_camera_wins_over_the_estimated_one() -> None:
    batch = tiny_batch(((70, 42),) * 2)
    camera = PinholeCamera(width=70, height=42, fx=60.0, fy=61.0, cx=33.0, cy=20.0)
    known = replace(batch, frames=(replace(batch.frames[0], camera=camera), batch.frames[1]))
    matrices = to_prediction(one_pass(known), known).intrinsics
    assert matrices[0].tolist() == [[60.0, 0.0, 33.0], [0.0, 61.0, 20.0], [0.0, 0.0, 1.0]]
    assert matrices[1, 0, 0] != 60.0


@pytest.mark.parametrize(
    ("channels", "value", "reason"),
    [((8,), 0.0, "field of view"), ((0,), math.nan, "no finite pose"), ((3, 4, 5, 6), 0.0, "no rotation")],
)
def test_a_view_without_a_usable_camera_is_not_registered(channels: tuple[int, ...], value: float, reason: str) -> None:
    batch = tiny_batch()
    one = one_pass(batch)
    for channel in channels:
        one = with_pose(one, 0, channel, value)
    prediction = to_prediction(one, batch)
    assert prediction.registered.tolist() == [False, True, True]
    assert reason in prediction.reasons[0]
    assert torch.equal(prediction.cam_to_world[1], torch.eye(4, dtype=torch.float64))
    assert bool(prediction.intrinsics.isfinite().all())


def test_depth_that_is_no_number_is_unknown() -> None:
    batch = tiny_batch()
    one = one_pass(batch)
    assert one.depth is not None
    values = one.depth.values.clone()
    values[0, 0, 20, 20:23] = torch.tensor([math.nan, math.inf, 0.0])
    prediction = to_prediction(replace(one, depth=replace(one.depth, values=values)), batch)
    assert prediction.depth[0, 20, 20:23].tolist() == [0.0, 0.0, 0.0]
    assert prediction.confidence[0, 20, 20:23].tolist() == [1.0, 1.0, 1.0]
    assert bool(prediction.depth.isfinite().all())


def test_a_pass_without_cameras_is_refused() -> None:
    batch = tiny_batch()
    with pytest.raises(ValueError, match="with cameras and depth"):
        to_prediction(replace(one_pass(batch), poses=None), batch)
