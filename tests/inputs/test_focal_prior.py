"""Which focal lengths of EXIF are believed."""

import pytest

from amb3r_core.inputs.focal_prior import FULL_FRAME_DIAGONAL_MM, FocalTags, judge

TRUE_PX = 346.4
"""Of 4 mm on a sensor 4.62 mm long, in 400x300 pixels."""
PLANE = FocalTags(focal_mm=4.0, plane_x=86.6, plane_y=86.6, plane_unit=4, width=400, height=300)
EQUIVALENT_MM = TRUE_PX / 500 * FULL_FRAME_DIAGONAL_MM


@pytest.mark.parametrize("equivalent_mm", [1.0, 11.0, 250.0, 65535.0])
def test_an_equivalent_that_no_lens_has_is_left_out(equivalent_mm: float) -> None:
    prior = judge(FocalTags(equivalent_mm=equivalent_mm), 400, 300)
    assert prior.focal_px is None
    assert f"35 mm equivalent of {equivalent_mm:g} mm" in prior.doubt
    assert "px) is implausible" in prior.doubt


@pytest.mark.parametrize("equivalent_mm", [13.0, 24.0, 50.0, 135.0])
def test_usual_lenses_are_believed_without_a_doubt(equivalent_mm: float) -> None:
    prior = judge(FocalTags(equivalent_mm=equivalent_mm), 400, 300)
    assert prior.focal_px == pytest.approx(equivalent_mm * 500 / FULL_FRAME_DIAGONAL_MM)
    assert prior.doubt == ""


@pytest.mark.parametrize(("told", "photo"), [((400, 300), (400, 300)), ((300, 400), (300, 400)), ((400, 300), (300, 400))])
def test_focal_plane_tags_of_a_turned_photo_give_its_focal_length(told: tuple[int, int], photo: tuple[int, int]) -> None:
    tags = FocalTags(focal_mm=4.0, plane_x=86.6, plane_unit=4, width=told[0], height=told[1])
    assert judge(tags, *photo).focal_px == pytest.approx(TRUE_PX, rel=1e-3)


@pytest.mark.parametrize("photo", [(100, 75), (75, 100), (800, 600)])
def test_focal_plane_tags_of_a_resized_photo_follow_the_resize(photo: tuple[int, int]) -> None:
    assert judge(PLANE, *photo).focal_px == pytest.approx(TRUE_PX * max(photo) / 400, rel=1e-3)


def test_a_cut_photo_keeps_the_focal_length_of_the_whole() -> None:
    by_plane = judge(PLANE, 300, 300)
    by_equivalent = judge(FocalTags(equivalent_mm=EQUIVALENT_MM, width=400, height=300), 300, 300)
    assert by_plane.focal_px == pytest.approx(TRUE_PX, rel=1e-3)
    assert by_equivalent.focal_px == pytest.approx(TRUE_PX, rel=1e-3)


@pytest.mark.parametrize("photo", [(150, 150), (1200, 300)])
def test_a_photo_that_may_be_cut_and_resized_or_is_stitched_has_no_prior(photo: tuple[int, int]) -> None:
    prior = judge(PLANE, *photo)
    assert prior.focal_px is None
    assert "picture of 400x300 pixels" in prior.doubt


def test_an_equivalent_that_repeats_the_real_focal_length_yields_to_the_sensor() -> None:
    tags = FocalTags(focal_mm=15.0, equivalent_mm=15.0, plane_x=2 * 86.6, plane_unit=4, width=4000, height=3000)
    prior = judge(tags, 4000, 3000)
    assert prior.focal_px == pytest.approx(15.0 * 2 * 86.6)
    assert "repeats the real focal length" in prior.doubt


def test_focal_plane_tags_of_before_a_resize_yield_to_the_equivalent() -> None:
    tags = FocalTags(focal_mm=4.0, equivalent_mm=EQUIVALENT_MM, plane_x=3 * 86.6, plane_unit=4, width=400, height=300)
    prior = judge(tags, 400, 300)
    assert prior.focal_px == pytest.approx(TRUE_PX)
    assert "the former is believed" in prior.doubt


def test_an_absurd_equivalent_does_not_take_a_good_sensor_with_it() -> None:
    tags = FocalTags(focal_mm=4.0, equivalent_mm=1.0, plane_x=86.6, plane_unit=4, width=400, height=300)
    prior = judge(tags, 400, 300)
    assert prior.focal_px == pytest.approx(TRUE_PX)
    assert "35 mm equivalent of 1 mm" in prior.doubt


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        (FocalTags(focal_mm=4.0, plane_x=0.01, plane_unit=4), "sensor 4e+04 mm long"),
        (FocalTags(focal_mm=4.0, plane_x=86.6, plane_y=40.0, plane_unit=4), "not square"),
        (FocalTags(focal_mm=4.0, plane_x=86.6, plane_unit=1), "no unit of length"),
        (FocalTags(focal_mm=400.0, plane_x=86.6, plane_unit=4), "f = 34640 px"),
    ],
)
def test_focal_plane_tags_that_cannot_be_are_left_out(tags: FocalTags, told: str) -> None:
    prior = judge(tags, 400, 300)
    assert prior.focal_px is None
    assert told in prior.doubt


def test_silence_is_no_doubt() -> None:
    assert judge(FocalTags(focal_mm=4.0, width=400, height=300), 10, 400).doubt == ""
