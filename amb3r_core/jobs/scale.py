"""Metric scale without a network: a measured distance, poses in metres, or GPS. Never a silent guess."""

from collections.abc import Mapping, Sequence

import numpy as np

from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.inputs.exif import GpsFix
from amb3r_core.inputs.joining import listed
from amb3r_core.jobs.gps_fit import ScaleFit, fit_in_space, fit_on_the_ground, relative_spread
from amb3r_core.options import MeasuredDistance
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import umeyama
from amb3r_core.scene.gravity import up_of_cameras
from amb3r_core.scene.reconstruction import Reconstruction, Scale

EARTH_RADIUS_M = 6378137.0
EARTH_FLATTENING_2 = 6.69437999014e-3
"""WGS 84: equatorial radius and first eccentricity squared."""
MIN_GPS_VIEWS = 5
MAX_POSES_SPREAD = 0.05
"""One-sigma error of the scale, relative, beyond which poses are of other photos, or in another order."""
MAX_GPS_SPREAD = 0.05
"""One-sigma error of the scale, relative, up to which GPS is good enough to call a scene metric."""
MAX_NAMED_VIEWS = 5
"""How many views a scale's source names before it counts the rest."""
MIN_SEPARATION = 1e-6
"""Two views closer than this share of the scene's extent cannot carry a scale."""


def scale_by_distance(reconstruction: Reconstruction, measured: MeasuredDistance) -> Reconstruction:
    """The scene in metres, from one measured distance between two camera centres. Raises `InputError`, `AlignmentError`."""
    centres = [_centre(reconstruction, name) for name in (measured.view_a, measured.view_b)]
    distance = float(np.linalg.norm(centres[0] - centres[1]))
    if distance <= MIN_SEPARATION * _extent(reconstruction):
        raise AlignmentError(f"{measured.view_a} and {measured.view_b} were taken from one place: they cannot carry a scale")
    source = f"{measured.view_a} and {measured.view_b} are {measured.metres:g} m apart"
    return reconstruction.scaled(measured.metres / distance, Scale(kind="metric", source=source))


def scale_by_poses(reconstruction: Reconstruction, poses_m: Mapping[str, Float64], source: str) -> Reconstruction:
    """The scene in metres, by the similarity of its camera centres to poses (4, 4) in metres by view name.

    Umeyama's scale; its spread is the residual over the extent of the trajectory. `AlignmentError` below three common
    views, and where the fit is bad.
    """
    pairs = [(view.cam_to_world[:3, 3], poses_m[view.name][:3, 3]) for view in reconstruction.views if view.name in poses_m]
    if len(pairs) < 3:
        raise AlignmentError(f"{source}: {len(pairs)} placed views have a pose in metres, three are needed for a scale")
    ours, metres = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    similarity = umeyama(ours, metres)
    spread = relative_spread(similarity.apply(ours) - metres, metres)
    if spread > MAX_POSES_SPREAD:
        raise AlignmentError(
            f"{source}: they fit the scene only to {spread:.0%}, {MAX_POSES_SPREAD:.0%} is needed; are they of these photos?"
        )
    scale = Scale(kind="metric", source=f"{source} ({len(pairs)} views)", relative_spread=spread)
    return reconstruction.scaled(similarity.scale, scale)


def scale_by_gps(reconstruction: Reconstruction, fixes: Mapping[str, GpsFix]) -> Reconstruction:
    """The scene in metres from the photos' GPS positions; `AlignmentError` says why they are not good enough."""
    known = [view.name for view in reconstruction.views if view.name in fixes]
    check_fixes(len(known), "placed photos")
    centres = np.array([view.cam_to_world[:3, 3] for view in reconstruction.views if view.name in fixes])
    fit = _fit_gps(centres, local_metres([fixes[name] for name in known]), _up(reconstruction))
    left_out = [name for name, used in zip(known, fit.used, strict=True) if not used]
    n_used = f"{len(known)} views"
    if left_out:
        n_used = f"{len(known) - len(left_out)} of {n_used}; left out: {listed(left_out, MAX_NAMED_VIEWS)}"
    source = f"EXIF GPS{', east and north alone' if fit.is_horizontal else ''} ({n_used})"
    return reconstruction.scaled(fit.scale, Scale(kind="metric", source=source, relative_spread=fit.spread))


def _fit_gps(centres: Float64, places: Float64, up: Float64) -> ScaleFit:
    """In space where that is good enough, else by east and north alone: heights are often missing, rough or of another zero."""
    reasons: list[str] = []
    for fit_scale in (lambda: fit_in_space(centres, places), lambda: fit_on_the_ground(centres, places, up)):
        try:
            fit = fit_scale()
        except AlignmentError as error:
            reasons.append(str(error))
            continue
        if fit.used.sum() < MIN_GPS_VIEWS:
            reasons.append(f"{fit.used.sum()} positions agree with the scene, {MIN_GPS_VIEWS} are needed")
        elif fit.spread > MAX_GPS_SPREAD:
            wanted = f"{MAX_GPS_SPREAD:.0%} is needed; the places are too close or too rough"
            reasons.append(f"the scale is only known to {fit.spread:.0%}, {wanted}")
        else:
            return fit
    raise AlignmentError(f"GPS: {reasons[-1]}")


def _up(reconstruction: Reconstruction) -> Float64:
    up = reconstruction.up_world or up_of_cameras(reconstruction.views)
    return np.array(up if up is not None else (0.0, -1.0, 0.0))


def check_fixes(n_fixes: int, of_what: str) -> None:
    """`AlignmentError` when so few of them have a GPS position that no scale comes of it."""
    if n_fixes < MIN_GPS_VIEWS:
        raise AlignmentError(f"GPS: {n_fixes} {of_what} have a position, {MIN_GPS_VIEWS} are needed")


def local_metres(fixes: Sequence[GpsFix]) -> Float64:
    """East, north, up (N, 3) in metres about the middle place, up NaN where no altitude is told; exact to 1e-4 within some
    kilometres (WGS 84)."""
    latitude = np.radians([fix.latitude_deg for fix in fixes])
    longitude = np.radians([fix.longitude_deg for fix in fixes])
    altitude = np.array([np.nan if fix.altitude_m is None else fix.altitude_m for fix in fixes])
    latitude_0 = float(np.median(latitude))
    bend = 1.0 - EARTH_FLATTENING_2 * np.sin(latitude_0) ** 2
    radius_east = EARTH_RADIUS_M / np.sqrt(bend)
    radius_north = radius_east * (1.0 - EARTH_FLATTENING_2) / bend
    from_first: Float64 = (longitude - longitude[0] + np.pi) % (2.0 * np.pi) - np.pi  # also across 180 degrees
    east = (from_first - float(np.median(from_first))) * np.cos(latitude_0) * radius_east
    north = (latitude - latitude_0) * radius_north
    altitude_0 = float(np.nanmedian(altitude)) if np.isfinite(altitude).any() else 0.0
    return np.stack([east, north, altitude - altitude_0], axis=1)


def _centre(reconstruction: Reconstruction, name: str) -> Float64:
    matches = [view for view in reconstruction.views if name in (view.name, view.name.rsplit(".", 1)[0])]
    if not matches:
        lost = any(name in (view.name, view.name.rsplit(".", 1)[0]) for view in reconstruction.unregistered)
        why = "could not be placed" if lost else "is not one of the images"
        raise InputError(f"`scale_from` names {name!r}, which {why}", option="scale_from")
    return matches[0].cam_to_world[:3, 3]


def _extent(reconstruction: Reconstruction) -> float:
    centres = reconstruction.cam_to_world[:, :3, 3]
    return float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max())
