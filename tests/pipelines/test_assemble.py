"""A prediction becomes a scene whose views know their cameras, and the lenses that bent their photos."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from amb3r_core.compute.lens import undistort
from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.models.api import ImageBatch, InputSpec, Prediction
from amb3r_core.models.batching import prepare
from amb3r_core.pipelines.assemble import UNKNOWN_SCALE, assemble
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.lens import STRAIGHT, Lens, simple_radial
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_provenance

WIDTH, HEIGHT, GRID = 64, 48, 32
CAMERA = PinholeCamera(width=WIDTH, height=HEIGHT, fx=60.0, fy=60.0, cx=31.5, cy=23.5)
BENT = simple_radial(-0.2)


@pytest.fixture
def batch() -> ImageBatch:
    images = np.random.default_rng(0).integers(0, 256, (3, HEIGHT, WIDTH, 3)).astype(np.uint8)
    return prepare(frames_from_arrays(list(images)).frames, InputSpec(long_side_px=GRID))


def predicted(batch: ImageBatch, lenses: tuple[Lens, ...] = ()) -> Prediction:
    n, (height, width) = batch.n_views, batch.grid
    return Prediction(
        depth=torch.ones(n, height, width),
        confidence=torch.full((n, height, width), 2.0),
        cam_to_world=torch.eye(4, dtype=torch.float64).repeat(n, 1, 1),
        intrinsics=torch.as_tensor(CAMERA.mapped(batch.letterboxes[0], width, height).K).repeat(n, 1, 1),
        registered=torch.tensor([True, False, True]),
        lenses=lenses,
    )


def scene_of(batch: ImageBatch, prediction: Prediction) -> Reconstruction:
    return assemble(batch, prediction, provenance=fake_provenance(), scale=UNKNOWN_SCALE)


def test_each_view_keeps_the_lens_of_its_photo_and_a_straight_camera(batch: ImageBatch) -> None:
    scene = scene_of(batch, predicted(batch, (BENT, STRAIGHT, STRAIGHT)))
    assert [view.lens for view in scene.views] == [BENT, STRAIGHT]
    assert scene.views[0].original_camera.lens == BENT
    np.testing.assert_allclose(scene.views[0].camera.K, CAMERA.K, atol=1e-9)


def test_views_and_scene_keep_the_models_trust_in_their_poses(batch: ImageBatch) -> None:
    scene = scene_of(batch, replace(predicted(batch), pose_trust=(0.9, 0.0, 0.4), scene_trust=0.8))
    assert (scene.pose_trust, [view.pose_trust for view in scene.views]) == (0.8, [0.9, 0.4])
    plain = scene_of(batch, predicted(batch))
    assert (plain.pose_trust, [view.pose_trust for view in plain.views]) == (None, [None, None])


@pytest.mark.parametrize("wrong", [{"pose_trust": (0.9, 0.0, 1.1)}, {"scene_trust": -0.1}, {"scene_trust": float("nan")}])
def test_a_trust_that_is_no_probability_is_refused_where_it_is_made(batch: ImageBatch, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="trust in poses is a probability, 0 to 1"):
        replace(predicted(batch), **wrong)


def test_colours_are_straightened_where_the_lens_bends(batch: ImageBatch) -> None:
    prediction = predicted(batch, (BENT, STRAIGHT, STRAIGHT))
    scene, plain = scene_of(batch, prediction), scene_of(batch, predicted(batch))
    assert scene.dense is not None
    assert plain.dense is not None
    straight = undistort(batch.pixels[0], prediction.grid_camera(0)).clamp(0, 1)
    np.testing.assert_array_equal(scene.dense.rgb[0], (straight * 255).round().byte().permute(1, 2, 0).numpy())
    assert not np.array_equal(scene.dense.rgb[0], plain.dense.rgb[0])
    np.testing.assert_array_equal(scene.dense.rgb[1], plain.dense.rgb[1])


def test_a_model_that_tells_no_lenses_sees_straight_photos(batch: ImageBatch) -> None:
    assert all(view.lens.is_straight for view in scene_of(batch, predicted(batch)).views)


def test_a_lens_for_each_view_is_needed(batch: ImageBatch) -> None:
    with pytest.raises(ValueError, match="1 lenses for 3 views"):
        predicted(batch, (BENT,))


def test_a_scene_knows_whether_its_weights_are_probabilities(batch: ImageBatch) -> None:
    for is_calibrated in (False, True):
        scene = scene_of(batch, replace(predicted(batch), weight_is_probability=is_calibrated))
        assert scene.dense is not None
        assert scene.dense.weight_is_probability is is_calibrated
