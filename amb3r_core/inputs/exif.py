"""What a photo file says about its camera and place."""

from dataclasses import dataclass
from math import hypot
from typing import Any, cast

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

FULL_FRAME_DIAGONAL_MM = 43.2666
"""Diagonal of 36 mm x 24 mm film, to which CIPA's 35 mm equivalent focal length refers."""
MM_PER_RESOLUTION_UNIT = {2: 25.4, 3: 10.0, 4: 1.0}
"""EXIF FocalPlaneResolutionUnit: inch, centimetre, millimetre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpsFix:
    """A place on Earth: WGS 84 degrees, metres above sea level, and the stated error in metres (None: not stated)."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    error_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """Camera and place from EXIF. focal_px: focal length in pixels of the full image, None when not told. camera: make, model and
    focal length as one text, "" when not told; photos of one size that share it were taken with the same lens setting."""

    focal_px: float | None = None
    camera: str = ""
    gps: GpsFix | None = None


def read_facts(image: Image.Image) -> PhotoFacts:
    """The facts in the EXIF block of an open image; empty ones when it has none."""
    exif = image.getexif()
    if not exif:
        return PhotoFacts()
    details = exif.get_ifd(IFD.Exif)
    make, model = _text(exif.get(Base.Make)), _text(exif.get(Base.Model))
    focal_mm = _number(details.get(Base.FocalLength))
    camera = f"{make} {model} {focal_mm}" if make or model else ""
    return PhotoFacts(focal_px=_focal_px(details, focal_mm, *image.size), camera=camera, gps=_gps(exif.get_ifd(IFD.GPSInfo)))


def _focal_px(details: dict[int, object], focal_mm: float | None, width: int, height: int) -> float | None:
    equivalent_mm = _number(details.get(Base.FocalLengthIn35mmFilm))
    if equivalent_mm:
        return equivalent_mm / FULL_FRAME_DIAGONAL_MM * hypot(width, height)
    pixels_per_unit = _number(details.get(Base.FocalPlaneXResolution))
    unit_mm = MM_PER_RESOLUTION_UNIT.get(int(_number(details.get(Base.FocalPlaneResolutionUnit)) or 2))
    stored_width = _number(details.get(Base.ExifImageWidth))
    if focal_mm and pixels_per_unit and unit_mm:
        resized = max(width, height) / stored_width if stored_width else 1.0
        return focal_mm * pixels_per_unit / unit_mm * resized
    return None


def _gps(block: dict[int, object]) -> GpsFix | None:
    latitude, longitude = _degrees(block.get(GPS.GPSLatitude)), _degrees(block.get(GPS.GPSLongitude))
    if latitude is None or longitude is None:
        return None
    altitude = _number(block.get(GPS.GPSAltitude)) or 0.0
    below_sea = block.get(GPS.GPSAltitudeRef) in (1, b"\x01")
    return GpsFix(
        latitude_deg=-latitude if _text(block.get(GPS.GPSLatitudeRef)).upper() == "S" else latitude,
        longitude_deg=-longitude if _text(block.get(GPS.GPSLongitudeRef)).upper() == "W" else longitude,
        altitude_m=-altitude if below_sea else altitude,
        error_m=_number(block.get(GPS.GPSHPositioningError)),
    )


def _degrees(value: object) -> float | None:
    if not isinstance(value, tuple):
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in cast(tuple[Any, ...], value))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return degrees + minutes / 60.0 + seconds / 3600.0


def _number(value: object) -> float | None:
    try:
        number = float(value)  # pyright: ignore[reportArgumentType] - EXIF rationals, ints and texts; the rest raises
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if number > 0 and number != float("inf") else None


def _text(value: object) -> str:
    return str(value).strip().strip("\x00") if isinstance(value, str) else ""
