"""The map, at the end of an incremental pipeline, as a `Reconstruction`: in metres where the windows knew them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amb3r_core.errors import AlignmentError, RegistrationError
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.pipelines.assemble import UNKNOWN_SCALE, placed_view
from amb3r_core.pipelines.mapping.alignment import weighted_median
from amb3r_core.pipelines.mapping.dense_files import DenseFiles, straightened
from amb3r_core.pipelines.mapping.scene_map import SceneMap
from amb3r_core.pipelines.mapping.store import FrameStore
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Camera, PinholeCamera
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.conventions import invert
from amb3r_core.scene.geometry import Sim3, mean_pose
from amb3r_core.scene.gravity import levelled, up_of_cameras
from amb3r_core.scene.reconstruction import Dense, Provenance, Reconstruction, Scale, UnregisteredView, View

MIN_KNOWN_POSES = 3
"""Fewer known poses do not fix a similarity."""
GAUSSIAN_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class MapScale:
    """How large the map is."""

    factor: float
    """Scene units per map unit."""
    scale: Scale
    """What the scene's unit is."""
    on_known_poses: bool = False
    """Whether the scene lies on poses that the user gave."""


def combine_scales(scene: SceneMap, model: ReconstructionModel) -> MapScale:
    """One scale for poses, depth and points: the weighted median of the windows' metres, with its spread.

    Without metric windows the unit is that of the first window.
    """
    if not scene.metres:
        return MapScale(1.0 / scene.first_scale, UNKNOWN_SCALE)
    factors, weights = np.array(scene.metres).T
    factor = weighted_median(factors, weights)
    spread = GAUSSIAN_MAD * weighted_median(np.abs(factors - factor), weights) / factor
    source = f"metric scale of {model.name}, weighted median of {len(factors)} windows"
    return MapScale(factor, Scale(kind="metric", source=source, relative_spread=spread if len(factors) > 1 else None))


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a scene says of the run that made it, besides what the map knows."""

    model: ReconstructionModel
    pipeline: str
    version: str
    frames: Sequence[int]
    """The order in which views are given out."""
    keyframes: frozenset[int]
    reasons: Mapping[int, str]
    """Why a frame is not placed."""
    config: Mapping[str, object]


def finish(scene: SceneMap, store: FrameStore, facts: RunFacts, monitor: Monitor = silent) -> Reconstruction:
    """The scene of all placed frames; its dense maps are memory-mapped files in the store's folder.

    The first placed frame given out is the world, unless poses are known. Raises `RegistrationError` when none is placed.
    """
    placed = [frame for frame in facts.frames if scene.is_placed(frame)]
    if not placed:
        raise RegistrationError(f"none of the {len(facts.frames)} views could be placed: do the photos overlap?")
    similarity, scale = _world(scene, store, placed, combine_scales(scene, facts.model))
    views = _views(scene, store, placed, similarity, scale, facts.keyframes)
    reconstruction = Reconstruction(
        views=views,
        scale=scale.scale,
        provenance=Provenance(
            model=facts.model.name,
            version=facts.version,
            pipeline=facts.pipeline,
            weights=facts.model.weights,
            config=facts.config,
        ),
        dense=_dense(scene, store, placed, scale.factor, monitor),
        unregistered=tuple(_unregistered(store, frame, facts) for frame in facts.frames if not scene.is_placed(frame)),
        up_world=up_of_cameras(views),
        pose_trust=scene.path_trust,
    )
    return levelled(reconstruction)[0]


def cameras_only(scene: SceneMap | None, store: FrameStore, facts: RunFacts) -> Reconstruction:
    """The placed views as they are now, without dense maps; cheap enough to ask for at any time. No map: no views."""
    placed = [frame for frame in facts.frames if scene and scene.is_placed(frame)]
    scale, views = MapScale(1.0, UNKNOWN_SCALE), ()
    if scene and placed:
        similarity, scale = _world(scene, store, placed, combine_scales(scene, facts.model))
        views = _views(scene, store, placed, similarity, scale, facts.keyframes)
    provenance = Provenance(
        model=facts.model.name, version=facts.version, pipeline=facts.pipeline, weights=facts.model.weights, config=facts.config
    )
    return Reconstruction(
        views=views,
        scale=scale.scale,
        provenance=provenance,
        up_world=up_of_cameras(views),
        pose_trust=scene.path_trust if scene and views else None,
    )


def _world(scene: SceneMap, store: FrameStore, placed: Sequence[int], scale: MapScale) -> tuple[Sim3, MapScale]:
    """How map poses become scene poses: onto the known poses where there are some, else the first view is the world."""
    known = {frame: pose for frame in placed if (pose := store.frames[frame].cam_to_world) is not None}
    if len(known) >= MIN_KNOWN_POSES:
        similarity = similarity_of_poses(scene.poses(list(known)), np.array(list(known.values())))
        return similarity, MapScale(similarity.scale, Scale(kind="relative", source="unit of the known poses"), True)
    return Sim3(scale.factor, np.eye(3), np.zeros(3)) @ Sim3.from_rigid(invert(scene.pose(placed[0]))), scale


def _views(
    scene: SceneMap, store: FrameStore, placed: Sequence[int], similarity: Sim3, scale: MapScale, keyframes: frozenset[int]
) -> tuple[View, ...]:
    exact = scale.on_known_poses
    return tuple(_view(scene, store, frame, similarity, keyframes=keyframes, on_known_poses=exact) for frame in placed)


def similarity_of_poses(source: Float64, target: Float64) -> Sim3:
    """The similarity that moves poses (N, 4, 4) onto others: rotation from the orientations, so that a straight path will do."""
    rotation = mean_pose(target @ invert(source), np.ones(len(source)))[:3, :3]
    turned = source[:, :3, 3] @ rotation.T
    a, b = turned - turned.mean(axis=0), target[:, :3, 3] - target[:, :3, 3].mean(axis=0)
    scale = float((a * b).sum() / max(float((a * a).sum()), 1e-300))
    if scale <= 0:
        raise AlignmentError("the camera path does not follow the known poses")
    return Sim3(scale, rotation, target[:, :3, 3].mean(axis=0) - scale * turned.mean(axis=0))


def _view(
    scene: SceneMap, store: FrameStore, index: int, similarity: Sim3, *, keyframes: frozenset[int], on_known_poses: bool
) -> View:
    """The view of a frame; a known camera and, where the scene lies on the known poses, a known pose come back unchanged."""
    frame, letterbox = store.frames[index], store.letterbox(index)
    pinhole = _grid_camera(scene, store, index).unmapped(letterbox, frame.width, frame.height)
    pose = frame.cam_to_world if on_known_poses else None
    if pose is None:
        pose = similarity.apply_pose(scene.pose(index))
    camera = Camera(pinhole=pinhole, lens=scene.lens(index))
    trust = scene.pose_trust(index)
    return placed_view(frame, letterbox, camera, pose, is_keyframe=index in keyframes, pose_trust=trust)


def _dense(scene: SceneMap, store: FrameStore, placed: Sequence[int], factor: float, monitor: Monitor) -> Dense:
    """The maps in scene units."""
    files = DenseFiles(store.folder, store.layout.grid)
    for row, frame in enumerate(track(placed, monitor, stage="write scene", total=len(placed))):
        maps = scene.maps(frame)
        known = maps.depth > 0
        depth = np.where(known, maps.depth * np.float32(factor), np.float32(0.0))
        confidence = np.where(known, confidence_of_weight(maps.weight), np.float32(1.0))
        camera = Camera(pinhole=_grid_camera(scene, store, frame), lens=scene.lens(frame))
        files.write(row, depth, confidence, straightened(store.rgb(frame), camera))
    return files.dense(len(placed), weight_is_probability=scene.weight_is_probability)


def _grid_camera(scene: SceneMap, store: FrameStore, frame: int) -> PinholeCamera:
    height, width = store.layout.grid
    return PinholeCamera.from_matrix(scene.intrinsics(frame), width, height)


def _unregistered(store: FrameStore, index: int, facts: RunFacts) -> UnregisteredView:
    frame = store.frames[index]
    reason = facts.reasons.get(index) or "could not be placed"
    return UnregisteredView(name=frame.name, reason=reason, path=str(frame.path) if frame.path else None)
