"""Fakes the tests share: an analytic textured room, seen exactly.

The room is 5 x 2.6 x 4 m with two boxes in it; room axes are x right, y DOWN, z away, so up is -y. Depth is exact z-depth at
pixel centres. The world is the first camera's frame unless asked otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amb3r_core.export.png import write_png
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.confidence import confidence_of_weight
from amb3r_core.scene.conventions import invert, rigid
from amb3r_core.scene.lens import simple_radial
from amb3r_core.scene.reconstruction import (
    Dense,
    Provenance,
    Reconstruction,
    Scale,
    UnregisteredView,
    VideoSource,
    View,
    WeightsInfo,
)
from amb3r_core.scene.trust import LEAST_WEIGHT

ROOM = np.array([[-2.5, -1.4, -2.0], [2.5, 1.2, 2.0]])
BOXES = np.array([[[-1.6, 0.3, 0.6], [-0.7, 1.2, 1.5]], [[0.5, -0.1, 0.9], [1.1, 1.2, 1.6]]])
EYE_HEIGHT_SPREAD = 0.25


@dataclass(frozen=True)
class Room:
    """An exact reconstruction of the room, and what is needed to look at it again."""

    reconstruction: Reconstruction
    world_from_room: NDArray[np.float64]

    def render(self, camera: PinholeCamera, cam_to_world: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        """rgb (H, W, 3) uint8 and exact z-depth (H, W) float32 from a camera in world coordinates."""
        return render_room(camera, invert(self.world_from_room) @ cam_to_world)

    def distance_to_surface(self, points_world: NDArray) -> NDArray[np.float64]:
        """Distance (M,) of world points from the nearest wall or box side, in metres."""
        inverse = invert(self.world_from_room)
        points = points_world @ inverse[:3, :3].T + inverse[:3, 3]
        return np.abs([_signed_box_distance(points, box) for box in (ROOM, *BOXES)]).min(axis=0)


def fake_room(
    n_views: int = 6,
    width: int = 64,
    height: int = 48,
    *,
    mixed: bool = False,
    pixel_aspect: float = 1.0,
    principal_offset: tuple[float, float] = (0.0, 0.0),
    original_scale: float = 2.0,
    world: str = "first camera",
    scale_kind: str = "metric",
    images_folder: Path | None = None,
    n_unregistered: int = 0,
) -> Room:
    """A room seen by `n_views` cameras that stand in it and look at its middle.

    width, height: the dense grid. Originals are `original_scale` times as large. mixed: every second photo is portrait and so
    letterboxed. pixel_aspect: fy / fx. principal_offset: of the principal point from the middle, as shares of the size.
    world: "first camera" or "room". images_folder: where to write the photos as PNG.
    """
    views: list[View] = []
    maps: list[tuple[NDArray, NDArray]] = []
    for index in range(n_views):
        is_portrait = mixed and index % 2 == 1
        letterbox = _portrait_letterbox(width, height) if is_portrait else Letterbox(x=0, y=0, width=width, height=height)
        camera = _original_camera(letterbox, original_scale, pixel_aspect, principal_offset)
        name = f"photo_{index:03d}.png"
        view = View(name=name, camera=camera, cam_to_world=_pose(index, n_views), letterbox=letterbox)
        maps.append(_render_into_grid(view, width, height))
        if images_folder is not None:
            view = replace(view, path=str(_write_photo(images_folder, view)))
        views.append(view)
    scene = Reconstruction(
        views=tuple(views),
        dense=_dense(maps, height, width),
        scale=Scale(kind="metric", source="made to measure", relative_spread=0.01)
        if scale_kind == "metric"
        else Scale(kind="relative", source="none"),
        provenance=fake_provenance(),
        up_world=(0.0, -1.0, 0.0),
        unregistered=tuple(UnregisteredView(name=f"lost_{i}.png", reason="too blurred") for i in range(n_unregistered)),
    )
    world_from_room = np.eye(4) if world == "room" or not views else invert(views[0].cam_to_world)
    return Room(scene if world == "room" else scene.moved(world_from_room), world_from_room)


def rich_scene(photos: Path | None = None) -> Reconstruction:
    """A scene with every field filled, and numbers that binary fractions do not hold."""
    scene = fake_room(
        3, mixed=True, pixel_aspect=1.1, principal_offset=(0.0331, 0.017), images_folder=photos, n_unregistered=2
    ).reconstruction
    timed = replace(scene.views[0], timestamp_s=0.1, is_keyframe=False, pose_trust=0.3)
    camera = replace(scene.views[1].camera, cx=63.7, cy=15.71234567890123)
    views = (timed, replace(scene.views[1], camera=camera), replace(scene.views[2], lens=simple_radial(-0.0123456789)))
    return replace(scene, views=views, video=VideoSource(path="/videos/a.mp4", frames_per_second=29.97), pose_trust=0.7)


def calibrated(scene: Reconstruction) -> Reconstruction:
    """The scene with weights that are probabilities: of the columns a fifth doubtful, two fifths rather right, the rest sure."""
    dense = scene.dense
    assert dense is not None
    most, trusted = LEAST_WEIGHT["most"], LEAST_WEIGHT["trusted"]
    column = np.arange(dense.width) / dense.width
    weight = np.where(column < 0.2, most / 2, np.where(column < 0.6, (most + trusted) / 2, (1 + trusted) / 2))
    confidence = np.where(dense.depth > 0, confidence_of_weight(weight), 1.0).astype(np.float32)
    return replace(scene, dense=replace(dense, confidence=confidence, weight_is_probability=True))


def judged(scene: Reconstruction, trust: float | None, of_views: Mapping[int, float | None] | None = None) -> Reconstruction:
    """The scene with trust in its poses: in the whole, and in single views by their number; the others are as the whole."""
    told = of_views or {}
    views = tuple(replace(view, pose_trust=told.get(index, trust)) for index, view in enumerate(scene.views))
    return replace(scene, views=views, pose_trust=trust)


def fake_provenance() -> Provenance:
    return Provenance(
        model="fake",
        version="1.2.3",
        weights=WeightsInfo(name="fake weights", sha256="0" * 64, licence="CC-BY-4.0", source="nowhere"),
        config={"steps": 3, "factor": 0.1, "names": ["a", "b"], "nothing": None, "on": True},
        seconds={"predict": 0.25},
        notes=("made for tests",),
    )


def render_room(camera: PinholeCamera, cam_to_room: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """rgb (H, W, 3) uint8 and exact z-depth (H, W) float32 of the room."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1)
    directions, origin = rays @ cam_to_room[:3, :3].T, cam_to_room[:3, 3]
    depth = _box_hits(origin, directions, ROOM)[1]
    surface = np.zeros(depth.shape, dtype=int)
    for number, box in enumerate(BOXES, start=1):
        enter, leave = _box_hits(origin, directions, box)
        is_hit = (enter < leave) & (enter > 0) & (enter < depth)
        depth = np.where(is_hit, enter, depth)
        surface[is_hit] = number
    return _texture(origin + depth[..., None] * directions, surface), depth.astype(np.float32)


def _box_hits(origin: NDArray, directions: NDArray, box: NDArray) -> tuple[NDArray, NDArray]:
    """Where rays enter and leave an axis-aligned box, in units of the direction (slab method)."""
    safe = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    at = (box[:, None, None, :] - origin) / safe
    return at.min(axis=0).max(axis=-1), at.max(axis=0).min(axis=-1)


def _texture(points: NDArray, surface: NDArray) -> NDArray[np.uint8]:
    """Colours that vary smoothly along every wall, with a chequer on top."""
    phase = np.stack([points @ [2.1, 1.3, 0.7], points @ [0.9, 2.3, 1.7], points @ [1.9, 0.5, 2.9]], axis=-1)
    smooth = 0.5 + 0.3 * np.sin(2.0 * phase + surface[..., None])
    chequer = (np.floor(points * 4.0 + 1e-6).sum(axis=-1) % 2)[..., None] * 0.2
    return np.rint(255 * np.clip(smooth + chequer - 0.1, 0, 1)).astype(np.uint8)


def _signed_box_distance(points: NDArray, box: NDArray) -> NDArray[np.float64]:
    outside = np.abs(points - box.mean(axis=0)) - (box[1] - box[0]) / 2
    return np.linalg.norm(np.maximum(outside, 0), axis=-1) + np.minimum(outside.max(axis=-1), 0)


def _pose(index: int, n_views: int) -> NDArray[np.float64]:
    """Camera to room: on an arc near the front wall, looking at the boxes, each at its own height and roll."""
    share = index / max(n_views - 1, 1)
    position = np.array([1.7 * (share - 0.5) * 2, EYE_HEIGHT_SPREAD * np.sin(5 * share), -1.5 + 0.3 * np.cos(3 * share)])
    forward = np.array([0.3 * (0.5 - share), 0.25, 1.0]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross([0.03 * np.sin(7 * share), 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    return rigid(np.stack([right, np.cross(forward, right), forward], axis=1), position)


def _portrait_letterbox(width: int, height: int) -> Letterbox:
    letterbox_width = round(height * height / width)
    return Letterbox(x=(width - letterbox_width) // 2, y=0, width=letterbox_width, height=height)


def _original_camera(
    letterbox: Letterbox, scale: float, pixel_aspect: float, principal_offset: tuple[float, float]
) -> PinholeCamera:
    width, height = round(letterbox.width * scale), round(letterbox.height * scale)
    focal = 0.8 * max(width, height)
    return PinholeCamera(
        width=width,
        height=height,
        fx=focal,
        fy=focal * pixel_aspect,
        cx=(width - 1) / 2 + principal_offset[0] * width,
        cy=(height - 1) / 2 + principal_offset[1] * height,
    )


def _render_into_grid(view: View, width: int, height: int) -> tuple[NDArray, NDArray]:
    """rgb and depth on the grid; the padding is black and unknown."""
    rgb, depth = render_room(view.dense_camera(width, height), view.cam_to_world)
    inside = np.zeros(depth.shape, dtype=bool)
    inside[view.letterbox.slices] = True
    return np.where(inside[..., None], rgb, 0).astype(np.uint8), np.where(inside, depth, 0).astype(np.float32)


def _dense(maps: list[tuple[NDArray, NDArray]], height: int, width: int) -> Dense:
    depth = np.array([depth for _, depth in maps], dtype=np.float32).reshape(-1, height, width)
    confidence = np.where(depth > 0, 1 + 20 / np.maximum(depth, 0.1), 1).astype(np.float32)
    rgb = np.array([rgb for rgb, _ in maps], dtype=np.uint8).reshape(-1, height, width, 3)
    return Dense(depth=depth, confidence=confidence, rgb=rgb)


def _write_photo(folder: Path, view: View) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / view.name, render_room(view.camera, view.cam_to_world)[0])
    return folder / view.name
