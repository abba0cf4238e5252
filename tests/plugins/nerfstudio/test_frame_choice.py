"""Which frames are used and how they are cut."""

import numpy as np
import pytest
from amb3r_nerfstudio.equirect import crop_camera, panorama_pixels, perspective_crops
from amb3r_nerfstudio.frame_choice import FrameWishes, chosen_frames, joined, sharpness

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, frames_from_arrays
from amb3r_core.scene.camera import PinholeCamera
from tests.fakes import render_room

CAMERA = PinholeCamera(width=64, height=48, fx=50.0, fy=50.0, cx=31.5, cy=23.5)


def photos(count: int) -> FrameList:
    random = np.random.default_rng(0)
    return frames_from_arrays([random.integers(0, 256, (20, 30, 3), dtype=np.uint8) for _ in range(count)])


def test_no_wish_changes_nothing():
    frames = photos(3)
    assert chosen_frames(frames, FrameWishes()).frames == frames.frames


def test_a_crop_cuts_pixels_and_moves_the_known_camera():
    from dataclasses import replace

    rgb, _ = render_room(CAMERA, np.eye(4))
    frame = replace(frames_from_arrays([rgb])[0], camera=CAMERA)
    cut = chosen_frames(FrameList((frame,)), FrameWishes(crop=(0.25, 0.125, 0.0, 0.5)))[0]
    assert np.array_equal(cut.decode(), rgb[12:42, :32])
    assert (cut.width, cut.height) == (32, 30)
    again, _ = render_room(cut.camera, np.eye(4))
    assert np.array_equal(again, cut.decode())


def test_crops_that_leave_nothing_are_refused():
    with pytest.raises(InputError, match="`crop_factor="):
        FrameWishes(crop=(0.5, 0.5, 0, 0))


def test_frames_are_thinned_evenly_and_keep_their_order():
    names = [frame.name for frame in chosen_frames(photos(10), FrameWishes(max_frames=4))]
    assert names == [f"image_{index:05d}.png" for index in (0, 2, 5, 7)]


def test_smeared_frames_are_left_out():
    sharp = photos(1)[0].decode()
    smear = np.repeat(sharp.mean(axis=1, keepdims=True), 30, axis=1).astype(np.uint8)
    smear = np.repeat(smear.mean(axis=0, keepdims=True), 20, axis=0).astype(np.uint8)
    assert sharpness(smear) < 1 < sharpness(sharp)
    kept = chosen_frames(frames_from_arrays([smear, sharp]), FrameWishes(min_sharpness=25))
    assert [frame.name for frame in kept] == ["image_00001.png"]
    with pytest.raises(InputError, match="all 1 images are blurrier"):
        chosen_frames(frames_from_arrays([smear]), FrameWishes(min_sharpness=25))


def test_joined_sets_keep_names_apart():
    both = joined(photos(3), photos(2))
    assert len({frame.name for frame in both}) == 5
    assert [frame.name for frame in both if frame.name.startswith("eval/")] == ["eval/image_00000.png", "eval/image_00001.png"]


@pytest.mark.parametrize("count", [8, 14])
def test_crops_of_a_panorama_look_where_they_say(count: int):
    """A panorama whose colours are directions: every crop's pixels show the direction its camera gives them."""
    height, width = 128, 256
    row, column = np.mgrid[0:height, 0:width]
    longitude, latitude = ((column + 0.5) / width - 0.5) * 2 * np.pi, ((row + 0.5) / height - 0.5) * np.pi
    cosine = np.cos(latitude)
    rays = np.stack([cosine * np.sin(longitude), np.sin(latitude), cosine * np.cos(longitude)], axis=-1)
    panorama = np.rint(127.5 * (rays + 1)).astype(np.uint8)
    crops = perspective_crops(frames_from_arrays([panorama]), count)
    assert len(crops) == count
    assert len({frame.name for frame in crops}) == count
    seen = []
    for frame in crops:
        directions = frame.decode() / 127.5 - 1
        v, u = np.mgrid[0 : frame.height, 0 : frame.width]
        local = np.stack([(u - frame.camera.cx) / frame.camera.fx, (v - frame.camera.cy) / frame.camera.fy, np.ones(u.shape)], -1)
        local /= np.linalg.norm(local, axis=-1, keepdims=True)
        left, _, right = np.linalg.svd(local.reshape(-1, 3).T @ directions.reshape(-1, 3))
        turn = (left @ right).T
        assert np.linalg.det(turn) == pytest.approx(1)
        assert np.abs(local @ turn.T - directions).max() < 0.03
        seen.append(turn[:, 2])
    assert np.abs(np.mean(seen, axis=0)).max() < 0.05


def test_panoramas_of_another_shape_are_refused():
    with pytest.raises(InputError, match="twice as wide as high"):
        perspective_crops(photos(1), 8)


def test_the_middle_of_a_crop_is_the_middle_of_the_panorama():
    camera = crop_camera(400, 90.0)
    place = panorama_pixels(camera, 0.0, 0.0, 400, 200).mean(axis=(0, 1))
    assert np.allclose(place, [199.5, 99.5])
