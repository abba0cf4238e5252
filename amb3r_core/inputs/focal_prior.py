"""The focal length in pixels that EXIF stands for, judged: tags are often wrong, and a wrong prior is worse than none."""

from dataclasses import dataclass
from math import hypot

FULL_FRAME_DIAGONAL_MM = 43.2666
"""Diagonal of 36 mm x 24 mm film, to which CIPA's 35 mm equivalent focal length refers."""
MM_PER_RESOLUTION_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""EXIF FocalPlaneResolutionUnit: inch, centimetre, millimetre, micrometre."""
PLAUSIBLE_FOCAL = (0.35, 5.0)
"""Focal length over the photo's long side: 35 mm equivalents of 12.6 to 180 mm. Wider are fisheyes, for which no pinhole prior
is right, and tags that were never set (0, 1); longer ones are rarer in photos for a scene than wrong tags are."""
PLAUSIBLE_SENSOR_MM = (1.5, 75.0)
"""Long side of a sensor: from endoscopes to scanned medium format."""
SAME_ASPECT = 0.02
"""Relative difference up to which a photo and the size in its EXIF are one picture, resized or turned."""
LEAST_CUT = 0.9
"""A photo cut out of its EXIF size was not resized as well when it could have shrunk by no more than this."""
AGREEMENT = 1.15
"""Ratio up to which two tags say the same; whole millimetres of a 35 mm equivalent alone make 1.04."""
ROUNDING_MM = 1.0
"""A 35 mm equivalent this near the real focal length repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalTags:
    """What EXIF says of the lens; None for what it does not say, or says as no positive number."""

    focal_mm: float | None = None
    equivalent_mm: float | None = None
    """35 mm equivalent; 0 means unknown (EXIF 3.0, 4.6.6)."""
    plane_x: float | None = None
    """Focal plane resolution in pixels per unit, of the picture whose size EXIF tells."""
    plane_y: float | None = None
    plane_unit: int = 2
    width: float | None = None
    """Of the picture that EXIF speaks of, which the photo may be a resized, turned or cut copy of."""
    height: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalPrior:
    """A focal length to start from. focal_px None: nothing is believed. doubt: what was not believed and why, "" if nothing."""

    focal_px: float | None = None
    doubt: str = ""


def judge(tags: FocalTags, width: int, height: int) -> FocalPrior:
    """The focal length of a photo of `width` x `height` pixels, in its pixels, as far as its tags are plausible and agree."""
    if tags.equivalent_mm is None and not (tags.plane_x and tags.focal_mm):
        return FocalPrior()
    picture = _whole_picture(tags, width, height)
    if picture is None:
        told = f"{tags.width or 0:.0f}x{tags.height or 0:.0f}"
        return FocalPrior(doubt=f"it is of a picture of {told} pixels, of which the photo ({width}x{height}) is cut or stitched")
    equivalent, plane = _by_equivalent(tags, picture), _by_focal_plane(tags, picture)
    if equivalent.focal_px and plane.focal_px:
        return _more_trustworthy(tags, equivalent.focal_px, plane.focal_px)
    doubt = "; ".join(prior.doubt for prior in (equivalent, plane) if prior.doubt)
    return FocalPrior(focal_px=equivalent.focal_px or plane.focal_px, doubt=doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """The uncut picture in the photo's pixels, and how many of them one pixel became that EXIF speaks of."""

    width: float
    height: float
    resize: float

    @property
    def long_side(self) -> float:
        return max(self.width, self.height)


def _whole_picture(tags: FocalTags, width: int, height: int) -> _Picture | None:
    if not tags.width:
        return _Picture(width=width, height=height, resize=1.0)
    if not tags.height:
        resize = 1.0 if tags.width in (width, height) else max(width, height) / tags.width
        return _Picture(width=width, height=height, resize=resize)
    told, turned = (tags.width, tags.height), (tags.height, tags.width)
    for across, down in (told, turned):
        if abs(across * height / (down * width) - 1.0) <= SAME_ASPECT:
            return _Picture(width=width, height=height, resize=hypot(width, height) / hypot(across, down))
    for across, down in (told, turned):
        if LEAST_CUT <= max(width / across, height / down) <= 1.0:
            return _Picture(width=across, height=down, resize=1.0)
    return None


def _by_equivalent(tags: FocalTags, picture: _Picture) -> FocalPrior:
    if tags.equivalent_mm is None:
        return FocalPrior()
    focal_px = tags.equivalent_mm / FULL_FRAME_DIAGONAL_MM * hypot(picture.width, picture.height)
    return _plausible(focal_px, picture, f"a 35 mm equivalent of {tags.equivalent_mm:g} mm")


def _by_focal_plane(tags: FocalTags, picture: _Picture) -> FocalPrior:
    unit_mm = MM_PER_RESOLUTION_UNIT.get(tags.plane_unit)
    if not (tags.focal_mm and tags.plane_x):
        return FocalPrior()
    if unit_mm is None:
        return FocalPrior(doubt=f"the focal-plane tags have no unit of length ({tags.plane_unit})")
    if tags.plane_y and not 1.0 / AGREEMENT <= tags.plane_y / tags.plane_x <= AGREEMENT:
        return FocalPrior(doubt=f"the focal-plane tags ({tags.plane_x:g} by {tags.plane_y:g}) make pixels that are not square")
    pixels_per_mm = tags.plane_x / unit_mm * picture.resize
    sensor_mm = picture.long_side / pixels_per_mm
    if not PLAUSIBLE_SENSOR_MM[0] <= sensor_mm <= PLAUSIBLE_SENSOR_MM[1]:
        return FocalPrior(doubt=f"the focal-plane tags make the sensor {sensor_mm:.3g} mm long")
    return _plausible(tags.focal_mm * pixels_per_mm, picture, f"{tags.focal_mm:g} mm on a sensor {sensor_mm:.3g} mm long")


def _plausible(focal_px: float, picture: _Picture, said: str) -> FocalPrior:
    if PLAUSIBLE_FOCAL[0] <= focal_px / picture.long_side <= PLAUSIBLE_FOCAL[1]:
        return FocalPrior(focal_px=focal_px)
    return FocalPrior(doubt=f"{said} (f = {focal_px:.0f} px) is implausible")


def _more_trustworthy(tags: FocalTags, equivalent_px: float, plane_px: float) -> FocalPrior:
    """The 35 mm equivalent, which a resize leaves right, unless it only repeats the real focal length of a smaller sensor."""
    if 1.0 / AGREEMENT <= plane_px / equivalent_px <= AGREEMENT:
        return FocalPrior(focal_px=equivalent_px)
    told = f"the 35 mm equivalent says f = {equivalent_px:.0f} px, the focal-plane tags {plane_px:.0f} px"
    if tags.focal_mm and tags.equivalent_mm and abs(tags.focal_mm - tags.equivalent_mm) <= ROUNDING_MM:
        return FocalPrior(focal_px=plane_px, doubt=f"{told}; the former repeats the real focal length, the latter are believed")
    return FocalPrior(focal_px=equivalent_px, doubt=f"{told}; the former is believed")
