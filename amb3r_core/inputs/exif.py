"""What a photo file says about its camera and place, judged: None with a doubt where it cannot be true."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from amb3r_core.inputs.focal_prior import FocalPrior, FocalTags, judge

PLAUSIBLE_ALTITUDE_M = (-1_000.0, 30_000.0)
"""From the shore of the Dead Sea to balloons."""
MAX_NAMED_PHOTOS = 3
"""How many photos a note names before it only counts them."""
DAMAGED_EXIF = (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, OverflowError, struct.error)
"""What Pillow raises, at one place or another, on tags that do not parse."""
DAMAGED = "the EXIF block is damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpsFix:
    """A place on Earth: WGS 84 degrees, metres above sea level, and the stated error in metres; None: not told."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None = None
    error_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """Camera and place from EXIF, as far as they are plausible."""

    focal_px: float | None = None
    """Focal length in pixels of the full image, to start from and never the last word; None when not told or not believed."""
    focal_doubt: str = ""
    """What of the focal length was not believed, and why; with a `focal_px` its tags contradict one another."""
    camera: str = ""
    """Make, model and focal length as one text, "" when not told; photos of one size that share it have the same lens setting."""
    gps: GpsFix | None = None
    gps_doubt: str = ""
    """What of the place was not believed, and why; with a `gps` only its altitude was not."""
    warnings: tuple[str, ...] = ()
    """What the reader of the file warned of."""


def read_facts(image: Image.Image) -> PhotoFacts:
    """The facts in the EXIF block of an open image; empty ones when it has none or a damaged one."""
    try:
        exif = image.getexif()
    except DAMAGED_EXIF:
        return PhotoFacts(focal_doubt=DAMAGED)
    return facts_of(exif, *image.size)


def facts_of(exif: Image.Exif, width: int, height: int) -> PhotoFacts:
    """The facts in an EXIF block of a photo of so many pixels."""
    try:
        details, place = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
        make, model = _text(exif.get(Base.Make)), _text(exif.get(Base.Model))
    except DAMAGED_EXIF:
        return PhotoFacts(focal_doubt=DAMAGED)
    focal_mm = _positive(details.get(Base.FocalLength))
    camera = f"{make} {model} {focal_mm}" if make or model else ""
    focal = _focal(details, width, height)
    gps, gps_doubt = _gps(place)
    return PhotoFacts(focal_px=focal.focal_px, focal_doubt=focal.doubt, camera=camera, gps=gps, gps_doubt=gps_doubt)


def doubts(photos: Iterable[tuple[str, PhotoFacts]]) -> tuple[str, ...]:
    """Notes: one for each thing that EXIF says of the named photos and that was not believed, and for each warning."""
    names: dict[str, list[str]] = {}
    for name, facts in photos:
        if facts.focal_doubt:
            verdict = "left out" if facts.focal_px is None else "doubtful"
            names.setdefault(f"EXIF focal length of {{}} {verdict}: {facts.focal_doubt}", []).append(name)
        if facts.gps_doubt:
            verdict = "left out" if facts.gps is None else "used without its altitude"
            names.setdefault(f"GPS position of {{}} {verdict}: {facts.gps_doubt}", []).append(name)
        for warning in facts.warnings:
            names.setdefault(f"{{}}: {warning}", []).append(name)
    return tuple(note.replace("{}", _counted(of), 1) for note, of in names.items())


def _counted(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= MAX_NAMED_PHOTOS else f"{len(names)} photos"


def _focal(details: dict[int, object], width: int, height: int) -> FocalPrior:
    tags = FocalTags(
        focal_mm=_positive(details.get(Base.FocalLength)),
        equivalent_mm=_positive(details.get(Base.FocalLengthIn35mmFilm)),
        plane_x=_positive(details.get(Base.FocalPlaneXResolution)),
        plane_y=_positive(details.get(Base.FocalPlaneYResolution)),
        plane_unit=int(_positive(details.get(Base.FocalPlaneResolutionUnit)) or 2),
        width=_positive(details.get(Base.ExifImageWidth)),
        height=_positive(details.get(Base.ExifImageHeight)),
    )
    return judge(tags, width, height)


def _gps(block: dict[int, object]) -> tuple[GpsFix | None, str]:
    """The fix, and what of it was not believed."""
    if GPS.GPSLatitude not in block or GPS.GPSLongitude not in block:
        return None, ""
    latitude, longitude = _degrees(block[GPS.GPSLatitude]), _degrees(block[GPS.GPSLongitude])
    if latitude is None or longitude is None:
        return None, "its degrees are no numbers (0/0: the receiver had no fix)"
    if latitude == 0.0 and longitude == 0.0:
        return None, "latitude 0, longitude 0 is what receivers without a fix write"
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        return None, f"there is no latitude {latitude:g}, longitude {longitude:g} on Earth"
    altitude, doubt = _altitude(block)
    fix = GpsFix(
        latitude_deg=-latitude if _text(block.get(GPS.GPSLatitudeRef)).upper().startswith("S") else latitude,
        longitude_deg=-longitude if _text(block.get(GPS.GPSLongitudeRef)).upper().startswith("W") else longitude,
        altitude_m=altitude,
        error_m=_positive(block.get(GPS.GPSHPositioningError)),
    )
    return fix, doubt


def _altitude(block: dict[int, object]) -> tuple[float | None, str]:
    altitude = _number(block.get(GPS.GPSAltitude))
    if altitude is None:
        return None, "its altitude is no number" if GPS.GPSAltitude in block else ""
    if _is_below(block.get(GPS.GPSAltitudeRef)):
        altitude = -abs(altitude)
    if not PLAUSIBLE_ALTITUDE_M[0] <= altitude <= PLAUSIBLE_ALTITUDE_M[1]:
        return None, f"an altitude of {altitude:g} m is implausible"
    return altitude, ""


def _is_below(reference: object) -> bool:
    """EXIF GPSAltitudeRef: 1 below sea level, 3 below the ellipsoid; a byte, which some write as a number or as text."""
    value = reference[:1] if isinstance(reference, bytes | str) else reference
    return value in (1, 3, b"\x01", b"\x03", "\x01", "\x03", "1", "3")


def _degrees(value: object) -> float | None:
    parts = cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,)
    numbers = [_number(part) for part in parts]
    if not 1 <= len(numbers) <= 3 or numbers[0] is None or any(number is None for number in numbers):
        return None
    return sum(number / 60.0**place for place, number in enumerate(numbers) if number is not None)


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _number(value: object) -> float | None:
    try:
        number = float(value)  # pyright: ignore[reportArgumentType] - EXIF rationals, ints and texts; the rest raises
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if isfinite(number) else None


def _text(value: object) -> str:
    return str(value).strip().strip("\x00") if isinstance(value, str) else ""
