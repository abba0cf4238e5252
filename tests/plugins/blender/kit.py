"""Scene folders and pictures for the tests, with numpy alone: Blender's Python has nothing else."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

ROWS = np.dtype(
    [(name, "<f4") for name in ("x", "y", "z")]
    + [(name, "u1") for name in ("red", "green", "blue")]
    + [("confidence", "<f4"), ("radius", "<f4"), ("view_index", "<i4")]
)
PLY_TYPES = {"<f4": "float", "|u1": "uchar", "<i4": "int"}

Json = dict[str, Any]


def random_rotation(random: np.random.Generator) -> np.ndarray:
    """A rotation (3, 3), all equally likely."""
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q * np.array([1.0, 1.0, -1.0])


def random_pose(random: np.random.Generator, extent: float = 3.0) -> np.ndarray:
    """Camera-to-world (4, 4) within +-extent."""
    pose = np.eye(4)
    pose[:3, :3] = random_rotation(random)
    pose[:3, 3] = random.uniform(-extent, extent, 3)
    return pose


def random_intrinsics(random: np.random.Generator, width: int, height: int) -> np.ndarray:
    """K (3, 3): pixels not square by up to 10 %, principal point off by up to 15 %, focal 0.6 to 1.6 times the long side."""
    focal = random.uniform(0.6, 1.6) * max(width, height)
    cx, cy = width * (0.5 + random.uniform(-0.15, 0.15)), height * (0.5 + random.uniform(-0.15, 0.15))
    return np.array([[focal, 0.0, cx], [0.0, focal * random.uniform(0.9, 1.1), cy], [0.0, 0.0, 1.0]])


def view_document(name: str, size: tuple[int, int], K: np.ndarray, pose: np.ndarray, **more: object) -> Json:
    """A view as scene.amb3r holds it."""
    view = {"name": name, "image": None, "width": size[0], "height": size[1], "K": K.tolist(), "cam_to_world": pose.tolist()}
    return {**view, "letterbox": [0, 0, *size], "timestamp_s": None, "is_keyframe": True, "mask": None, **more}


def scene_document(views: list[Json], **more: object) -> Json:
    """A whole document; `more` replaces fields."""
    document = {
        "format": "amb3r-scene", "format_version": 2, "unit": "metre", "metric": True,
        "scale": {"kind": "metric", "source": "two views 0.52 m apart", "relative_spread": None},
        "frame": "opencv", "pixel_origin": "corner", "up_world": [0.0, -1.0, 0.0], "views": views, "unregistered": [],
        "dense": None, "points": None, "video": None,
        "engine": {
            "name": "amb3r", "version": "0.1.0", "model": "colmap", "pipeline": "one-shot", "weights": None,
            "weights_licence": None, "config": {}, "seconds": {"predict": 1.5}, "notes": ["a note of the engine"],
        },
    }  # fmt: skip
    return {**document, **more}


def points_table(n_points: int, seed: int = 0) -> np.ndarray:
    """Random coloured points in front of the origin, as rows of the PLY."""
    random = np.random.default_rng(seed)
    rows = np.zeros(n_points, ROWS)
    for name, low, high in (("x", -2, 2), ("y", -1.5, 1.5), ("z", 2, 6), ("confidence", 1, 20), ("radius", 0.004, 0.02)):
        rows[name] = random.uniform(low, high, n_points)
    for name in ("red", "green", "blue"):
        rows[name] = random.integers(0, 256, n_points)
    return rows


def write_points(path: Path, rows: np.ndarray) -> Json:
    """Writes a binary PLY; what scene.amb3r says of it."""
    names = rows.dtype.names or ()
    properties = [f"property {PLY_TYPES[rows.dtype[name].str]} {name}" for name in names]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment a test",
        f"element vertex {len(rows)}",
        *properties,
        "end_header",
    ]
    path.write_bytes(("\n".join(header) + "\n").encode() + rows.tobytes())
    return {"file": path.name, "count": len(rows), "has_confidence": "confidence" in names}


def write_dense(folder: Path, depth: np.ndarray) -> Json:
    """Writes dense maps (N, H, W); what scene.amb3r says of them."""
    (folder / "dense").mkdir(parents=True, exist_ok=True)
    maps = {"depth": depth.astype(np.float32), "confidence": np.ones(depth.shape, np.float32)}
    maps["rgb"] = np.zeros((*depth.shape, 3), np.uint8)
    for name, array in maps.items():
        np.save(folder / "dense" / f"{name}.npy", array)
    files = {name: f"dense/{name}.npy" for name in maps}
    return {**files, "width": depth.shape[2], "height": depth.shape[1]}


def write_scene(folder: Path, document: Json) -> Path:
    """Writes scene.amb3r into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scene.amb3r"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def simple_scene(folder: Path, *, n_views: int = 3, n_points: int = 500, seed: int = 0, **more: Any) -> Path:
    """A small scene with photos, points and depth: cameras side by side that look at points 2 to 6 m away."""
    folder.mkdir(parents=True, exist_ok=True)
    K = np.array([[500.0, 0.0, 310.0], [0.0, 520.0, 250.0], [0.0, 0.0, 1.0]])
    views: list[Json] = []
    for index in range(n_views):
        pose = np.eye(4)
        pose[0, 3] = 0.25 * index
        write_png(folder / "images" / f"photo_{index:03d}.png", np.full((48, 64, 3), 40 * index + 20, np.uint8))
        image = f"images/photo_{index:03d}.png"
        views.append(view_document(f"photo_{index:03d}.png", (640, 480), K, pose, image=image, letterbox=[0, 0, 64, 48]))
    for index, view in enumerate(views):
        view["timestamp_s"] = more["times"][index] if "times" in more else None
    more.pop("times", None)
    points = write_points(folder / "points.ply", points_table(n_points, seed)) if n_points else None
    dense = write_dense(folder, np.full((n_views, 48, 64), 3.0))
    return write_scene(folder, scene_document(views, points=points, dense=dense, **more))


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Writes an 8-bit RGB picture (H, W, 3)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = rgb.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), rgb.reshape(height, -1).astype(np.uint8)], axis=1).tobytes()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def made_picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A picture (H, W, 3) with flat areas, edges, gradients and texture, different in all four corners."""
    random = np.random.default_rng(seed)
    v, u = np.mgrid[0:height, 0:width]
    picture = np.stack([255 * u / width, 255 * v / height, 128 + 90 * np.sin(u / 17) * np.cos(v / 23)], axis=-1)
    for _ in range(25):
        x, y, size = random.integers(width), random.integers(height), random.integers(10, 90)
        picture[y : y + size, x : x + size] = random.integers(0, 256, 3)
    return np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def lifted_scene(
    folder: Path, photo: np.ndarray, seed: int = 0, confidence: np.ndarray | None = None
) -> tuple[Path, np.ndarray, np.ndarray]:
    """A photo (H, W, 3) lifted into points by a made-up depth, seen by a camera with skewed pixels at a random place.

    Returns the scene file, K and the pose.
    """
    random = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    K, pose = random_intrinsics(random, width, height), random_pose(random)
    v, u = np.mgrid[0:height, 0:width] + 0.5
    depth = 5.0 + 2.0 * np.sin(u / 90) * np.cos(v / 70) + 0.5 * v / height
    camera_points = np.stack([(u - K[0, 2]) / K[0, 0] * depth, (v - K[1, 2]) / K[1, 1] * depth, depth], axis=-1).reshape(-1, 3)
    world = camera_points @ pose[:3, :3].T + pose[:3, 3]
    rows = np.zeros(len(world), ROWS)
    for column, name in enumerate("xyz"):
        rows[name] = world[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        rows[name] = photo[..., column].ravel()
    rows["confidence"] = 10.0 if confidence is None else confidence.ravel()
    rows["radius"] = depth.ravel() / min(K[0, 0], K[1, 1]) * 0.75
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / "images" / "photo.png", photo)
    view = view_document("photo.png", (width, height), K, pose, image="images/photo.png")
    points = write_points(folder / "points.ply", rows)
    return write_scene(folder, scene_document([view], points=points, up_world=None)), K, pose
