"""What EXIF tells about focal length and place."""

import io

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from amb3r_core.inputs.exif import PhotoFacts, read_facts


def facts(details: dict[int, object], gps: dict[int, object] | None = None, size: tuple[int, int] = (400, 300)) -> PhotoFacts:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = "Maker", "Model 1"
    exif.get_ifd(IFD.Exif).update(details)
    exif.get_ifd(IFD.GPSInfo).update(gps or {})
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, "jpeg", exif=exif)
    with Image.open(stream) as image:
        return read_facts(image)


def test_equivalent_focal_length_refers_to_the_diagonal() -> None:
    assert facts({Base.FocalLengthIn35mmFilm: 43}).focal_px == pytest.approx(500 * 43 / 43.2666)


def test_focal_plane_resolution_gives_pixels_and_follows_a_resize() -> None:
    details = {
        Base.FocalLength: 10.0,
        Base.FocalPlaneXResolution: 2540.0,
        Base.FocalPlaneResolutionUnit: 2,
        Base.ExifImageWidth: 800,
    }
    assert facts(details).focal_px == pytest.approx(500.0)


@pytest.mark.parametrize("details", [{}, {Base.FocalLength: 6.0}, {Base.FocalLengthIn35mmFilm: 0}])
def test_nothing_is_guessed_without_a_sensor_size(details: dict[int, object]) -> None:
    assert facts(details).focal_px is None


def test_photos_of_one_lens_setting_share_their_camera() -> None:
    wide, same, long = facts({Base.FocalLength: 6.0}), facts({Base.FocalLength: 6.0}), facts({Base.FocalLength: 24.0})
    assert wide.camera == same.camera != long.camera


def test_gps_has_signs_and_height() -> None:
    place = {
        GPS.GPSLatitudeRef: "S",
        GPS.GPSLatitude: (33.0, 30.0, 36.0),
        GPS.GPSLongitudeRef: "W",
        GPS.GPSLongitude: (70.0, 0.0, 0.0),
        GPS.GPSAltitudeRef: b"\x00",
        GPS.GPSAltitude: 520.5,
    }
    fix = facts({}, place).gps
    assert fix is not None
    assert (fix.latitude_deg, fix.longitude_deg, fix.altitude_m) == pytest.approx((-33.51, -70.0, 520.5))


def test_an_image_without_exif_tells_nothing() -> None:
    assert read_facts(Image.new("RGB", (4, 4))) == PhotoFacts()
