"""Which photos share a lens, and what is told of it."""

from dataclasses import replace

import pytest

from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.cameras import camera_key
from amb3r_core.models.colmap.sfm.lenses import (
    are_different,
    group_focals,
    has_prior,
    lens_note,
    prior_notes,
    squash_notes,
    with_lenses,
    with_own_lenses,
    without_priors,
)
from tests.models.colmap import posed_photos as scene


def told(name: str, focal_px: float | None) -> Frame:
    return replace(scene.photo(name), facts=PhotoFacts(focal_px=focal_px, camera="A 24.0"))


def n_cameras(frames: list[Frame]) -> int:
    return len({camera_key(frame) for frame in frames})


def test_without_priors_photos_of_one_lens_setting_share_a_camera_again() -> None:
    frames = [told("a", 500.0), told("b", 900.0), told("c", None)]
    assert n_cameras(frames) == 3
    assert n_cameras(without_priors(frames)) == 1
    assert not any(map(has_prior, without_priors(frames)))


def test_only_photos_whose_focal_length_nothing_tells_get_a_lens_of_their_own() -> None:
    known = [scene.photo(name, camera=scene.CAMERA) for name in "ab"]
    assert n_cameras(with_own_lenses([*known, told("c", 500.0), told("d", 500.0)])) == 2
    assert n_cameras(with_own_lenses([told(name, None) for name in "abc"])) == 3


def test_focal_lengths_near_one_another_are_one_lens_setting() -> None:
    focals = {0: 346.0, 1: 577.0, 2: 350.0, 5: 570.0}
    assert group_focals(focals) == {0: 0, 1: 1, 2: 0, 5: 1}
    assert n_cameras(with_lenses([told(name, None) for name in "abc"], {0: 0, 1: 1, 2: 0})) == 2
    assert group_focals({}) == {}


@pytest.mark.parametrize(
    ("focals", "expected"), [({0: 500.0, 1: 510.0}, False), ({0: 500.0, 1: 577.0}, True), ({0: 500.0}, False), ({}, False)]
)
def test_one_lens_setting_is_estimated_a_little_differently_from_each_photo(focals: dict[int, float], expected: bool) -> None:
    assert are_different(focals) == expected


def test_a_note_counts_the_lenses_and_gives_their_focal_lengths() -> None:
    assert lens_note({0: 346.2, 1: 577.1, 2: 346.2}, {0: 0, 1: 1, 2: 0}) == (
        "the photos were taken with 2 focal lengths: 346 px and 577 px"
    )
    zoom = {index: 300.0 + 50.0 * index for index in range(6)}
    assert lens_note(zoom, group_focals(zoom)) == "the photos were taken with 6 focal lengths: 300 to 550 px"


def test_a_note_names_a_focal_length_of_exif_that_the_photos_contradict() -> None:
    frames = [told("a", 900.0), told("b", 900.0), told("c", 360.0), told("d", None)]
    assert prior_notes(frames, dict.fromkeys(range(4), 350.0)) == (
        "EXIF focal length left out: it says 900 px, the photos say 350 px (2 photos)",
    )
    assert prior_notes(frames[:1], {0: 350.0})[0].endswith("(a)")
    assert prior_notes([scene.photo("k", camera=scene.CAMERA)], {0: 350.0}) == ()


def test_two_photos_of_unknown_focal_length_are_told_that_depth_may_be_squashed() -> None:
    (note,) = squash_notes([told("a", None), told("b", 500.0)])
    assert note.startswith(
        "two photos do not tell their focal length, which is a guess here: the scene may be too deep or too flat"
    )
    assert squash_notes([told("a", None), scene.photo("k", camera=scene.CAMERA)]) == (note,)
    assert squash_notes([told(name, 500.0) for name in "ab"]) == ()
    assert squash_notes([scene.photo(name, camera=scene.CAMERA) for name in "ab"]) == ()
    assert squash_notes([told(name, None) for name in "abc"]) == ()
