"""COLMAP's cameras for frames, and back."""

from dataclasses import replace

import numpy as np
import pytest

from amb3r_core.inputs.exif import PhotoFacts
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras, original_camera
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.scene.camera import Camera
from amb3r_core.scene.lens import simple_radial
from tests.models.colmap import posed_photos as scene


def features_at(width: int, height: int) -> Features:
    return replace(scene.no_features(), width=width, height=height)


def ids(*frames: Frame) -> list[int]:
    return [camera.camera_id for camera in colmap_cameras(frames, [features_at(320, 240)] * len(frames))]


def test_frames_of_one_lens_setting_share_a_camera() -> None:
    wide, tele = PhotoFacts(camera="A 24.0"), PhotoFacts(camera="A 70.0")
    frames = [replace(scene.photo("p"), facts=facts) for facts in (wide, tele, wide, PhotoFacts(camera="A 24.0", focal_px=500.0))]
    assert ids(*frames) == [1, 2, 1, 3]
    assert ids(scene.photo("p"), scene.photo("q", camera=scene.CAMERA), scene.photo("r", camera=scene.CAMERA)) == [1, 2, 2]


def test_a_known_camera_is_resized_to_the_working_size_and_comes_back_as_it_was() -> None:
    frame = scene.photo("p", camera=scene.CAMERA)
    (camera,) = colmap_cameras([frame], [features_at(320, 240)])
    np.testing.assert_allclose(camera.params, [280.0, 280.0, 160.0, 120.0])
    assert camera.has_prior_focal_length
    assert original_camera(frame, camera) == Camera(pinhole=scene.CAMERA)


def test_a_refined_camera_comes_back_at_the_size_of_the_photo_with_its_lens() -> None:
    frame = replace(scene.photo("p"), facts=PhotoFacts(focal_px=500.0))
    (camera,) = colmap_cameras([frame], [features_at(320, 240)])
    assert camera.has_prior_focal_length
    camera.params = [250.0, 160.0, 120.0, -0.1]
    found = original_camera(frame, camera)
    assert found.lens == simple_radial(-0.1)
    assert found.pinhole.K[:2].ravel() == pytest.approx([500.0, 0.0, 319.5, 0.0, 500.0, 239.5])


def test_without_a_focal_length_the_first_guess_is_that_of_colmap() -> None:
    (camera,) = colmap_cameras([scene.photo("p")], [features_at(320, 240)])
    assert not camera.has_prior_focal_length
    assert camera.params[0] == pytest.approx(1.2 * 320)
