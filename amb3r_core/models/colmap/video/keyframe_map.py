"""The map a video is followed by: keyframes with their poses, and the points they see."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.database import image_name
from amb3r_core.models.colmap.video.pairs import VideoPairs
from amb3r_core.models.colmap.video.video_features import VideoFeatures
from amb3r_core.scene.arrays import Float64

NO_POINT = -1


class KeyframeMap:
    """A COLMAP model whose image `place + 1` is the keyframe at that place in `keyframes`."""

    def __init__(self, features: VideoFeatures, pairs: VideoPairs, tuning: mapping.Tuning) -> None:
        self.keyframes: list[int] = []
        """The frames that are keyframes, in the order in which they became it."""
        self.model = pycolmap.Reconstruction()
        self._features, self._pairs, self._tuning = features, pairs, tuning
        self._point_ids: dict[int, NDArray[np.int64]] = {}
        self._image_ids: dict[int, int] = {}
        """Of the placed keyframes."""

    def start(self, keyframes: Sequence[int], poses: Mapping[int, Float64], cameras: Mapping[int, pycolmap.Camera]) -> None:
        """Begins with these keyframes, their poses (4, 4) and their cameras; there are no points yet."""
        self.keyframes = list(keyframes)
        self.model.load(self._cache())
        for place, frame in enumerate(keyframes):
            camera = self.model.camera(self._features.cameras[frame].camera_id)
            camera.params = cameras[frame].params
            self.model.frame(place + 1).rig_from_world = pycolmap.Rigid3d(poses[frame][:3])
            self.model.register_frame(place + 1)
        self._changed()

    def placed(self) -> list[int]:
        """The keyframes that have a pose; an adjustment may take it from one."""
        return sorted(self._image_ids)

    def is_placed(self, frame: int) -> bool:
        """Whether the frame is a keyframe that has a pose."""
        return frame in self._image_ids

    def replace_model(self, model: pycolmap.Reconstruction) -> None:
        """Takes over a model of the same keyframes."""
        self.model = model
        self._changed()

    def cam_from_world(self, keyframe: int) -> Float64:
        """The pose (4, 4) of a placed keyframe."""
        return np.vstack([self._image(keyframe).cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])

    def camera(self, frame: int) -> pycolmap.Camera:
        """The camera of any frame as the map knows it by now, else as it was guessed."""
        guess = self._features.cameras[frame]
        return self.model.camera(guess.camera_id) if guess.camera_id in self.model.cameras else guess

    def point_ids(self, keyframe: int) -> NDArray[np.int64]:
        """For each feature of a keyframe the point it sees, or `NO_POINT`."""
        found = self._point_ids.get(keyframe)
        if found is None:
            points = self._image(keyframe).points2D
            found = np.array([point.point3D_id if point.has_point3D() else NO_POINT for point in points], np.int64)
            self._point_ids[keyframe] = found
        return found

    def seen_by(self, keyframe: int) -> NDArray[np.int64]:
        """The points (K,) that a keyframe sees."""
        point_ids = self.point_ids(keyframe)
        return point_ids[point_ids != NO_POINT]

    def positions(self, point_ids: Iterable[int]) -> Float64:
        """World coordinates (K, 3)."""
        return np.array([self.model.point3D(int(point_id)).xyz for point_id in point_ids]).reshape(-1, 3)

    def observers(self, point_ids: Iterable[int]) -> list[int]:
        """The keyframes that see some of these points, those that see most first, later ones first where they see as many."""
        tracks = (self.model.point3D(int(point_id)).track.elements for point_id in point_ids)
        counts = Counter(self.keyframes[element.image_id - 1] for track in tracks for element in track)
        return sorted(counts, key=lambda keyframe: (-counts[keyframe], -keyframe))

    def add(self, frame: int, cam_from_world: Float64) -> None:
        """Makes a placed frame a keyframe: triangulates what it sees with the others, and adjusts it with those around it."""
        self.keyframes.append(frame)
        image_id = len(self.keyframes)
        cache = self._cache()
        self.model.load(cache)
        self.model.frame(image_id).rig_from_world = pycolmap.Rigid3d(cam_from_world[:3])
        self.model.register_frame(image_id)
        mapping.extend(cache, self.model, image_id, self._tuning)
        self._changed()

    def _changed(self) -> None:
        self._point_ids.clear()
        self._image_ids = {self.keyframes[image_id - 1]: image_id for image_id in self.model.reg_image_ids()}

    def _image(self, keyframe: int) -> pycolmap.Image:
        return self.model.image(self._image_ids[keyframe])

    def _cache(self) -> pycolmap.DatabaseCache:
        """All keyframes with their features and pairs, as pycolmap's mapper wants them."""
        cache = pycolmap.DatabaseCache()
        for place, frame in enumerate(self.keyframes):
            camera = self.camera(frame)
            if not cache.exists_camera(camera.camera_id):
                _add_camera(cache, camera)
            name = image_name(place, self._features.frames[frame].name)
            _add_image(cache, place + 1, name, camera, self._features[frame].keypoints[:, :2])
        graph = cache.correspondence_graph
        for pair in self._pairs.among(self.keyframes):
            graph.add_two_view_geometry(pair.first + 1, pair.second + 1, pair.to_colmap())
        graph.finalize()
        return cache


def _add_camera(cache: pycolmap.DatabaseCache, camera: pycolmap.Camera) -> None:
    cache.add_camera(camera)
    rig = pycolmap.Rig(rig_id=camera.camera_id)
    rig.add_ref_sensor(camera.sensor_id)
    cache.add_rig(rig)


def _add_image(
    cache: pycolmap.DatabaseCache, image_id: int, name: str, camera: pycolmap.Camera, keypoints: NDArray[np.float32]
) -> None:
    image = pycolmap.Image(image_id=image_id, name=name, camera_id=camera.camera_id, keypoints=keypoints.astype(np.float64))
    frame = pycolmap.Frame(frame_id=image_id, rig_id=camera.camera_id)
    frame.add_data_id(image.data_id)
    image.frame_id = image_id
    cache.add_frame(frame)
    cache.add_image(image)
    graph = cache.correspondence_graph
    if not graph.exists_image(image_id):
        graph.add_image(image_id, len(keypoints))


def angles_deg(points: Float64, first: Float64, second: Float64) -> Float64:
    """The angles (K,) at points (K, 3) between the rays to two camera centres (3,)."""
    a, b = first - points, second - points
    cosine = (a * b).sum(-1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12)
    return np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0)))


def centre(cam_from_world: Float64) -> Float64:
    """Where a camera of this pose (4, 4) stands (3,)."""
    return -cam_from_world[:3, :3].T @ cam_from_world[:3, 3]


def path_length(poses: Sequence[Float64]) -> float:
    """From camera centre to camera centre."""
    centres = np.array([centre(pose) for pose in poses]).reshape(-1, 3)
    return float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
