"""Equirectangular panoramas cut into perspective images with a known camera."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amb3r_core import Frame, FrameList, InputError, PhotoFacts, PinholeCamera
from amb3r_core.scene.arrays import Float64, UInt8

RINGS: dict[int, tuple[tuple[float, int], ...]] = {8: ((0.0, 8),), 14: ((0.0, 6), (35.0, 4), (-35.0, 4))}
"""Rings of perspective images: degrees above the horizon, images around."""
FIELD_OF_VIEW_DEG = {8: 120.0, 14: 110.0}


def perspective_crops(frames: FrameList, per_panorama: Literal[8, 14]) -> FrameList:
    """The perspective images of every panorama, named `NAME_00.png` and so on, each with its known camera."""
    crops: list[Frame] = []
    for frame in frames:
        if abs(frame.width - 2 * frame.height) > 0.02 * frame.width:
            raise InputError(
                f"{frame.name} is {frame.width}x{frame.height}: an equirectangular panorama is twice as wide as high"
            )
        crops += _crops_of(frame, per_panorama)
    return replace(frames, frames=tuple(crops), is_ordered=False)


def _crops_of(frame: Frame, per_panorama: int) -> list[Frame]:
    camera = crop_camera(frame.width, FIELD_OF_VIEW_DEG[per_panorama])
    directions = [(360.0 * turn / count, pitch) for pitch, count in RINGS[per_panorama] for turn in range(count)]
    stem = PurePosixPath(frame.name)
    return [
        replace(
            frame,
            name=str(stem.with_name(f"{stem.stem}_{number:02d}.png")),
            width=camera.width,
            height=camera.height,
            decode=_decoder(frame, camera, yaw, pitch),
            decode_mask=None if frame.decode_mask is None else _mask_decoder(frame, camera, yaw, pitch),
            path=None,
            mask_path=None,
            is_upright_file=False,
            camera=camera,
            cam_to_world=None,
            facts=PhotoFacts(gps=frame.facts.gps),
        )
        for number, (yaw, pitch) in enumerate(directions)
    ]


def crop_camera(panorama_width: int, field_of_view_deg: float) -> PinholeCamera:
    """A square camera whose middle has the panorama's resolution along the horizon."""
    focal = panorama_width / (2 * np.pi)
    side = max(2, round(2 * focal * np.tan(np.deg2rad(field_of_view_deg) / 2)))
    return PinholeCamera(width=side, height=side, fx=focal, fy=focal, cx=(side - 1) / 2, cy=(side - 1) / 2)


def panorama_pixels(camera: PinholeCamera, yaw_deg: float, pitch_deg: float, width: int, height: int) -> Float64:
    """Where each pixel (H, W, 2) of a camera that looks right by yaw and up by pitch lies in the panorama (column, row)."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1)
    yaw, pitch = np.deg2rad(yaw_deg), np.deg2rad(pitch_deg)
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    x, y, z = np.moveaxis(rays @ (turn @ tilt).T, -1, 0)
    column = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * width - 0.5
    row = (np.arctan2(y, np.hypot(x, z)) / np.pi + 0.5) * height - 0.5
    return np.stack([column, row], axis=-1)


def _decoder(frame: Frame, camera: PinholeCamera, yaw: float, pitch: float) -> Callable[[], UInt8]:
    def decode() -> UInt8:
        places = panorama_pixels(camera, yaw, pitch, frame.width, frame.height)
        return np.rint(_interpolated(frame.decode().astype(np.float32), places)).astype(np.uint8)

    return decode


def _mask_decoder(frame: Frame, camera: PinholeCamera, yaw: float, pitch: float) -> Callable[[], NDArray[np.bool_]]:
    def decode() -> NDArray[np.bool_]:
        mask = frame.decode_mask() if frame.decode_mask is not None else np.ones((frame.height, frame.width), dtype=np.bool_)
        places = panorama_pixels(camera, yaw, pitch, frame.width, frame.height)
        return _interpolated(mask[..., None].astype(np.float32), places)[..., 0] > 1 - 1e-3

    return decode


def _interpolated(image: NDArray[np.float32], places: Float64) -> NDArray[np.float32]:
    """Bilinear values of a panorama (H, W, C) that goes round at its sides."""
    height, width = image.shape[:2]
    column, row = places[..., 0], np.clip(places[..., 1], 0, height - 1)
    left, top = np.floor(column).astype(np.intp), np.floor(row).astype(np.intp)
    right_share, below_share = (column - left)[..., None].astype(np.float32), (row - top)[..., None].astype(np.float32)
    below = np.minimum(top + 1, height - 1)
    upper = image[top, left % width] * (1 - right_share) + image[top, (left + 1) % width] * right_share
    lower = image[below, left % width] * (1 - right_share) + image[below, (left + 1) % width] * right_share
    return upper * (1 - below_share) + lower * below_share
