"""What an Open3D script has at hand (files, arrays, either kind of image, known cameras) as the core's inputs."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import open3d as o3d

from amb3r_core import (
    Frame,
    FrameList,
    InputError,
    PinholeCamera,
    ReconstructOptions,
    frames_from_arrays,
    is_video,
    looks_like_walk,
    open_photos,
    with_masks,
)
from amb3r_core.scene.arrays import UInt8
from amb3r_open3d.cameras import from_intrinsic, from_trajectory

PathLike = str | os.PathLike[str]
Open3DImage = o3d.t.geometry.Image | o3d.geometry.Image
Images = PathLike | Sequence[PathLike] | Sequence[UInt8] | Sequence[Open3DImage] | FrameList
GREY, RGB = 1, 3


def frame_list(images: Images, options: ReconstructOptions) -> FrameList | Path:
    """The frames of photos or of images in memory; the path itself of a video. Raises `InputError`."""
    if isinstance(images, FrameList):
        return images
    if isinstance(images, str | os.PathLike):
        return _photos([Path(images)], options)
    given = list(cast(Iterable[Any], images))
    if not given:
        raise InputError("no images were given: pass a folder, files, a video, arrays or Open3D images")
    if all(isinstance(image, str | os.PathLike) for image in given):
        return _photos([Path(image) for image in given], options)
    frames = frames_from_arrays([image_array(image, index) for index, image in enumerate(given)])
    return replace(frames, is_ordered=options.order == "video")


def _photos(paths: list[Path], options: ReconstructOptions) -> FrameList | Path:
    if len(paths) == 1 and is_video(paths[0]) and not paths[0].is_dir():
        return paths[0]
    frames = open_photos(paths, bad_files="skip" if options.skip_bad else "stop")
    if options.masks is not None:
        frames = with_masks(frames, options.masks)
    is_walk = options.order == "video" or (options.order == "auto" and looks_like_walk(frames.frames))
    return replace(frames, is_ordered=is_walk)


def image_array(image: object, index: int = 0) -> UInt8:
    """RGB (H, W, 3) uint8 of an array or an Open3D image; grey is repeated. `InputError` for any other shape or dtype.

    An image on the CPU is not copied.
    """
    if isinstance(image, o3d.t.geometry.Image):
        array = image.cpu().as_tensor().numpy()
    elif isinstance(image, np.ndarray | o3d.geometry.Image):
        array = np.asarray(cast(object, image))
    else:
        raise InputError(f"image {index} is a {type(image).__name__}; wanted a path, an array or an Open3D image")
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (GREY, RGB) or not array.size:
        raise InputError(f"image {index} is {array.dtype} {array.shape}: uint8 (H, W, 3) RGB or (H, W, 1) grey is needed")
    return np.repeat(array, RGB, axis=2) if array.shape[2] == GREY else array


def with_intrinsic(frames: FrameList, intrinsic: o3d.camera.PinholeCameraIntrinsic) -> FrameList:
    """The frames with one known camera; `InputError` when a photo has another size."""
    camera = from_intrinsic(intrinsic)
    return FrameList(tuple(replace(_checked(frame, camera), camera=camera) for frame in frames), frames.is_ordered)


def with_trajectory(frames: FrameList, trajectory: o3d.camera.PinholeCameraTrajectory) -> FrameList:
    """The frames with their known cameras and poses, one entry per frame in order; `InputError` when they do not match."""
    known = from_trajectory(trajectory)
    if len(known) != len(frames):
        raise InputError(f"the trajectory has {len(known)} cameras but {len(frames)} images were given: one per image is needed")
    pairs = zip(frames, known, strict=True)
    placed = (replace(_checked(frame, camera), camera=camera, cam_to_world=pose) for frame, (camera, pose) in pairs)
    return FrameList(tuple(placed), frames.is_ordered)


def _checked(frame: Frame, camera: PinholeCamera) -> Frame:
    if (camera.width, camera.height) != (frame.width, frame.height):
        raise InputError(f"the known camera is {camera.width}x{camera.height} but {frame.name} is {frame.width}x{frame.height}")
    return frame
