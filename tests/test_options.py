"""Texts that stand for options' values, and values that are refused."""

from pathlib import Path

import pytest

from amb3r_core.errors import InputError
from amb3r_core.options import (
    FocalAndCentre,
    GpsScale,
    MeasuredDistance,
    PosesScale,
    ReconstructOptions,
    parse_intrinsics,
    parse_scale_from,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("gps", GpsScale()),
        ("a.jpg,b.jpg,1.25", MeasuredDistance(view_a="a.jpg", view_b="b.jpg", metres=1.25)),
        ("a, b, 2", MeasuredDistance(view_a="a", view_b="b", metres=2.0)),
        ("survey/poses.txt", PosesScale(path=Path("survey/poses.txt"))),
    ],
)
def test_a_text_says_where_metres_come_from(text: str, value: object) -> None:
    assert parse_scale_from(text) == value
    assert parse_scale_from(str(value)) == value


@pytest.mark.parametrize("text", ["", "a,b", "a,b,c", "a,b,nan", "a,b,-1", "a,b,0", "a,b,inf", "a,a,1", "a,b,1,2"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="`scale_from") as caught:
        parse_scale_from(text)
    assert caught.value.option == "scale_from"


def test_a_file_may_have_commas_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "a,b.txt").touch()
    assert parse_scale_from(str(tmp_path / "a,b.txt")) == PosesScale(path=tmp_path / "a,b.txt")
    assert parse_intrinsics(str(tmp_path / "a,b.txt")) == tmp_path / "a,b.txt"


def test_a_text_says_which_camera_is_known() -> None:
    camera = FocalAndCentre(fx=100.0, fy=101.5, cx=39.5, cy=-2.0)
    assert parse_intrinsics("100,101.5,39.5,-2") == camera
    assert parse_intrinsics(str(camera)) == camera
    assert parse_intrinsics("cameras.json") == Path("cameras.json")


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,1,2,3", "-1,1,2,3", "nan,1,2,3", "1,1,inf,3"])
def test_what_is_no_camera_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="`intrinsics=") as caught:
        parse_intrinsics(text)
    assert caught.value.option == "intrinsics"


def test_options_of_texts_become_values_once() -> None:
    texts = ReconstructOptions(scale_from="gps", intrinsics="1,1,0,0", masks="masks")  # pyright: ignore[reportArgumentType]
    values = texts.parsed()
    assert values.scale_from == GpsScale()
    assert values.intrinsics == FocalAndCentre(fx=1, fy=1, cx=0, cy=0)
    assert values.masks == Path("masks")
    assert values.parsed() == values
