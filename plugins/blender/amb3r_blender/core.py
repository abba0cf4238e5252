# SPDX-License-Identifier: GPL-3.0-or-later
"""The one door to `amb3r_core`: all that the extension takes from it. Numpy and the standard library alone.

In the project's tree these are imports of the core itself. A built extension carries the modules they lead to in `vendor/`, and
the build makes them imports of that copy (`tools/build.py`), so that no `amb3r_core` of the user's is touched or needed.
"""

from amb3r_core.errors import Amb3rError, FormatError
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.conventions import (
    CORNER_MINUS_CENTER,
    invert,
    mean_up_direction,
    opencv_to_opengl,
    rigid,
    rotation_between,
    rotation_from_quaternion,
)
from amb3r_core.scene.geometry import transform_points
from amb3r_core.scene.pose_trust import NOT_JUDGED, is_doubtful, pose_word, poses_told, trust_told
from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, View, WeightsInfo
from amb3r_core.scene.trust import DEFAULT_KEEP, Keep, kept_depth
from amb3r_core.scene_folder.document import scene_text, stored_path
from amb3r_core.scene_folder.ply import map_vertices
from amb3r_core.scene_folder.reader import StoredScene, read_scene

__all__ = [
    "CORNER_MINUS_CENTER",
    "DEFAULT_KEEP",
    "NOT_JUDGED",
    "Amb3rError",
    "Dense",
    "FormatError",
    "Keep",
    "Letterbox",
    "PinholeCamera",
    "Provenance",
    "Reconstruction",
    "Scale",
    "StoredScene",
    "View",
    "WeightsInfo",
    "invert",
    "is_doubtful",
    "kept_depth",
    "map_vertices",
    "mean_up_direction",
    "opencv_to_opengl",
    "pose_word",
    "poses_told",
    "read_scene",
    "rigid",
    "rotation_between",
    "rotation_from_quaternion",
    "scene_text",
    "stored_path",
    "transform_points",
    "trust_told",
]
