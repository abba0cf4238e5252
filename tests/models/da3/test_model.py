from dataclasses import replace

import numpy as np
import pytest
import torch

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.models.api import DescribesImages, ImageBatch, RefinableModel
from amb3r_core.models.da3 import model as model_module
from amb3r_core.models.da3.config import tiny_single_view
from amb3r_core.models.da3.model import Da3Model
from amb3r_core.models.da3.precision import compute_dtype, set_dtype
from amb3r_core.progress import Cancelled, Progress
from amb3r_core.scene.camera import PinholeCamera
from tests.da3_cases import known_poses
from tests.da3_golden import filled
from tests.models.da3.tiny import batch, tiny_any_view, tiny_model, tiny_network, tiny_pair

ONE = ((70, 42),)


def posed(views: ImageBatch, *, with_camera: bool = True) -> ImageBatch:
    camera = PinholeCamera(width=70, height=42, fx=60.0, fy=61.0, cx=33.0, cy=20.0) if with_camera else None
    known = zip(views.frames, known_poses(views.n_views), strict=True)
    return replace(views, frames=tuple(replace(frame, camera=camera, cam_to_world=pose) for frame, pose in known))


def test_any_views_get_depth_and_cameras_in_a_relative_unit() -> None:
    model = tiny_model()
    prediction = model.predict(batch())
    assert isinstance(model, DescribesImages)
    assert not isinstance(model, RefinableModel)
    assert bool(prediction.registered.all())
    assert bool((prediction.depth > 0).all())
    assert prediction.metric_scale is None
    assert prediction.notes == ()


def test_photos_of_mixed_shapes_have_no_depth_on_their_padding() -> None:
    views = batch(((70, 42), (42, 70), (70, 42)))
    prediction = tiny_model().predict(views)
    assert views.grid == (70, 70)
    assert torch.equal(prediction.depth > 0, views.valid)


def test_one_view_is_enough() -> None:
    prediction = tiny_model().predict(batch(ONE))
    assert prediction.registered.tolist() == [True]
    assert bool((prediction.depth > 0).all())


def test_known_cameras_change_the_depth_and_come_back_unchanged() -> None:
    views = posed(batch())
    prediction = tiny_model().predict(views)
    assert np.array_equal(prediction.cam_to_world.numpy(), known_poses(3))
    assert prediction.intrinsics[0, 0].tolist() == [60.0, 0.0, 33.0]
    free = tiny_model().predict(batch()).depth
    ratio = prediction.depth / free
    assert float(ratio.std() / ratio.mean()) > 1e-4


def test_known_poses_without_intrinsics_are_used_with_the_networks_own() -> None:
    prediction = tiny_model().predict(posed(batch(), with_camera=False))
    assert np.array_equal(prediction.cam_to_world.numpy(), known_poses(3))
    assert bool((prediction.intrinsics[:, 0, 0] > 0).all())


def test_poses_of_some_views_only_are_named_and_not_used() -> None:
    views = batch()
    some = replace(views, frames=(posed(views).frames[0], *views.frames[1:]))
    prediction = tiny_model().predict(some)
    assert prediction.notes == (model_module.SOME_POSES.format(given=1, n=3),)
    torch.testing.assert_close(prediction.depth, tiny_model().predict(views).depth)


def test_poses_from_rays_are_cameras_too() -> None:
    prediction = tiny_model(poses="rays").predict(batch())
    assert bool(prediction.cam_to_world.isfinite().all())
    torch.testing.assert_close(prediction.depth, tiny_model().predict(batch()).depth)


def test_a_metric_network_needs_a_focal_length_for_metres() -> None:
    model, views = tiny_model(tiny_single_view(), "da3-metric"), batch(ONE)
    told = replace(views, frames=(replace(views.frames[0], facts=PhotoFacts(focal_px=150.0)),))
    metric, guessed = model.predict(told), model.predict(views)
    assert metric.metric_scale == pytest.approx(0.5)
    assert guessed.metric_scale is None
    assert guessed.notes == (model_module.NO_CONFIDENCE, model_module.ASSUMED_FOCAL)
    torch.testing.assert_close(metric.depth, 0.5 * guessed.depth)


def test_a_monocular_network_is_relative_and_takes_one_view() -> None:
    model = tiny_model(tiny_single_view(), "da3-mono")
    assert model.input_spec.max_views == 1
    assert model.predict(batch(ONE)).metric_scale is None
    with pytest.raises(InputError, match="da3-mono takes one view at a time, not 3"):
        model.predict(batch())


def test_the_pair_answers_in_metres() -> None:
    pair, views = tiny_model(tiny_pair(), "da3-nested"), batch()
    prediction = pair.predict(views)
    assert prediction.metric_scale is not None
    assert prediction.metric_scale > 0
    assert np.array_equal(pair.predict(posed(views)).cam_to_world.numpy(), known_poses(3))


def test_descriptors_have_unit_length_and_leave_padding_out() -> None:
    views = batch(((70, 42), (42, 70), (70, 42)))
    for model in (tiny_model(), tiny_model(tiny_single_view(), "da3-mono")):
        descriptors = model.describe(views)
        assert descriptors.shape == (3, 32)
        torch.testing.assert_close(descriptors.square().sum(1), torch.ones(3))
        alone = model.describe(views.select([1]))
        torch.testing.assert_close(alone[0], descriptors[1], rtol=1e-4, atol=1e-5)


def test_progress_reaches_its_end_and_a_monitor_stops_the_work() -> None:
    seen: list[Progress] = []
    tiny_model(poses="rays").predict(batch(), monitor=seen.append)
    assert [one.done for one in seen] == list(range(len(seen)))
    assert seen[-1].done == seen[-1].total == len(seen) - 1

    def stop(progress: Progress, /) -> None:
        if progress.done == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny_model().predict(batch(), monitor=stop)


def test_sizes_that_patches_do_not_fill_are_refused() -> None:
    views = batch()
    odd = replace(views, pixels=views.pixels[..., :-1], valid=views.valid[..., :-1])
    with pytest.raises(InputError, match="69 x 42 pixels: da3-small needs multiples of 14"):
        tiny_model().predict(odd)


def test_too_little_memory_is_said_before_any_work() -> None:
    model = tiny_model(memory_bytes=700_000_000)
    assert model.input_spec.max_views > 1
    with pytest.raises(ResourceError, match="da3-small: 3 views of 70 x 42"):
        tiny_model(memory_bytes=10_000).predict(batch())


def test_half_precision_changes_the_backbone_only_and_little_of_the_answer() -> None:
    config = tiny_any_view(gaussian_channels=3)
    network = filled(config, "tiny")
    exact = Da3Model(network, config, variant="da3-small", long_side_px=70).predict(batch())
    set_dtype(network, torch.bfloat16)
    assert compute_dtype(network) == torch.bfloat16
    assert {parameter.dtype for parameter in network.model.head.parameters()} == {torch.float32}
    rough = Da3Model(network, config, variant="da3-small", long_side_px=70).predict(batch())
    change = (rough.depth - exact.depth).abs().mean() / exact.depth.mean()
    assert 0 < float(change) < 0.05
    assert compute_dtype(tiny_network()) == torch.float32
