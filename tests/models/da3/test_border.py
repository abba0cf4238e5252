from dataclasses import replace

import numpy as np
import torch

from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.models.api import ImageBatch
from amb3r_core.models.da3.border import (
    UNKNOWN_CONFIDENCE,
    Answer,
    Cameras,
    assumed_camera,
    decoded_cameras,
    known_cameras,
    to_prediction,
)
from amb3r_core.scene.camera import PinholeCamera
from tests.da3_cases import known_poses
from tests.models.da3.tiny import batch

SIZE = (42, 70)


def poses(n_views: int = 3) -> torch.Tensor:
    """Pose encodings (N, 9) with some rotation and a field of view of about one radian."""
    torch.manual_seed(0)
    return torch.cat([torch.randn(n_views, 3), 0.1 * torch.randn(n_views, 3), torch.ones(n_views, 3)], dim=-1)


def answer(n_views: int = 3) -> Answer:
    torch.manual_seed(1)
    depth = torch.rand(n_views, *SIZE) + 1
    return Answer(depth=depth, confidence=1 + torch.rand(n_views, *SIZE), cameras=decoded_cameras(poses(n_views), SIZE))


def with_frames(views: ImageBatch, **changes: object) -> ImageBatch:
    """The batch with every frame changed alike."""
    return replace(views, frames=tuple(replace(frame, **changes) for frame in views.frames))


def test_the_first_view_is_the_world_and_distances_stay() -> None:
    given = answer()
    prediction = to_prediction(batch(), given)
    torch.testing.assert_close(prediction.cam_to_world[0], torch.eye(4, dtype=torch.float64))
    centers = given.cameras.cam_to_world[:, :3, 3]
    torch.testing.assert_close(torch.pdist(prediction.cam_to_world[:, :3, 3]), torch.pdist(centers))


def test_the_principal_point_is_the_middle_of_the_pixel_grid() -> None:
    assert to_prediction(batch(), answer()).intrinsics[0, :2, 2].tolist() == [34.5, 20.5]


def test_metres_multiply_depth_and_translations_once() -> None:
    plain, metric = to_prediction(batch(), answer()), to_prediction(batch(), replace(answer(), metric_scale=2.5))
    torch.testing.assert_close(metric.depth, 2.5 * plain.depth)
    torch.testing.assert_close(metric.cam_to_world[:, :3, 3], 2.5 * plain.cam_to_world[:, :3, 3])
    assert (plain.metric_scale, metric.metric_scale) == (None, 2.5)


def test_sky_padding_and_what_is_no_depth_are_unknown() -> None:
    given, views = answer(), batch()
    given.depth[0, 0, 0], given.depth[0, 0, 1] = torch.inf, torch.nan
    views.valid[1, 3, 4] = False
    sky = torch.zeros(3, *SIZE, dtype=torch.bool)
    sky[2, :10] = True
    prediction = to_prediction(views, replace(given, sky=sky))
    unknown = prediction.depth == 0
    assert int(unknown.sum()) == 2 + 1 + 10 * SIZE[1]
    assert bool((prediction.confidence[unknown] == 1).all())


def test_a_view_without_a_camera_has_no_depth_and_a_reason() -> None:
    bad = poses()
    bad[0, 3:7] = 0
    prediction = to_prediction(batch(), replace(answer(), cameras=decoded_cameras(bad, SIZE)))
    assert prediction.registered.tolist() == [False, True, True]
    assert prediction.reasons == ("the network gave no rotation", "", "")
    assert prediction.depth[0].max() == 0
    torch.testing.assert_close(prediction.cam_to_world[1], torch.eye(4, dtype=torch.float64))


def test_a_network_without_confidence_gives_every_depth_the_same() -> None:
    prediction = to_prediction(batch(), replace(answer(), confidence=None))
    assert set(prediction.confidence.unique().tolist()) == {UNKNOWN_CONFIDENCE}


def posed(n_views: int = 3) -> ImageBatch:
    """A batch whose cameras and poses are known."""
    views, camera = batch(), PinholeCamera(width=70, height=42, fx=60.0, fy=61.0, cx=33.0, cy=20.0)
    known = zip(views.frames, known_poses(n_views), strict=True)
    return replace(views, frames=tuple(replace(frame, camera=camera, cam_to_world=pose) for frame, pose in known))


def test_known_cameras_come_back_unchanged_and_bring_their_unit() -> None:
    views, given = posed(), answer()
    known = known_cameras(views, None)
    assert known is not None
    own = Cameras(cam_to_world=known.cam_to_world.clone(), intrinsics=given.cameras.intrinsics, reasons=("", "", ""))
    own.cam_to_world[:, :3, 3] /= 5
    prediction = to_prediction(views, replace(given, cameras=own, known=known, metric_scale=7.0))
    assert np.array_equal(prediction.cam_to_world.numpy(), known_poses(3))
    assert prediction.intrinsics[1].tolist() == [[60.0, 0.0, 33.0], [0.0, 61.0, 20.0], [0.0, 0.0, 1.0]]
    torch.testing.assert_close(prediction.depth, 5 * given.depth)
    assert prediction.metric_scale is None


def test_cameras_are_known_only_when_every_pose_is() -> None:
    views = posed()
    assert known_cameras(batch(), decoded_cameras(poses(), SIZE)) is None
    without = with_frames(views, camera=None)
    assert known_cameras(without, None) is None
    estimated = known_cameras(without, decoded_cameras(poses(), SIZE))
    assert estimated is not None
    torch.testing.assert_close(estimated.intrinsics, decoded_cameras(poses(), SIZE).intrinsics)
    partly = replace(views, frames=(replace(views.frames[0], cam_to_world=None), *views.frames[1:]))
    assert known_cameras(partly, None) is None


def test_a_single_view_takes_its_focal_length_from_what_is_known_best() -> None:
    views = batch(((70, 42),))
    assumed, is_told = assumed_camera(views)
    assert (float(assumed.intrinsics[0, 0, 0]), is_told) == (56.0, False)
    from_exif, is_told = assumed_camera(with_frames(views, facts=PhotoFacts(focal_px=100.0)))
    assert (float(from_exif.intrinsics[0, 0, 0]), is_told) == (100.0, True)
    camera = PinholeCamera(width=70, height=42, fx=60.0, fy=61.0, cx=33.0, cy=20.0)
    known, is_told = assumed_camera(with_frames(views, camera=camera))
    assert (known.intrinsics[0].tolist()[0], is_told) == ([60.0, 0.0, 33.5], True)
