"""Errors that a model's own measurements predict, beside those that noise makes."""

import numpy as np
import pycolmap
import pytest

from amb3r_core.models.colmap.sfm.uncertainty import MAX_PAIRS, Uncertainty, even_pairs, focal_share, uncertainty
from amb3r_core.scene.conventions import invert
from tests.models.colmap import hand_made
from tests.models.colmap import posed_photos as scene

POSES = scene.poses_on_an_arc(4, step_deg=12.0)
NOISE_PX = 0.5
SEEN = np.random.default_rng(3).random((4, 60)) < 0.8
"""So that points are seen by two, three or four photos."""


def noisy(seed: int, noise_px: float = NOISE_PX, *, is_known: bool = False) -> pycolmap.Reconstruction:
    camera = hand_made.known_lens() if is_known else hand_made.lens(bend=0.05)
    points, seen = scene.cloud(60), SEEN & (SEEN.sum(axis=0) >= 2)
    model = hand_made.model_of(POSES, points, seen, cameras=[camera] * 4, noise_px=noise_px, seed=seed)
    return hand_made.adjusted(model)


def true_errors_deg(model: pycolmap.Reconstruction, pair: tuple[int, int]) -> tuple[float, float]:
    """Of the rotation, and of the direction of the translation, from the first photo of a pair to the second."""
    first, second = (model.image(image_id).cam_from_world() for image_id in pair)
    found = (second * first.inverse()).matrix()
    first_pose, second_pose = (POSES[image_id - 1] for image_id in pair)
    true = invert(second_pose) @ first_pose
    turn = np.arccos(np.clip((np.trace(found[:, :3].T @ true[:3, :3]) - 1.0) / 2.0, -1.0, 1.0))
    cosine = found[:, 3] @ true[:3, 3] / np.linalg.norm(found[:, 3]) / np.linalg.norm(true[:3, 3])
    return float(np.degrees(turn)), float(np.degrees(np.arccos(min(1.0, cosine))))


def test_predicted_errors_are_those_of_noisy_copies() -> None:
    models = [noisy(seed) for seed in range(60)]
    predicted = [uncertainty(model) for model in models]
    true = np.array([[true_errors_deg(model, pair) for pair in predicted[0].pairs] for model in models])
    rms = np.sqrt((true**2).mean(axis=0))
    # Of 60 draws of two components or three, a root mean square is known to 5 % or so, and of one component to 9 %.
    np.testing.assert_allclose(np.median([errors.rotation_deg for errors in predicted], axis=0), rms[:, 0], rtol=0.15)
    np.testing.assert_allclose(np.median([errors.direction_deg for errors in predicted], axis=0), rms[:, 1], rtol=0.15)
    shares = [focal_share(model, errors) for model, errors in zip(models, predicted, strict=True)]
    assert np.median(shares) == pytest.approx(
        np.std([model.camera(1).focal_length for model in models]) / scene.FOCAL_PX, rel=0.3
    )
    bends = [np.sqrt(errors.lens_covariance[1][1, 1]) for errors in predicted]
    assert np.median(bends) == pytest.approx(np.std([model.camera(1).params[3] for model in models]), rel=0.3)


def test_moving_turning_and_scaling_the_scene_changes_no_error() -> None:
    model = noisy(0)
    before = uncertainty(model)
    turn = pycolmap.Rotation3d(np.array([0.1, -0.5, 0.5, 0.7]))
    model.transform(pycolmap.Sim3d(20.0, turn, np.array([100.0, -50.0, 7.0])))
    after = uncertainty(model)
    np.testing.assert_allclose(after.rotation_deg, before.rotation_deg, rtol=1e-3)
    np.testing.assert_allclose(after.direction_deg, before.direction_deg, rtol=1e-3)
    np.testing.assert_allclose(after.lens_covariance[1], before.lens_covariance[1], rtol=1e-3)


def test_twice_the_noise_makes_twice_the_error_down_to_what_features_are_measured_to() -> None:
    little, much, none, hardly_any = (uncertainty(noisy(0, noise_px)).worst_deg for noise_px in (0.4, 0.8, 0.0, 0.05))
    np.testing.assert_allclose(much, 2.0 * little, rtol=0.05)
    np.testing.assert_allclose(none, hardly_any, rtol=0.05)
    assert (none > 0.3 * little).all()


def halves(n_shared: int, *, first: int = 2, last: int = 3) -> pycolmap.Reconstruction:
    """Two groups of three photos, each with points of its own, and so many points that the photos from first to last see."""
    poses = scene.poses_on_an_arc(6, step_deg=12.0)
    seen = np.zeros((6, 120), bool)
    seen[:3, :50] = seen[3:, 50:100] = True
    seen[first : last + 1, 100 : 100 + n_shared] = True
    return hand_made.model_of(poses, scene.cloud(120), seen, noise_px=NOISE_PX)


def test_halves_that_hang_together_by_points_of_two_photos_have_an_error_without_bound() -> None:
    hinged = uncertainty(halves(20))
    across = np.array([(first <= 2 and second >= 4) or (first <= 3 and second >= 5) for first, second in hinged.pairs])
    assert hinged.direction_deg[~across].max() < 5.0
    assert hinged.direction_deg[across].min() > 360.0
    assert max(hinged.per_photo_deg.values()) > 360.0
    # The turn between the halves is known, as two photos with points in common have it; how far apart they are is not.
    assert hinged.rotation_deg.max() < 5.0


def test_two_photos_of_each_half_hold_the_halves_and_one_of_either_does_not() -> None:
    held = uncertainty(halves(10, first=1, last=4)).worst_deg.max()
    assert held < 10.0
    assert uncertainty(halves(20, first=1, last=4)).worst_deg.max() < held
    # With one photo of the first half the size of that half is open.
    assert uncertainty(halves(20, first=2, last=4)).worst_deg.max() > 360.0


def test_known_cameras_have_no_error() -> None:
    known = noisy(0, is_known=True)
    errors = uncertainty(known)
    assert errors.lens_covariance == {}
    assert focal_share(known, errors) == 0.0
    assert (errors.worst_deg < uncertainty(noisy(0)).worst_deg).all()


def test_each_lens_of_its_own_has_an_error_and_known_ones_beside_them_none() -> None:
    cameras = [hand_made.known_lens(7), hand_made.lens(camera_id=2), hand_made.lens(camera_id=5), hand_made.known_lens(7)]
    points = scene.cloud(60)
    both = uncertainty(hand_made.model_of(POSES, points, cameras=cameras, noise_px=NOISE_PX)).lens_covariance
    cameras[2] = hand_made.known_lens(9)
    one = uncertainty(hand_made.model_of(POSES, points, cameras=cameras, noise_px=NOISE_PX)).lens_covariance
    assert {camera_id: of.shape for camera_id, of in both.items()} == {2: (2, 2), 5: (2, 2)}
    assert list(one) == [2]
    assert one[2][0, 0] < both[2][0, 0]


def test_a_model_without_points_is_wholly_uncertain() -> None:
    errors = uncertainty(hand_made.model_of(POSES, np.zeros((0, 3))))
    assert (errors.worst_deg == 180.0).all()
    assert set(errors.per_photo_deg) == {1, 2, 3, 4}


def test_the_least_certain_focal_length_counts() -> None:
    model = pycolmap.Reconstruction()
    for camera in (hand_made.lens(500.0), hand_made.lens(1000.0, camera_id=2)):
        model.add_camera_with_trivial_rig(camera)
    covariances = {1: np.diag([50.0**2, 9.0]), 2: np.diag([80.0**2, 9.0])}
    errors = Uncertainty(pairs=(), rotation_deg=np.zeros(0), direction_deg=np.zeros(0), lens_covariance=covariances)
    assert focal_share(model, errors) == pytest.approx(0.1)


@pytest.mark.parametrize("n_photos", [2, 3, 64, 99, 701, 5000])
def test_every_photo_is_in_some_of_the_pairs_that_are_looked_at(n_photos: int) -> None:
    pairs = even_pairs(n_photos)
    assert {row for pair in pairs for row in pair} == set(range(n_photos))
    assert all(first < second for first, second in pairs)
    assert len(set(pairs)) == len(pairs) <= max(n_photos, MAX_PAIRS)
    assert len(pairs) >= min(n_photos * (n_photos - 1) // 2, MAX_PAIRS - n_photos)


def test_points_beyond_those_looked_at_count_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    model = hand_made.model_of(POSES, scene.cloud(400), noise_px=NOISE_PX)
    all_points = uncertainty(model)
    monkeypatch.setattr("amb3r_core.models.colmap.sfm.uncertainty.MAX_POINTS", 100)
    np.testing.assert_allclose(uncertainty(model).worst_deg, all_points.worst_deg, rtol=0.25)


def test_a_photo_has_the_middle_of_the_worst_errors_of_its_pairs() -> None:
    errors = Uncertainty(
        pairs=((1, 2), (1, 5), (1, 7)),
        rotation_deg=np.array([1.0, 5.0, 2.0]),
        direction_deg=np.array([3.0, 4.0, 9.0]),
        lens_covariance={},
    )
    np.testing.assert_array_equal(errors.worst_deg, [3.0, 5.0, 9.0])
    assert errors.per_photo_deg == {1: 5.0, 2: 3.0, 5: 5.0, 7: 9.0}
