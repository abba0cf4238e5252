"""What lenses are likely before a photo is looked at, and the compromise between that and what the photos say.

Few photos, or little parallax, leave focal length and distortion open along a valley, and where in it an adjustment ends is
chance. The most probable lens takes the photos' word as far as it goes (maximum a posteriori, in the quadratic approximation at
the end of the adjustment), and what is usual beyond that.
"""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from math import exp, hypot, log

import numpy as np
import pycolmap

from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.sfm.mapping import Float64
from amb3r_core.models.colmap.sfm.uncertainty import Uncertainty, refined_params

USUAL_FOCAL_RATIO = 0.85
"""Focal length over the longer side, amid phones (0.7), depth sensors (0.8), compact cameras and lenses of 35 mm (0.97)."""

FOCAL_SPREAD = 0.35
"""Standard deviation of the logarithm of that ratio over the lenses that photos for a scene are taken with."""

EXIF_SPREAD = 0.05
"""The same of a focal length in EXIF where it is not plainly wrong: rounded to millimetres, of the whole sensor, and focused at
infinity."""

CORNER_SPREAD = 0.02
"""How far usual lenses move the corner of a photo, over its distance from the centre; most cameras correct theirs."""

MODEL_ERROR = 5.0
"""True errors of lenses and poses over those that the noise of features allows, as measured on real rooms: matches are not
independent, principal points are not where they should be, and lenses are not so simple."""

PRIOR_WEIGHT = 0.2
"""Share of support that a focal length one spread off the usual costs, twice over."""

USUAL_DISTORTION = 0.1
"""Corner movement, at the usual focal length, from which on a lens counts as unlikely."""

DISTORTION_POWER = 1.5
"""Longer lenses bend less."""

ROUNDS = 30


def distortion(camera: pycolmap.Camera) -> float:
    """How far the lens moves the corner of the photo, over the corner's distance from the centre."""
    return 0.0 if is_known(camera) else float(abs(camera.params[-1])) / _per_corner(camera, camera.mean_focal_length())


def lens_likelihood(camera: pycolmap.Camera, *, is_told: bool) -> float:
    """1 for a usual lens, less the more it bends for its focal length, and less the less usual that is, unless EXIF tells it."""
    if is_known(camera):
        return 1.0
    ratio = _focal_ratio(camera)
    usual = USUAL_DISTORTION * (USUAL_FOCAL_RATIO / ratio) ** DISTORTION_POWER
    spreads = 0.0 if is_told else log(ratio / USUAL_FOCAL_RATIO) / FOCAL_SPREAD
    return exp(-PRIOR_WEIGHT * spreads**2 / 2.0) * min(1.0, usual / max(distortion(camera), 1e-12))


def likely_params(
    model: pycolmap.Reconstruction, errors: Uncertainty, exif_focal: Mapping[int, float], *, refines_distortion: bool
) -> dict[int, Float64]:
    """The most probable parameters of each camera that is not known, by its id.

    exif_focal: focal lengths from EXIF by camera id, in pixels. Distortion that was not refined stays.
    """
    likely: dict[int, Float64] = {}
    for camera_id, covariance in errors.lens_covariance.items():
        camera = model.camera(camera_id)
        focal_place, distortion_place = refined_params(camera)
        params = np.array(camera.params, np.float64)
        found = np.array([log(params[focal_place]), params[distortion_place]])
        to_log = np.diag([1.0 / params[focal_place], 1.0])
        information = np.linalg.inv(to_log @ covariance @ to_log * MODEL_ERROR**2)
        if not refines_distortion:
            information[0, 1] = information[1, 0] = 0.0
        told = exif_focal.get(camera_id)
        usual = log(told or USUAL_FOCAL_RATIO * max(camera.width, camera.height))
        focal, bend = _compromise(camera, found, information, usual, is_told=told is not None)
        params[focal_place] = exp(focal)
        if refines_distortion:
            params[distortion_place] = bend
        likely[camera_id] = params
    return likely


def corner_shift_px(camera: pycolmap.Camera, params: Float64) -> float:
    """How far a ray to the corner of the photo moves in the picture when the camera gets these parameters."""
    corner = np.array([[float(camera.width), float(camera.height)]])
    ray = np.append(np.asarray(camera.cam_from_img(corner)), 1.0)[None]
    changed = pycolmap.Camera(camera.todict())
    changed.params = params.tolist()
    return float(np.linalg.norm(np.asarray(changed.img_from_cam(ray)) - corner))


def _compromise(camera: pycolmap.Camera, found: Float64, information: Float64, usual: float, *, is_told: bool) -> Float64:
    """Logarithm of focal length and distortion between those found and the usual ones.

    Distortion and what EXIF tells have priors with heavy tails (Cauchy), so that a lens that clearly bends is left its bend, and
    a focal length that clearly is another than in EXIF is left too: these are found by weighting the prior anew until nothing
    changes.
    """
    best = found
    for _ in range(ROUNDS):
        scale = CORNER_SPREAD * _per_corner(camera, exp(best[0]))
        of_focal = 2.0 / (2.0 * EXIF_SPREAD**2 + (best[0] - usual) ** 2) if is_told else 1.0 / FOCAL_SPREAD**2
        prior = np.diag([of_focal, 2.0 / (scale**2 + best[1] ** 2)])
        best = np.linalg.solve(information + prior, information @ found + prior @ np.array([usual, 0.0]))
    return best


def _per_corner(camera: pycolmap.Camera, focal: float) -> float:
    """The coefficient that moves the corner by its whole distance from the centre."""
    return (2.0 * focal / hypot(camera.width, camera.height)) ** 2


def _focal_ratio(camera: pycolmap.Camera) -> float:
    return float(camera.mean_focal_length()) / max(camera.width, camera.height)
