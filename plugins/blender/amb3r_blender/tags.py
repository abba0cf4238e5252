# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom properties by which objects are found again: after a save, by a re-import, by an export."""

from collections.abc import MutableMapping
from typing import Any

SCENE = "amb3r_scene"
"""On the root: absolute path of the scene file."""
DIGEST = "amb3r_digest"
"""On the root: SHA-256 of the scene file that was imported."""
NAME = "amb3r_name"
SCALE_KIND = "amb3r_scale_kind"
"""On the root: "metric" or "relative"."""
SCALE_SOURCE = "amb3r_scale_source"
SCALE_FACTOR = "amb3r_scale_factor"
"""On the root: what Set Scale multiplied the scene file's lengths by, 1 at first."""
POSES = "amb3r_poses"
"""On the root: how far the scene file's poses may be trusted, in words."""
POSE_TRUST = "amb3r_pose_trust"
"""On the root and on a view's camera: how probable it is that the file's poses, or this one, are right; missing: not judged."""
WEIGHTS = "amb3r_weights"
LICENCE = "amb3r_weights_licence"
MODEL = "amb3r_model"
VERSION = "amb3r_version"
COUNTS = "amb3r_counts"
"""On the root: views placed, views in all, points in the file."""
UP = "amb3r_up"
"""On the root: up in the scene file's frame, when it says so."""
NOTES = "amb3r_notes"

KIND = "amb3r_kind"
"""On every object of a scene: one of the kinds below."""
ROOT, VIEW, PATH, POINTS, RELIEF, MESH, MARKER = "root", "view", "path", "points", "relief", "mesh", "marker"

VIEW_NAME = "amb3r_view"
INDEX = "amb3r_index"
SIZE = "amb3r_size"
"""On a camera: width and height of its photo in pixels."""
PIXEL_ASPECT = "amb3r_pixel_aspect"
"""On a camera: fx over fy. Blender keeps this with the render settings, so a camera alone would lose it."""
IMAGE = "amb3r_image"
FRAME = "amb3r_frame"
"""On a view's camera: its place on the timeline, for views with a time."""
TIME = "amb3r_time"
"""On a view's camera: its time in the video, in seconds."""
LETTERBOX = "amb3r_letterbox"
"""On a view's camera: x, y, width and height of its photo in the dense grid."""


def put(thing: MutableMapping[str, Any], name: str, value: object) -> None:
    """Writes a property, or takes it away for a value that is not known."""
    if value is not None:
        thing[name] = value
    elif name in thing:
        del thing[name]
