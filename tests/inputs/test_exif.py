"""What EXIF tells about focal length and place."""

import io
import struct

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from amb3r_core.inputs.exif import GpsFix, PhotoFacts, doubts, read_facts
from amb3r_core.inputs.pillow_warnings import heard_warnings


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


PLACE: dict[int, object] = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (47.0, 30.0, 0.0),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: (8.0, 0.0, 0.0),
    GPS.GPSAltitudeRef: b"\x00",
    GPS.GPSAltitude: 400.0,
}
NOTHING = IFDRational(0, 0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({GPS.GPSLatitude: (NOTHING, NOTHING, NOTHING)}, "no numbers"),
        ({GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)}, "without a fix"),
        ({GPS.GPSLongitude: (200.0, 0.0, 0.0)}, "no latitude 47.5, longitude 200 on Earth"),
    ],
)
def test_a_place_that_cannot_be_is_left_out_with_the_reason(wrong: dict[int, object], told: str) -> None:
    found = facts({}, PLACE | wrong)
    assert found.gps is None
    assert told in found.gps_doubt


@pytest.mark.parametrize(
    ("wrong", "doubted"),
    [({GPS.GPSAltitude: NOTHING}, True), ({GPS.GPSAltitude: 4294967.0}, True), ({GPS.GPSAltitude: None}, False)],
)
def test_a_place_without_a_height_keeps_its_degrees(wrong: dict[int, object], doubted: bool) -> None:
    place = {tag: value for tag, value in (PLACE | wrong).items() if value is not None}
    found = facts({}, place)
    assert found.gps == GpsFix(latitude_deg=47.5, longitude_deg=8.0)
    assert bool(found.gps_doubt) == doubted


def test_a_place_below_the_sea_has_a_negative_height() -> None:
    fix = facts({}, PLACE | {GPS.GPSAltitudeRef: b"\x01", GPS.GPSAltitude: 430.5}).gps
    assert fix is not None
    assert fix.altitude_m == -430.5


def test_height_at_sea_level_is_a_height() -> None:
    fix = facts({}, PLACE | {GPS.GPSAltitude: 0.0}).gps
    assert fix is not None
    assert fix.altitude_m == 0.0


def test_doubts_are_counted_over_the_photos() -> None:
    wrong = facts({Base.FocalLengthIn35mmFilm: 1})
    lost = facts({}, PLACE | {GPS.GPSLatitude: (NOTHING, NOTHING, NOTHING)})
    photos = [(f"{k}.jpg", wrong) for k in range(7)] + [("lost.jpg", lost)]
    photos.append(("cut.jpg", PhotoFacts(warnings=("Truncated File Read",))))
    assert doubts(photos) == (
        "EXIF focal length of 7 photos left out: a 35 mm equivalent of 1 mm (f = 12 px) is implausible",
        "GPS position of lost.jpg left out: its degrees are no numbers (0/0: the receiver had no fix)",
        "cut.jpg: Truncated File Read",
    )


def test_a_damaged_exif_block_is_a_doubt_and_no_error() -> None:
    stream = io.BytesIO()
    block = b"Exif\x00\x00II*\x00" + struct.pack("<IHHHI", 8, 4000, 0x8769, 4, 1)
    Image.new("RGB", (40, 30)).save(stream, "jpeg", exif=block)
    with heard_warnings() as texts, Image.open(stream) as image:
        assert read_facts(image).focal_px is None
    assert "Corrupt EXIF data" in texts[0]
