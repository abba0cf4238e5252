"""Grey of more than 8 bits: stretched alike where its range is not used, left alone where it is."""

import numpy as np
import pytest

from amb3r_core.inputs.deep_grey import Band, band_of, common_bands, to_8_bits


def integers(low: float, high: float) -> Band:
    return Band(low=low, high=high, full=65535.0)


def test_photos_of_one_camera_share_one_band() -> None:
    assert common_bands([integers(100, 3000), None, integers(50, 4000)]) == [integers(50, 4000), None, integers(50, 4000)]


def test_a_set_that_uses_its_range_stays_as_it_is() -> None:
    assert common_bands([integers(0, 60000), integers(500, 3000)]) == [None, None]


def test_bands_apart_are_stretched_apart() -> None:
    thermal, twelve_bits = integers(7000, 9000), integers(0, 3700)
    assert common_bands([thermal, twelve_bits]) == [thermal, twelve_bits]


def test_floats_have_their_own_range() -> None:
    celsius = Band(low=12.0, high=38.0, full=255.0)
    assert common_bands([celsius, integers(0, 4000)]) == [celsius, integers(0, 4000)]
    assert common_bands([Band(low=0.0, high=0.9, full=1.0)]) == [None]


def test_values_outside_the_type_are_stretched() -> None:
    assert common_bands([integers(-20000, 30000)]) == [integers(-20000, 30000)]


def test_one_value_has_no_band() -> None:
    assert common_bands([integers(7, 7)]) == [None]


def test_the_band_passes_over_hot_pixels_and_nan() -> None:
    values = np.tile(np.linspace(7000, 9000, 200, dtype=np.float32), (200, 1))
    values[0, 0], values[0, 1] = 65000, np.nan
    band = band_of(values)
    assert (band.low, band.high) == pytest.approx((7000, 9000), abs=20)


def test_a_band_becomes_black_to_white() -> None:
    values = np.array([[7000, 8000, 9000, 65000, 0]], np.uint16)
    assert to_8_bits(values, integers(7000, 9000)).tolist() == [[0, 128, 255, 255, 0]]


def test_without_a_band_sixteen_bits_lose_their_lower_eight() -> None:
    assert to_8_bits(np.array([[0, 257, 65535]], np.uint16)).tolist() == [[0, 1, 255]]
    assert to_8_bits(np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)).tolist() == [[0, 128, 255, 0]]
