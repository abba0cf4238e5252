"""The photos and masks a scene keeps."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amb3r_core.compute.lens import undistort
from amb3r_core.inputs.images import Frame, FrameList, open_photos
from amb3r_core.inputs.keep_images import keep_images
from amb3r_core.scene.lens import simple_radial
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_room

K1 = -0.2


@pytest.fixture
def scene() -> Reconstruction:
    return fake_room(n_views=2, original_scale=1.0).reconstruction


def photos(folder: Path, scene: Reconstruction, names: tuple[str, ...]) -> FrameList:
    camera = scene.views[0].camera
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shades = np.random.default_rng(index).integers(0, 256, (camera.height, camera.width, 3))
        Image.fromarray(shades.astype(np.uint8)).save(folder / name)
    return open_photos([folder / name for name in names])


def named(scene: Reconstruction, frames: FrameList) -> Reconstruction:
    views = tuple(replace(view, name=frame.name) for view, frame in zip(scene.views, frames, strict=True))
    return replace(scene, views=views)


def masked(frame: Frame, value: int) -> Frame:
    """The frame with its left half masked out, or (value 1) its right half."""
    mask = np.arange(frame.width)[None].repeat(frame.height, 0) * 2 // frame.width == value
    return replace(frame, decode_mask=lambda: mask)


def test_a_photo_that_is_upright_and_straight_is_kept_byte_for_byte(tmp_path: Path, scene: Reconstruction) -> None:
    frames = photos(tmp_path / "in", scene, ("a.jpg", "b.png"))
    kept = keep_images(named(scene, frames), frames.frames, tmp_path / "out")
    for view, frame in zip(kept.views, frames, strict=True):
        assert frame.path is not None
        assert view.path is not None
        assert Path(view.path).read_bytes() == frame.path.read_bytes()


def test_a_referenced_photo_stays_where_it_is(tmp_path: Path, scene: Reconstruction) -> None:
    frames = photos(tmp_path / "in", scene, ("a.jpg", "b.png"))
    kept = keep_images(named(scene, frames), frames.frames, tmp_path / "out", images="reference")
    assert [view.path for view in kept.views] == [str(frame.path) for frame in frames]
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_photo_whose_path_no_text_can_hold_is_copied_instead(tmp_path: Path, scene: Reconstruction) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/in\xff"))
    frames = photos(folder, scene, ("a.jpg", "b.png"))
    kept = keep_images(named(scene, frames), frames.frames, tmp_path / "out", images="reference")
    assert [view.path for view in kept.views] == [str(tmp_path / "out" / "images" / name) for name in ("a.jpg", "b.png")]


def test_photos_of_one_stem_keep_a_mask_each(tmp_path: Path, scene: Reconstruction) -> None:
    frames = photos(tmp_path / "in", scene, ("a.jpg", "a.png"))
    both = tuple(masked(frame, value) for value, frame in enumerate(frames))
    kept = keep_images(named(scene, frames), both, tmp_path / "out")
    for view, frame in zip(kept.views, both, strict=True):
        assert view.mask_path is not None
        assert frame.decode_mask is not None
        np.testing.assert_array_equal(np.asarray(Image.open(view.mask_path)) > 0, frame.decode_mask())


def test_the_mask_of_a_bent_photo_is_straightened_as_the_photo_is(tmp_path: Path, scene: Reconstruction) -> None:
    frames = photos(tmp_path / "in", scene, ("a.png", "b.png"))
    first = masked(frames[0], 1)
    straight = named(scene, frames)
    view = replace(straight.views[0], lens=simple_radial(K1))
    bent = replace(straight, views=(view, straight.views[1]))
    kept = keep_images(bent, (first, frames[1]), tmp_path / "out")
    assert first.decode_mask is not None
    mask = torch.as_tensor(first.decode_mask()).float()[None]
    wanted = undistort(mask, view.original_camera)[0].numpy() > 0.999
    assert kept.views[0].mask_path is not None
    np.testing.assert_array_equal(np.asarray(Image.open(kept.views[0].mask_path)) > 0, wanted)
    assert wanted.sum() < mask.sum()
    assert kept.views[0].lens == view.lens, "the scene remembers the lens of the photo it straightened"


def test_a_bent_photo_is_straightened_and_never_referenced(tmp_path: Path, scene: Reconstruction) -> None:
    frames = photos(tmp_path / "in", scene, ("a.png", "b.png"))
    straight = named(scene, frames)
    view = replace(straight.views[0], lens=simple_radial(K1))
    bent = replace(straight, views=(view, straight.views[1]))
    kept = keep_images(bent, frames.frames, tmp_path / "out", images="reference")
    rgb = torch.as_tensor(frames[0].decode()).permute(2, 0, 1).float()
    wanted = undistort(rgb, view.original_camera).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    assert kept.views[0].path == str(tmp_path / "out" / "images" / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(kept.views[0].path)), wanted)
    assert kept.views[1].path == str(frames[1].path)
