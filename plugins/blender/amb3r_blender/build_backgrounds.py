# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos and clips behind cameras. Stretched to the camera's frame: exact for pixels that are not square."""

# bpy has no type stubs.
# pyright: standard, reportAttributeAccessIssue=false

from pathlib import Path

import bpy

from .core import View
from .opened_scene import OpenedScene
from .timeline import FIRST_FRAME, Timeline, find_sequence


def load_image(path: Path) -> bpy.types.Image | None:
    """The image of a photo, loaded when it is first drawn; None when the file is not there."""
    if not path.is_file():
        return None
    image = bpy.data.images.load(str(path), check_existing=True)
    image.filepath = stored_path(path)
    return image


def stored_path(path: Path) -> str:
    """How a file is named inside the .blend: relative once that has a place, so that both can move together."""
    if not bpy.data.is_saved:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive on Windows
        return str(path)


def set_still(camera: bpy.types.Camera, view: View, alpha: float) -> bool:
    """Puts the view's photo behind its camera; whether there is one."""
    image = None if view.path is None else load_image(Path(view.path))
    if image is None:
        camera.background_images.clear()
        return False
    background = _background(camera, alpha)
    background.source, background.image = "IMAGE", image
    return True


def set_moving(camera: bpy.types.Camera, scene: OpenedScene, timeline: Timeline, mode: str, alpha: float) -> str:
    """Puts the video or the photos behind a moving camera; a note when that cannot be, else nothing.

    mode: CLIP, SEQUENCE, or AUTO for whichever lines up with the timeline.
    """
    notes: list[str] = []
    if mode in ("AUTO", "CLIP"):
        note = _set_clip(camera, scene, timeline, alpha)
        if not note:
            return ""
        notes.append(note)
    if mode in ("AUTO", "SEQUENCE"):
        note = _set_sequence(camera, scene, timeline, alpha)
        if not note:
            return ""
        notes.append(note)
    camera.background_images.clear()
    return "no footage behind the moving camera: " + "; ".join(notes)


def _set_clip(camera: bpy.types.Camera, scene: OpenedScene, timeline: Timeline, alpha: float) -> str:
    video = scene.reconstruction.video
    if video is None:
        return "the scene names no video"
    path, fps = Path(video.path), video.frames_per_second
    if not path.is_file():
        return f"the video {path.name} is not where the scene says"
    if abs(timeline.fps - fps) > 1e-3 * fps or not scene.is_timed:
        return f"the timeline does not run at the video's {fps:g} frames per second"
    try:
        clip = bpy.data.movieclips.load(str(path), check_existing=True)
    except RuntimeError as error:
        return f"the video {path.name} cannot be read: {' '.join(str(error).split())}"
    clip.filepath = stored_path(path)
    clip.frame_start = FIRST_FRAME
    background = _background(camera, alpha)
    background.source, background.clip = "MOVIE_CLIP", clip
    return ""


def _set_sequence(camera: bpy.types.Camera, scene: OpenedScene, timeline: Timeline, alpha: float) -> str:
    sequence = find_sequence([Path(view.path) if view.path else None for view in scene.views], timeline.frames)
    if sequence is None or not sequence.first.is_file():
        return "the photos are not numbered frame by frame"
    image = bpy.data.images.load(str(sequence.first), check_existing=False)
    image.filepath = stored_path(sequence.first)
    image.source = "SEQUENCE"
    background = _background(camera, alpha)
    background.source, background.image = "IMAGE", image
    # On frame f Blender shows the file numbered f - frame_start + 1 + frame_offset.
    user = background.image_user
    user.frame_start, user.frame_duration = timeline.first, timeline.last - timeline.first + 1
    user.frame_offset = sequence.offset + timeline.first - 1
    user.use_auto_refresh = True
    return ""


def _background(camera: bpy.types.Camera, alpha: float) -> bpy.types.CameraBackgroundImage:
    """The camera's first background, which a re-import uses again."""
    backgrounds = camera.background_images
    background = backgrounds[0] if len(backgrounds) else backgrounds.new()
    background.frame_method = "STRETCH"
    background.alpha = alpha
    background.display_depth = "BACK"
    camera.show_background_images = True
    return background
