"""Cameras of a file, checked, and brought to the size of a photo."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, cast

from amb3r_core.errors import FormatError, InputError
from amb3r_core.scene.camera import Camera, PinholeCamera
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER
from amb3r_core.scene.lens import N_COEFFICIENTS, STRAIGHT, Lens, LensModel

SHAPE_TOLERANCE = 0.01
"""Relative difference of aspect ratios up to which a camera of another size is scaled to a photo."""
MAX_CENTRE_SHARE = 0.25
"""How far a principal point may lie from the middle, as a share of the side, where the camera does not tell its photo's size."""
PLAUSIBLE_FOCAL_RATIO = (0.05, 50.0)
"""Focal length over the longer side; outside, a number was read as something that it is not."""
PINHOLES = {"SIMPLE_PINHOLE": 1, "PINHOLE": 2}
ONE_FOCAL_LENGTH = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
"""COLMAP's models that have one focal length for both axes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCamera:
    """One camera of a file, in pixels of the photo it was measured on; (0, 0) is the centre of the top-left pixel."""

    fx: float
    fy: float
    cx: float | None
    cy: float | None
    """Principal point; None: not told, so it is the middle of the photo."""
    focal_unit: Literal["pixel", "width"] = "pixel"
    """What fx and fy count: pixels, or widths of the photo where the file tells an angle of view."""
    width: float = 0.0
    height: float = 0.0
    """Size 0: not told, so it is of the photo's own size."""
    lens: Lens = STRAIGHT
    name: str = ""
    """The photo's path or name as the file gives it; empty: of every photo that has no camera of its own."""
    place: str = ""
    """Where it stands, for messages."""

    def __post_init__(self) -> None:
        values = {"fx": self.fx, "fy": self.fy, "cx": self.cx, "cy": self.cy, "width": self.width, "height": self.height}
        for name, value in values.items():
            if value is not None and not isfinite(value):
                raise FormatError(f"{self.place}: {name} is {value}, wanted a finite number")
        if min(self.fx, self.fy) <= 0:
            raise FormatError(f"{self.place}: the focal lengths are {self.fx:g} and {self.fy:g}, wanted more than 0")
        if min(self.width, self.height) < 0:
            raise FormatError(f"{self.place}: the size is {self.width:g}x{self.height:g}")

    def named(self, name: str) -> "FileCamera":
        """The same camera for the photo of this name."""
        return replace(self, name=name)

    def of_photo(self, photo: str, width: int, height: int) -> Camera:
        """The camera of a photo of this size, scaled where the shapes agree. `InputError` says why it is none of its."""
        told = (self.width or width, self.height or height)
        scale_x, scale_y = width / told[0], height / told[1]
        if abs(scale_x / scale_y - 1.0) > SHAPE_TOLERANCE:
            size = f"{told[0]:g}x{told[1]:g} but the photo is {width}x{height}"
            turned = ": it is turned" if abs(width / told[1] / (height / told[0]) - 1.0) < SHAPE_TOLERANCE else ""
            raise InputError(f"the known camera of {photo} is {size}{turned}", option="intrinsics")
        unit = told[0] if self.focal_unit == "width" else 1.0
        pinhole = PinholeCamera(
            width=max(round(told[0]), 1),
            height=max(round(told[1]), 1),
            fx=self.fx * unit,
            fy=self.fy * unit,
            cx=(told[0] - 1.0) / 2.0 if self.cx is None else self.cx,
            cy=(told[1] - 1.0) / 2.0 if self.cy is None else self.cy,
        )
        if not self.width:
            _check_centre(pinhole, photo)
        low, high = PLAUSIBLE_FOCAL_RATIO
        if not low <= pinhole.fx / max(told) <= high:
            raise InputError(
                f"the known camera of {photo} has a focal length of {pinhole.fx:g} px on {max(told):g} px: is it in other units?",
                option="intrinsics",
            )
        same_size = (pinhole.width, pinhole.height) == (width, height)
        return Camera(pinhole=pinhole if same_size else pinhole.resized(width, height), lens=self.lens)


def _check_centre(camera: PinholeCamera, photo: str) -> None:
    """`InputError` when a camera that does not tell its size cannot be of a photo of this one."""
    width, height = camera.width, camera.height
    off = max(abs(camera.cx - (width - 1) / 2) / width, abs(camera.cy - (height - 1) / 2) / height)
    if off > MAX_CENTRE_SHARE:
        raise InputError(
            f"the known camera has its principal point at ({camera.cx:g}, {camera.cy:g}), which is not near the middle of "
            f"{photo} ({width}x{height}): it belongs to photos of another size or turned ones; give a cameras file that "
            "tells width and height",
            option="intrinsics",
        )


def camera_of_colmap(
    model: str, width: float, height: float, params: Sequence[float], place: str, *, name: str = ""
) -> FileCamera:
    """A camera by COLMAP's model name and parameters, whose pixels count from the image's corner."""
    n_params = count_params(model, place)
    if len(params) != n_params:
        raise FormatError(f"{place}: {len(params)} parameters, {model} has {n_params}")
    n_focal = _count_focal_lengths(model)
    focal, (cx, cy), coefficients = params[:n_focal], params[n_focal : n_focal + 2], tuple(params[n_focal + 2 :])
    if not all(isfinite(value) for value in coefficients):
        raise FormatError(f"{place}: a distortion coefficient is not a finite number")
    lens = Lens(model=cast(LensModel, model), coefficients=coefficients) if coefficients else STRAIGHT
    return FileCamera(
        fx=focal[0],
        fy=focal[-1],
        cx=cx - CORNER_MINUS_CENTER,
        cy=cy - CORNER_MINUS_CENTER,
        width=width,
        height=height,
        lens=STRAIGHT if lens.is_straight else lens,
        name=name,
        place=place,
    )


def count_params(model: str, place: str) -> int:
    """How many parameters a model of COLMAP's has; `InputError` for one that is not known here."""
    if model not in PINHOLES and model not in N_COEFFICIENTS:
        known = ", ".join([*PINHOLES, *N_COEFFICIENTS])
        raise InputError(f"{place}: camera model {model} is not known here ({known}); undistort the photos with COLMAP first")
    return _count_focal_lengths(model) + 2 + (0 if model in PINHOLES else N_COEFFICIENTS[model])


def _count_focal_lengths(model: str) -> int:
    return 1 if model in ONE_FOCAL_LENGTH else 2
