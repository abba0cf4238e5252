"""Metric scale from distances, poses and GPS, and when it is refused."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.inputs.exif import GpsFix
from amb3r_core.jobs.scale import local_metres, scale_by_distance, scale_by_gps, scale_by_poses
from amb3r_core.options import MeasuredDistance
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.conventions import rigid
from amb3r_core.scene.geometry import Sim3
from amb3r_core.scene.reconstruction import Provenance, Reconstruction, Scale, UnregisteredView, View

CAMERA = PinholeCamera(width=8, height=6, fx=8, fy=8, cx=3.5, cy=2.5)
CENTRES = np.random.default_rng(3).normal(size=(8, 3)) * [5, 4, 1]


def scene(factor: float = 1.0) -> Reconstruction:
    views = tuple(
        View(
            name=f"v{k}.jpg",
            camera=CAMERA,
            cam_to_world=rigid(np.eye(3), c * factor),
            letterbox=Letterbox(x=0, y=0, width=8, height=6),
        )
        for k, c in enumerate(CENTRES)
    )
    lost = (UnregisteredView(name="lost.jpg", reason="no features"),)
    scale = Scale(kind="relative", source="none")
    return Reconstruction(views=views, scale=scale, provenance=Provenance(model="fake", version="0"), unregistered=lost)


def test_a_measured_distance_sets_the_scale() -> None:
    true = float(np.linalg.norm(CENTRES[0] - CENTRES[5]))
    scaled = scale_by_distance(scene(0.1), MeasuredDistance(view_a="v0.jpg", view_b="v5", metres=true))
    assert np.allclose(scaled.cam_to_world[:, :3, 3], CENTRES)
    assert scaled.scale.is_metric
    assert "v0.jpg and v5" in scaled.scale.source


@pytest.mark.parametrize(("name", "told"), [("lost", "could not be placed"), ("nobody", "is not one of the images")])
def test_a_distance_to_a_view_that_is_not_there_is_refused(name: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        scale_by_distance(scene(), MeasuredDistance(view_a="v0", view_b=name, metres=1.0))


def test_one_place_carries_no_scale() -> None:
    with pytest.raises(AlignmentError, match="one place"):
        scale_by_distance(scene(), MeasuredDistance(view_a="v0", view_b="v0.jpg", metres=1.0))


def test_poses_in_metres_set_the_scale_whatever_their_frame() -> None:
    rotation = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = Sim3(1.0, rotation, np.array([1.0, 2, 3])).apply_pose(scene().cam_to_world)
    poses = {f"v{k}.jpg": pose for k, pose in enumerate(moved)}
    scaled = scale_by_poses(scene(0.2), poses, "a survey")
    assert np.allclose(scaled.cam_to_world[:, :3, 3], CENTRES)
    assert scaled.scale.relative_spread == pytest.approx(0.0, abs=1e-9)


def test_two_poses_are_too_few() -> None:
    poses = {f"v{k}.jpg": scene().views[k].cam_to_world for k in range(2)}
    with pytest.raises(AlignmentError, match="2 placed views have a pose"):
        scale_by_poses(scene(), poses, "a survey")


def fixes(spread_m: float, noise_m: float) -> dict[str, GpsFix]:
    rng = np.random.default_rng(0)
    metres = CENTRES * spread_m + rng.normal(size=CENTRES.shape) * noise_m
    latitude = 48.0 + metres[:, 1] / 111_200.0
    longitude = 11.0 + metres[:, 0] / (111_320.0 * np.cos(np.radians(48.0)))
    return {
        f"v{k}.jpg": GpsFix(latitude_deg=float(a), longitude_deg=float(b), altitude_m=float(m[2]))
        for k, (a, b, m) in enumerate(zip(latitude, longitude, metres, strict=True))
    }


def test_gps_over_a_wide_area_sets_the_scale() -> None:
    scaled = scale_by_gps(scene(0.5), fixes(spread_m=20.0, noise_m=1.0))
    ratio = np.linalg.norm(np.diff(scaled.cam_to_world[:, :3, 3], axis=0)) / np.linalg.norm(np.diff(CENTRES * 20, axis=0))
    assert ratio == pytest.approx(1.0, abs=0.03)
    assert scaled.scale.source.startswith("EXIF GPS")


def test_gps_in_a_small_room_is_refused_with_the_reason() -> None:
    with pytest.raises(AlignmentError, match=r"GPS: the scale is only known to"):
        scale_by_gps(scene(), fixes(spread_m=0.3, noise_m=4.0))


def ratio_to_truth(scaled: Reconstruction) -> float:
    steps = np.diff(scaled.cam_to_world[:, :3, 3], axis=0)
    return float(np.linalg.norm(steps) / np.linalg.norm(np.diff(CENTRES * 20, axis=0)))


def moved(fix: GpsFix, *, degrees: float) -> GpsFix:
    return replace(fix, latitude_deg=fix.latitude_deg + degrees)


@pytest.mark.parametrize("degrees", [0.001, 0.3, -95.0])
def test_one_wild_fix_is_left_out_and_named(degrees: float) -> None:
    places = fixes(20.0, 0.5)
    places["v3.jpg"] = moved(places["v3.jpg"], degrees=degrees)
    scaled = scale_by_gps(scene(0.5), places)
    assert ratio_to_truth(scaled) == pytest.approx(1.0, abs=0.03)
    assert scaled.scale.source == "EXIF GPS (7 of 8 views; left out: v3.jpg)"


def test_a_fix_without_height_does_not_count_as_sea_level() -> None:
    places = {name: replace(fix, altitude_m=(fix.altitude_m or 0.0) + 480.0) for name, fix in fixes(20.0, 0.5).items()}
    places["v2.jpg"] = replace(places["v2.jpg"], altitude_m=None)
    scaled = scale_by_gps(scene(0.5), places)
    assert ratio_to_truth(scaled) == pytest.approx(1.0, abs=0.03)
    assert "7 of 8 views; left out: v2.jpg" in scaled.scale.source


def test_without_heights_east_and_north_set_the_scale() -> None:
    places = {name: replace(fix, altitude_m=None) for name, fix in fixes(20.0, 0.5).items()}
    level = replace(scene(0.5), up_world=(0.0, 0.0, 1.0))
    scaled = scale_by_gps(level, places)
    assert ratio_to_truth(scaled) == pytest.approx(1.0, abs=0.03)
    assert scaled.scale.source == "EXIF GPS, east and north alone (8 views)"


def test_heights_of_another_world_are_not_used() -> None:
    wrong = dict(zip(fixes(20.0, 0.5), [3.0, 250.0, -90.0, 120.0, 800.0, 33.0, -400.0, 64.0], strict=True))
    places = {name: replace(fix, altitude_m=wrong[name]) for name, fix in fixes(20.0, 0.5).items()}
    scaled = scale_by_gps(replace(scene(0.5), up_world=(0.0, 0.0, 1.0)), places)
    assert ratio_to_truth(scaled) == pytest.approx(1.0, abs=0.03)
    assert "east and north alone" in scaled.scale.source


def test_one_place_for_all_photos_is_refused() -> None:
    with pytest.raises(AlignmentError, match=r"GPS: .*one place"):
        scale_by_gps(scene(), dict.fromkeys(fixes(20.0, 0.1), next(iter(fixes(20.0, 0.1).values()))))


def test_too_few_that_agree_are_refused() -> None:
    places = fixes(20.0, 0.1)
    for k in range(4):
        places[f"v{k}.jpg"] = moved(places[f"v{k}.jpg"], degrees=0.01 * (k + 1) * (-1) ** k)
    with pytest.raises(AlignmentError, match=r"GPS: "):
        scale_by_gps(scene(), places)


def test_the_date_line_is_no_wall() -> None:
    here = [GpsFix(latitude_deg=0.5, longitude_deg=lon, altitude_m=0.0) for lon in (179.999, -179.999, 179.9995)]
    assert np.ptp(local_metres(here)[:, 0]) == pytest.approx(222.6, abs=0.5)


def test_gps_needs_several_photos() -> None:
    few = dict(list(fixes(20.0, 0.1).items())[:3])
    with pytest.raises(AlignmentError, match="3 placed photos"):
        scale_by_gps(scene(), few)


def test_local_metres_agree_with_the_meridian_and_parallel() -> None:
    north = [GpsFix(latitude_deg=48 + d, longitude_deg=11.0, altitude_m=5.0) for d in (-0.005, 0.005)]
    assert local_metres(north)[1, 1] - local_metres(north)[0, 1] == pytest.approx(1111.9, abs=0.5)
    assert replace(north[0], altitude_m=0.0).altitude_m == 0.0


def test_poses_of_other_photos_carry_no_scale() -> None:
    """The right poses, each given to its neighbour."""
    views = scene().views
    shuffled = {view.name: views[(index * 3 + 1) % len(views)].cam_to_world for index, view in enumerate(views)}
    with pytest.raises(AlignmentError, match=r"a survey: they fit the scene only to \d+%, 5% is needed"):
        scale_by_poses(scene(0.2), shuffled, "a survey")
