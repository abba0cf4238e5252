"""Between what the photos say of a lens and what is usual."""

from collections.abc import Mapping

import numpy as np
import pycolmap
import pytest

from amb3r_core.models.colmap.sfm.lens_prior import (
    USUAL_FOCAL_RATIO,
    corner_shift_px,
    distortion,
    lens_likelihood,
    likely_params,
)
from amb3r_core.models.colmap.sfm.uncertainty import Uncertainty
from tests.models.colmap import hand_made
from tests.models.colmap import posed_photos as scene

USUAL_PX = USUAL_FOCAL_RATIO * scene.WIDTH


def likely(
    camera: pycolmap.Camera,
    sigma_px: float,
    sigma_bend: float,
    exif: Mapping[int, float] | None = None,
    *,
    refines_distortion: bool = True,
) -> tuple[float, float]:
    """The most probable focal length and bend of a camera that was found with these standard deviations."""
    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(camera)
    covariances = {1: np.diag([sigma_px**2, sigma_bend**2])}
    errors = Uncertainty(pairs=(), rotation_deg=np.zeros(0), direction_deg=np.zeros(0), lens_covariance=covariances)
    params = likely_params(model, errors, exif or {}, refines_distortion=refines_distortion)[1]
    np.testing.assert_array_equal(params[1:3], camera.params[1:3])
    return float(params[0]), float(params[3])


def test_what_the_photos_say_for_certain_stays() -> None:
    assert likely(hand_made.lens(900.0, 0.2), 0.1, 1e-4) == pytest.approx((900.0, 0.2), rel=1e-3)


def test_where_the_photos_say_nothing_the_lens_is_usual() -> None:
    assert likely(hand_made.lens(2000.0, 1.0), 1e6, 1e3) == pytest.approx((USUAL_PX, 0.0), abs=0.01)


def test_the_less_certain_a_focal_length_the_nearer_it_comes_to_the_usual_one() -> None:
    found = [likely(hand_made.lens(1000.0), sigma_px, 1e-3)[0] for sigma_px in (1.0, 10.0, 50.0, 500.0)]
    assert found == sorted(found, reverse=True)
    assert 1000.0 > found[0] > found[-1] > USUAL_PX


def test_a_focal_length_in_exif_pulls_harder_than_the_usual_one() -> None:
    camera = hand_made.lens(700.0)
    untold, told = (likely(camera, 20.0, 1e-3, exif)[0] for exif in ({}, {1: USUAL_PX}))
    assert USUAL_PX < told < untold < 700.0
    assert likely(camera, 1e6, 1.0, {1: 800.0})[0] == pytest.approx(800.0, rel=1e-3)
    assert likely(camera, 20.0, 1e-3, {2: 800.0})[0] == untold, "of another camera"


@pytest.mark.parametrize("factor", [0.4, 1.3, 2.5])
def test_a_focal_length_in_exif_that_the_photos_plainly_contradict_does_not_pull(factor: float) -> None:
    found = 560.0
    wrong, near = (likely(hand_made.lens(found), 3.0, 1e-3, {1: exif})[0] for exif in (factor * found, 1.05 * found))
    assert wrong == pytest.approx(found, rel=0.007)
    assert near > 1.007 * found, "one that may be right does"


def test_distortion_that_was_not_refined_stays() -> None:
    focal, bend = likely(hand_made.lens(1000.0, 0.3), 100.0, 10.0, refines_distortion=False)
    assert bend == 0.3
    assert USUAL_PX < focal < 1000.0


def test_a_lens_that_clearly_bends_keeps_its_bend_and_a_doubtful_bend_goes() -> None:
    bends = ((-0.3, 0.004), (0.01, 0.008))
    clear, doubtful = (likely(hand_made.lens(USUAL_PX, bend), 1.0, error)[1] / bend for bend, error in bends)
    assert clear > 0.97
    assert doubtful < 0.6


def test_focal_length_and_bend_move_along_their_valley_together() -> None:
    camera = hand_made.lens(700.0, 0.1)
    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(camera)
    sigmas = np.array([100.0, 0.05])
    together = np.outer(sigmas, sigmas) * np.array([[1.0, 0.999], [0.999, 1.0]])
    errors = Uncertainty(pairs=(), rotation_deg=np.zeros(0), direction_deg=np.zeros(0), lens_covariance={1: together})
    focal, _, _, bend = likely_params(model, errors, {1: 650.0}, refines_distortion=True)[1]
    assert focal < 690.0
    # The valley is as wide as 4.5 % of its length, and the usual lens is off it.
    assert bend - 0.1 == pytest.approx((focal - 700.0) * sigmas[1] / sigmas[0], rel=0.3)


def test_known_cameras_are_certain() -> None:
    assert lens_likelihood(hand_made.known_lens(), is_told=False) == 1.0
    assert distortion(hand_made.known_lens()) == 0.0


def test_a_usual_lens_is_certain_too() -> None:
    assert lens_likelihood(hand_made.lens(USUAL_PX), is_told=False) == pytest.approx(1.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_lens_is_the_less_likely_the_more_it_bends(sign: float) -> None:
    bends = (0.0, 0.3, 0.6, 1.2)
    found = [lens_likelihood(hand_made.lens(USUAL_PX, sign * bend), is_told=False) for bend in bends]
    assert found[-1] < found[-2] < found[-3] <= found[0]


@pytest.mark.parametrize("ratios", [(1.0, 1.5, 3.0, 10.0), (1.0, 0.7, 0.4, 0.1)])
def test_a_focal_length_is_the_less_likely_the_further_it_is_from_the_usual_one(ratios: tuple[float, ...]) -> None:
    found = [lens_likelihood(hand_made.lens(ratio * USUAL_PX), is_told=False) for ratio in ratios]
    assert found == sorted(set(found), reverse=True)
    assert lens_likelihood(hand_made.lens(ratios[-1] * USUAL_PX), is_told=True) == 1.0


def test_a_long_lens_is_less_likely_to_bend_than_a_short_one() -> None:
    def bent(focal_px: float) -> float:
        """Likelihood of a lens that moves the corner by a third."""
        straight = hand_made.lens(focal_px)
        bend = 0.33 / distortion(hand_made.lens(focal_px, 1.0))
        assert distortion(hand_made.lens(focal_px, bend)) == pytest.approx(0.33)
        return lens_likelihood(hand_made.lens(focal_px, bend), is_told=True) / lens_likelihood(straight, is_told=True)

    assert bent(1500.0) < bent(700.0) < bent(350.0)


def test_the_corner_moves_with_focal_length_and_bend() -> None:
    camera = hand_made.lens(USUAL_PX)
    half_diagonal = np.hypot(scene.WIDTH, scene.HEIGHT) / 2.0
    assert corner_shift_px(camera, np.asarray(camera.params)) == pytest.approx(0.0, abs=1e-9)
    assert corner_shift_px(camera, np.asarray(hand_made.lens(1.01 * USUAL_PX).params)) == pytest.approx(0.01 * half_diagonal)
    bent = hand_made.lens(USUAL_PX, 0.1)
    assert corner_shift_px(camera, np.asarray(bent.params)) == pytest.approx(distortion(bent) * half_diagonal)
