"""Nerfstudio dataset: transforms.json with depth, its confidence, masks and seed points.

Poses are camera-to-world with OpenGL camera axes; pixels count from the corner of the top-left pixel. Depth is 16-bit PNG in
thousandths of the scene's unit (millimetres when metric), 0 = unknown, over the photo's whole area; Nerfstudio resizes it to
the image. Beside it, listed as `confidence_file_path`, stands its weight as 8-bit PNG: 0 = no depth, else 255 times the weight,
at least 1. A scene that knows its up direction is turned z-up, and `applied_transform` says how.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amb3r_core.errors import InputError
from amb3r_core.export.image_files import PlacedImage, free_name, place_images
from amb3r_core.export.image_kinds import is_image_file
from amb3r_core.export.notes import comment_lines, provenance_record, write_json, write_sidecar
from amb3r_core.export.ply import Vertices, write_vertices
from amb3r_core.export.png import write_png
from amb3r_core.export.points import ScenePoints
from amb3r_core.optional import require
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER, opencv_to_opengl, rigid, up_axis_rotation
from amb3r_core.scene.geometry import transform_points
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.thinning import thinned

MAX_SEED_POINTS = 150_000
DEPTH_STEPS_PER_UNIT = 1000
"""Nerfstudio's default `depth_unit_scale_factor` is 1e-3."""
LARGEST_DEPTH_STEP = 65_535
LARGEST_CONFIDENCE_STEP = 255
SEED_FILE = "sparse_pc.ply"

_SEED_DTYPE = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")])


def export_nerfstudio(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes the dataset into the folder `path`; transforms.json is written last."""
    path.mkdir(parents=True, exist_ok=True)
    world = z_up_from_world(reconstruction)
    images = place_images(reconstruction, path / "images")
    depths = write_depths(reconstruction, path, images)
    confidences = write_confidences(reconstruction, path, images)
    masks = write_masks(reconstruction, path, images)
    points = points or ScenePoints(reconstruction)
    seed = seed_cloud(points.thinned(MAX_SEED_POINTS), world)
    written = [path / "images" / image.name for image in images] + [path / name for name in (*depths, *confidences, *masks)]
    if len(seed):
        write_vertices(path / SEED_FILE, seed, comment_lines(reconstruction, "Nerfstudio world, see transforms.json"))
        written.append(path / SEED_FILE)
    document = transforms_dict(
        reconstruction,
        images,
        world=world,
        depths=depths,
        confidences=confidences,
        masks=masks,
        seed_file=SEED_FILE if len(seed) else None,
    )
    written.append(write_sidecar(path, reconstruction))
    write_json(path / "transforms.json", document)
    return [*written, path / "transforms.json"]


def z_up_from_world(reconstruction: Reconstruction) -> Float64:
    """The rotation (4, 4) that turns the scene z-up; the identity when up is not known."""
    if reconstruction.up_world is None:
        return np.eye(4)
    return rigid(up_axis_rotation(np.array(reconstruction.up_world), "z"), np.zeros(3))


def transforms_dict(
    reconstruction: Reconstruction,
    images: Sequence[PlacedImage],
    *,
    world: Float64,
    depths: Sequence[str] = (),
    confidences: Sequence[str] = (),
    masks: Sequence[str] = (),
    seed_file: str | None = None,
) -> dict[str, object]:
    """The content of transforms.json.

    world (4, 4): from scene coordinates to the dataset's. depths, confidences, masks: one relative file per view, or none at all.
    `applied_scale` is left out on purpose: Nerfstudio applies it to the points but not to the poses.
    """
    frames: list[dict[str, object]] = []
    for index, (view, image) in enumerate(zip(reconstruction.views, images, strict=True)):
        frame: dict[str, object] = {"file_path": f"images/{image.name}", **camera_fields(image.camera)}
        frame["transform_matrix"] = opencv_to_opengl(world @ view.cam_to_world).tolist()
        if depths:
            frame["depth_file_path"] = depths[index]
        if confidences:
            frame["confidence_file_path"] = confidences[index]
        if masks:
            frame["mask_path"] = masks[index]
        frames.append(frame)
    document: dict[str, object] = {"camera_model": "PINHOLE"}
    if reconstruction.up_world is not None:
        document |= {"orientation_override": "none", "applied_transform": world[:3].tolist()}
    if seed_file is not None:
        document["ply_file_path"] = seed_file
    told = {**provenance_record(reconstruction), "view_names": [view.name for view in reconstruction.views]}
    if reconstruction.pose_trust is not None:
        told["view_pose_trust"] = [view.pose_trust for view in reconstruction.views]
    if confidences and reconstruction.dense is not None:
        told["confidence_is_probability"] = reconstruction.dense.weight_is_probability
    return {**document, "amb3r": told, "frames": frames}


def camera_fields(camera: PinholeCamera) -> dict[str, object]:
    """Nerfstudio's intrinsics of one frame."""
    return {
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx + CORNER_MINUS_CENTER,
        "cy": camera.cy + CORNER_MINUS_CENTER,
        "w": camera.width,
        "h": camera.height,
    }


def write_depths(reconstruction: Reconstruction, folder: Path, images: Sequence[PlacedImage]) -> list[str]:
    """Writes one 16-bit PNG per view into `depth/`; their names relative to `folder`, none for a scene without depth."""
    dense = reconstruction.dense
    if dense is None:
        return []
    names = _png_names("depth", images)
    for index, (name, view) in enumerate(zip(names, reconstruction.views, strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(folder / name, depth_steps(np.asarray(dense.depth[index])[view.letterbox.slices]))
    return names


def depth_steps(depth: Float32) -> NDArray[np.uint16]:
    """Depth (H, W) in thousandths of the unit; 0 where unknown, negative or beyond 65.535 units."""
    steps = np.rint(depth.astype(np.float64) * DEPTH_STEPS_PER_UNIT)
    return np.where((steps >= 0) & (steps <= LARGEST_DEPTH_STEP), steps, 0).astype(np.uint16)


def write_confidences(reconstruction: Reconstruction, folder: Path, images: Sequence[PlacedImage]) -> list[str]:
    """Writes the weight of each view's depth as 8-bit PNG into `confidence/`; names as `write_depths` gives them."""
    dense = reconstruction.dense
    if dense is None:
        return []
    names = _png_names("confidence", images)
    for index, (name, view) in enumerate(zip(names, reconstruction.views, strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        known = depth_steps(np.asarray(dense.depth[index])[view.letterbox.slices]) > 0
        write_png(folder / name, confidence_steps(dense.weight(index)[view.letterbox.slices], known))
    return names


def confidence_steps(weight: Float32, known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Weights (H, W) in [0, 1) times 255; 0 where no depth is known, and only there."""
    return np.where(known, np.clip(np.rint(weight * LARGEST_CONFIDENCE_STEP), 1, LARGEST_CONFIDENCE_STEP), 0).astype(np.uint8)


def write_masks(reconstruction: Reconstruction, folder: Path, images: Sequence[PlacedImage]) -> list[str]:
    """Writes one mask per view into `masks/`, all white where a view has none; nothing when no view has a mask."""
    if all(view.mask_path is None for view in reconstruction.views):
        return []
    names = _png_names("masks", images)
    for name, view, image in zip(names, reconstruction.views, images, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(folder / name, _mask(view.mask_path, image.camera.width, image.camera.height))
    return names


def _mask(path: str | None, width: int, height: int) -> NDArray[np.uint8]:
    """White (H, W) where the photo is to be used, at the photo's size."""
    if path is None:
        return np.full((height, width), 255, dtype=np.uint8)
    imaging: Any = require("PIL.Image", extra="", purpose="to read masks")
    try:
        if not is_image_file(Path(path)):
            raise InputError(f"mask {path} is not an image")
        with imaging.open(path) as image:
            grey = image.convert("L").resize((width, height), imaging.Resampling.NEAREST)
    except (OSError, ValueError, SyntaxError, imaging.DecompressionBombError) as error:
        raise InputError(f"mask {path} cannot be read: {error}") from error
    return np.where(np.asarray(grey) > 0, 255, 0).astype(np.uint8)


def _png_names(folder: str, images: Sequence[PlacedImage]) -> list[str]:
    taken: set[str] = set()
    return [str(PurePosixPath(folder) / free_name(image.name, ".png", taken)) for image in images]


def seed_cloud(cloud: PointCloud, world: Float64, max_points: int = MAX_SEED_POINTS) -> Vertices:
    """At most `max_points` points in dataset coordinates, no two at the same place: splats would get a size of zero."""
    cloud = thinned(cloud, max_points)
    points = transform_points(world, cloud.points)
    rows = np.sort(np.unique(points, axis=0, return_index=True)[1])
    vertices: Vertices = np.empty(len(rows), dtype=_SEED_DTYPE)
    for column, (axis, color) in enumerate((("x", "red"), ("y", "green"), ("z", "blue"))):
        vertices[axis], vertices[color] = points[rows, column], cloud.colors[rows, column]
    return vertices
