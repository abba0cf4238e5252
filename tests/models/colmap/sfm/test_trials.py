"""Other readings of the photos' cameras: when they are tried, and which one stays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.attempts import MappingTask
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras
from amb3r_core.models.colmap.sfm.requests import Attempt, Mapper
from amb3r_core.models.colmap.sfm.run import SparseConfig, reconstruct_sparse
from amb3r_core.models.colmap.sfm.solve import store_score
from amb3r_core.models.colmap.sfm.sparse import AttemptScore, SparseModel
from amb3r_core.models.colmap.sfm.trials import Effort, Matched, Trial, better, doubts_priors, is_weak, may_have_own_lenses
from amb3r_core.progress import silent
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.geometry import umeyama
from tests.models.colmap import posed_photos as scene

TELE_PX = 900.0
POSES = scene.poses_on_an_arc(7)


def trial(frames: list[Frame], *scores: AttemptScore) -> Trial:
    features = [scene.no_features()] * len(frames)
    task = MappingTask(database=Path("d.db"), folder=Path("attempts"), n_photos=len(frames), n_placeable=len(frames))
    return Trial(frames=frames, matched=Matched(features, colmap_cameras(frames, features), []), task=task, scores=scores)


def told(n_photos: int, focal_px: float | None) -> list[Frame]:
    return [replace(scene.photo(str(index)), facts=PhotoFacts(focal_px=focal_px)) for index in range(n_photos)]


def score(name: str, support: float, n_registered: int) -> AttemptScore:
    return AttemptScore(name=name, support=support, n_registered=n_registered)


def test_priors_are_doubted_when_photos_are_missing_or_attempts_disagree() -> None:
    complete, same, worse, partial = score("a", 100.0, 5), score("b", 100.0, 5), score("b", 50.0, 5), score("c", 100.0, 4)
    assert doubts_priors(trial(told(5, 500.0), partial))
    assert doubts_priors(trial(told(5, 500.0), complete, worse))
    assert doubts_priors(trial(told(5, 500.0)))
    assert not doubts_priors(trial(told(5, None), partial))
    posed = trial(told(5, 500.0), complete)
    assert not doubts_priors(replace(posed, task=replace(posed.task, cam_from_world={1: np.eye(4)[:3], 2: np.eye(4)[:3]})))
    assert doubts_priors(trial(told(2, 500.0)))
    assert not doubts_priors(trial(told(2, 500.0), same))


def sound(name: str, n_registered: int = 5, weakest_link: int = 100) -> AttemptScore:
    return replace(score(name, 100.0, n_registered), weakest_link=weakest_link)


def test_photos_hang_together_by_too_little_when_some_are_missing_or_the_best_model_is_not_sound() -> None:
    assert not is_weak(trial(told(5, None), sound("a")))
    assert is_weak(trial(told(5, None)))
    assert is_weak(trial(told(5, None), sound("a", n_registered=4)))
    assert is_weak(trial(told(5, None), sound("a", weakest_link=2)))
    assert is_weak(trial(told(5, None), replace(sound("a"), lens_likelihood=0.3)))
    assert not is_weak(trial(told(2, None), sound("a", n_registered=2, weakest_link=0)))


def spent_names(folder: Path, frames: list[Frame], mapper: Mapper = Mapper.INCREMENTAL, prefix: str = "") -> list[str]:
    """The attempts of a trial whose two are made and leave a doubt, and agree on a focal length."""
    one, other, agreed_global, agreed_incremental = (
        replace(sound(f"{prefix}{name}", weakest_link=3), focal_ratio=0.9, found_lens=True, focal_share=0.01)
        for name in ("one", "other", "global-agreed", "incremental-agreed")
    )
    for found in (one, other, agreed_global, agreed_incremental):
        store_score(folder, found)
    begun = trial(frames)
    begun = replace(begun, task=replace(begun.task, folder=folder), prefix=prefix)
    effort = Effort(seed=0, n_processes=1, monitor=silent)
    done = effort.spent(begun, [[Attempt(name="one", mapper=mapper), Attempt(name="other", mapper=mapper)]])
    assert list(done.scores) == effort.scores
    return [found.name for found in done.scores]


def test_a_doubt_asks_for_the_focal_length_on_which_attempts_agree(tmp_path: Path) -> None:
    names = ["one", "other", "global-agreed", "incremental-agreed"]
    assert spent_names(tmp_path, told(5, None)) == names
    assert spent_names(tmp_path, told(5, None), prefix="untold-") == [f"untold-{name}" for name in names]


def test_a_lens_that_is_told_or_was_found_before_is_not_looked_for_again(tmp_path: Path) -> None:
    assert spent_names(tmp_path, told(5, 500.0)) == ["one", "other"]
    assert spent_names(tmp_path, told(5, None), Mapper.CONTINUED) == ["one", "other"]


def test_the_first_of_equal_trials_stays() -> None:
    first, equal, more = (
        trial(told(5, None), score(name, support, 5)) for name, support in [("a", 99.5), ("b", 100), ("c", 110)]
    )
    assert better([first, equal]) is first
    assert better([first, more]) is more
    assert better([trial(told(5, None)), first]) is first


def test_few_photos_videos_and_photos_with_priors_share_their_lenses() -> None:
    found = score("a", 100.0, 4)
    assert may_have_own_lenses(trial(told(4, None), found), is_ordered=False)
    assert not may_have_own_lenses(trial(told(4, None), found), is_ordered=True)
    assert not may_have_own_lenses(trial(told(3, None), score("a", 100.0, 3)), is_ordered=False)
    assert not may_have_own_lenses(trial(told(4, 500.0), found), is_ordered=False)
    assert not may_have_own_lenses(trial(told(4, None)), is_ordered=False)


def with_focals(focals_px: list[float]) -> list[PinholeCamera]:
    return [replace(scene.CAMERA, fx=focal, fy=focal) for focal in focals_px]


def reconstructed(scratch: Path, focals_px: list[float], priors_px: list[float | None]) -> SparseModel:
    features = [
        scene.see(scene.cloud(), pose, camera, noise_px=0.4, seed=k)
        for k, (pose, camera) in enumerate(zip(POSES, with_focals(focals_px), strict=True))
    ]
    photos = scene.store(scratch, features)
    facts = [PhotoFacts(focal_px=prior) for prior in priors_px]
    told_photos = [replace(photo, facts=fact) for photo, fact in zip(photos, facts, strict=True)]
    # Networks would look at the photos, which have no pixels.
    return reconstruct_sparse(told_photos, config=SparseConfig(features="sift"), scratch=scratch)


def assert_true(model: SparseModel, focals_px: list[float]) -> None:
    assert model.n_registered == len(POSES)
    assert [view.camera.pinhole.fx for view in model.views] == pytest.approx(focals_px, rel=0.02)
    centres = np.array([view.cam_to_world[:3, 3] for view in model.views if view.cam_to_world is not None])
    truth = np.array([pose[:3, 3] for pose in POSES])
    assert np.abs(umeyama(centres, truth).apply(centres) - truth).max() < 0.02


@pytest.mark.slow
def test_two_lenses_that_nothing_tells_apart_are_told_apart_by_the_matches(tmp_path: Path) -> None:
    focals = [TELE_PX if index % 2 else scene.FOCAL_PX for index in range(7)]
    model = reconstructed(tmp_path, focals, [None] * 7)
    assert_true(model, focals)
    found = [view.camera for view in model.views]
    assert found[0] == found[2] == found[4] == found[6]
    assert found[1] == found[3] == found[5]
    assert len(model.notes) == 1
    assert model.notes[0].startswith("the photos were taken with 2 focal lengths: 5")


@pytest.mark.slow
def test_one_photo_of_another_lens_gets_it(tmp_path: Path) -> None:
    focals = [scene.FOCAL_PX] * 3 + [TELE_PX] + [scene.FOCAL_PX] * 3
    assert_true(reconstructed(tmp_path, focals, [None] * 7), focals)


@pytest.mark.slow
def test_a_zoom_gives_each_photo_its_own_focal_length(tmp_path: Path) -> None:
    focals = [500.0 * 1.12**index for index in range(7)]
    model = reconstructed(tmp_path, focals, [None] * 7)
    assert_true(model, focals)
    assert model.notes[0].startswith("the photos were taken with 7 focal lengths")


@pytest.mark.slow
def test_one_lens_stays_one(tmp_path: Path) -> None:
    model = reconstructed(tmp_path, [scene.FOCAL_PX] * 7, [None] * 7)
    assert len({view.camera for view in model.views}) == 1
    assert model.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.4, 1.3, 2.5])
@pytest.mark.parametrize("n_wrong", [1, 7])
def test_a_wrong_focal_length_in_exif_does_no_harm_and_is_named(tmp_path: Path, factor: float, n_wrong: int) -> None:
    wrong = factor * scene.FOCAL_PX
    model = reconstructed(tmp_path, [scene.FOCAL_PX] * 7, [wrong] * n_wrong + [None] * (7 - n_wrong))
    assert_true(model, [scene.FOCAL_PX] * 7)
    assert len(model.notes) == 1
    assert f"it says {wrong:.0f} px" in model.notes[0]
