"""`ns-amb3r-to-metric`: a splat from Nerfstudio's turned and scaled coordinates back to the scene's own. Needs no Nerfstudio.

Nerfstudio trains in ``x_train = s (R x_scene + t)`` and exports it; `dataparser_transforms.json` is the only trace.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from amb3r_core import FormatError, InputError, require, staged_file
from amb3r_core.export.gaussians import GAUSSIAN_DTYPE
from amb3r_core.export.notes import write_json
from amb3r_core.export.ply import Vertices, read_vertices, write_vertices
from amb3r_core.scene.arrays import Float32, Float64
from amb3r_core.scene.conventions import quaternion_from_rotation
from amb3r_core.scene.geometry import ROTATION_TOLERANCE
from amb3r_nerfstudio.spherical import turn_coefficients

TRANSFORMS_FILE = "dataparser_transforms.json"
NEEDED = ("x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
RIGID_TOLERANCE = 10 * ROTATION_TOLERANCE
"""Nerfstudio writes the transform in single precision."""


@dataclass(frozen=True, kw_only=True)
class TrainedGaussians:
    """The arrays of M gaussians in a checkpoint, under Splatfacto's names."""

    means: Float32
    scales: Float32
    quats: Float32
    opacities: Float32
    features_dc: Float32
    features_rest: Float32
    """(M, K, 3), where the others are (M, columns)."""


@dataclass(frozen=True)
class Similarity:
    """``x_new = scale * rotation @ x_old + translation``; rotation (3, 3), translation (3,)."""

    scale: float
    rotation: Float64
    translation: Float64

    def points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """The points (M, 3), moved."""
        return (self.scale * (points.astype(np.float64) @ self.rotation.T) + self.translation).astype(np.float32)

    def after(self, transform: Float64) -> "Similarity":
        """This one followed by a rigid transform (3, 4)."""
        rotation, translation = transform[:, :3], transform[:, 3]
        return Similarity(self.scale, rotation @ self.rotation, rotation @ self.translation + translation)

    def record(self) -> dict[str, object]:
        """As JSON values."""
        return {"scale": self.scale, "rotation": self.rotation.tolist(), "translation": self.translation.tolist()}


def restore(
    *,
    ply: Path | None,
    load_config: Path | None,
    transforms: Path | None,
    dataset: Path | None,
    output: Path,
    overwrite: bool = False,
) -> Similarity:
    """Writes the splat in scene coordinates to `output`, and the similarity that took it there beside it as JSON.

    The splat is `ply`, or the last checkpoint beside `load_config`; the transform is `transforms`, or lies beside either. With
    `dataset`, the coordinates are those of that dataset's transforms.json (z up). Raises `InputError` or `FormatError`.
    """
    if ply is None and load_config is None:
        raise InputError("give `ply=SPLAT.ply` (exported) or `load_config=CONFIG.yml` (trained)")
    place = load_config or ply
    found = transforms or (place.parent / TRANSFORMS_FILE if place is not None else None)
    if found is None or not found.is_file():
        raise InputError(f"{found}: there is no {TRANSFORMS_FILE} here; name it with `transforms`", option="transforms")
    similarity = scene_from_training(found)
    if dataset is not None:
        similarity = similarity.after(applied_transform(dataset / "transforms.json"))
    vertices = read_vertices(ply) if ply is not None else trained_vertices(_last_checkpoint(load_config))
    with staged_file(output, overwrite=overwrite) as partial:
        write_vertices(
            partial, moved_splat(vertices, similarity, str(ply or load_config)), ["restored to the scene's own unit by amb3r"]
        )
    write_json(output.with_suffix(".json"), similarity.record())
    return similarity


def scene_from_training(path: Path) -> Similarity:
    """The similarity that undoes Nerfstudio's, from a `dataparser_transforms.json`."""
    document = _json(path)
    try:
        transform: Float64 = np.asarray(document["transform"], dtype=np.float64).reshape(3, 4)
        scale = float(document["scale"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f'{path}: wanted {{"transform": 3x4, "scale": number}}: {error!r}') from error
    rotation = transform[:, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > RIGID_TOLERANCE or np.linalg.det(rotation) < 0 or not scale > 0:
        raise FormatError(f"{path}: the transform is no rotation and translation, or the scale is not positive")
    left, _, right = np.linalg.svd(rotation)
    rotation: Float64 = np.asarray(left @ right, dtype=np.float64)
    return Similarity(1.0 / scale, rotation.T, -rotation.T @ transform[:, 3])


def applied_transform(path: Path) -> Float64:
    """The dataset's rigid transform (3, 4) from scene coordinates, the identity when it has none."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a Nerfstudio dataset")
    return np.array(_json(path).get("applied_transform", np.eye(4)[:3].tolist()), dtype=np.float64).reshape(3, 4)


def moved_splat(vertices: Vertices, similarity: Similarity, name: str = "splat") -> Vertices:
    """The gaussians (M,) with position, size, rotation, normals and harmonics of every degree moved; the rest as it was."""
    names = vertices.dtype.names or ()
    lacking = [field for field in NEEDED if field not in names]
    if lacking:
        raise FormatError(f"{name}: no splat, its vertices have no {', '.join(lacking)}")
    moved: Vertices = vertices.copy()
    _put(moved, ("x", "y", "z"), similarity.points(_columns(vertices, ("x", "y", "z"))))
    if {"nx", "ny", "nz"} <= set(names):
        _put(moved, ("nx", "ny", "nz"), _columns(vertices, ("nx", "ny", "nz")) @ similarity.rotation.T.astype(np.float32))
    for axis in range(3):
        moved[f"scale_{axis}"] = vertices[f"scale_{axis}"] + np.float32(np.log(similarity.scale))
    rot = tuple(f"rot_{part}" for part in range(4))
    _put(moved, rot, turned_quaternions(_columns(vertices, rot), similarity.rotation))
    rest = tuple(sorted((field for field in names if field.startswith("f_rest_")), key=lambda field: int(field[7:])))
    if rest:
        by_channel = _columns(vertices, rest).reshape(len(vertices), 3, -1).transpose(0, 2, 1)
        turned = turn_coefficients(np.ascontiguousarray(by_channel), similarity.rotation)
        _put(moved, rest, turned.transpose(0, 2, 1).reshape(len(vertices), -1))
    return moved


def turned_quaternions(quaternions: NDArray[np.float32], rotation: Float64) -> NDArray[np.float32]:
    """Quaternions wxyz (M, 4) of any length, followed by a rotation (3, 3)."""
    w, x, y, z = quaternion_from_rotation(rotation)
    product = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return (quaternions.astype(np.float64) @ product.T).astype(np.float32)


def trained_vertices(checkpoint: Path) -> Vertices:
    """The gaussians of a splatfacto checkpoint, read without running code from it."""
    torch: Any = require("torch", extra="", purpose="to read checkpoints")
    with torch.serialization.safe_globals(_numbers_of_numpy()):
        try:
            state = torch.load(checkpoint, map_location="cpu", weights_only=True)["pipeline"]
        except (KeyError, RuntimeError) as error:
            raise FormatError(f"{checkpoint}: no checkpoint of Nerfstudio's: {error}") from error
    prefix = next((key[: -len("means")] for key in state if key.endswith("gauss_params.means")), None)
    if prefix is None:
        raise FormatError(f"{checkpoint}: holds no gaussians; only splats can be brought back to metres")
    names = [field.name for field in fields(TrainedGaussians)]
    return _vertices(TrainedGaussians(**{name: state[prefix + name].float().numpy() for name in names}))


def _vertices(trained: TrainedGaussians) -> Vertices:
    n_rest = trained.features_rest.shape[1]
    names = [name for name in GAUSSIAN_DTYPE.names or () if not name.startswith("f_rest_") or int(name[7:]) < 3 * n_rest]
    vertices: Vertices = np.zeros(len(trained.means), dtype=np.dtype([(name, "<f4") for name in names]))
    rest = trained.features_rest.transpose(0, 2, 1).reshape(len(vertices), -1)
    _put(vertices, ("x", "y", "z"), trained.means)
    _put(vertices, ("f_dc_0", "f_dc_1", "f_dc_2"), trained.features_dc)
    _put(vertices, tuple(f"f_rest_{i}" for i in range(3 * n_rest)), rest)
    _put(vertices, ("opacity",), trained.opacities)
    _put(vertices, ("scale_0", "scale_1", "scale_2"), trained.scales)
    _put(vertices, ("rot_0", "rot_1", "rot_2", "rot_3"), trained.quats)
    return vertices


def _numbers_of_numpy() -> list[Any]:
    """What Nerfstudio's checkpoints hold besides tensors: schedulers keep numpy numbers."""
    multiarray: Any = __import__("numpy.core.multiarray", fromlist=["scalar"])
    return [multiarray.scalar, np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.int64)), type(np.dtype(np.float32))]


def _last_checkpoint(config: Path | None) -> Path:
    folder = (config.parent if config is not None else Path()) / "nerfstudio_models"
    found = sorted(folder.glob("step-*.ckpt"))
    if not found:
        raise InputError(f"{folder}: there is no checkpoint here; give the exported splat with `ply`", option="ply")
    return found[-1]


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise FormatError(f"{path}: wanted an object")
    return cast(dict[str, Any], document)


def _columns(vertices: Vertices, names: tuple[str, ...]) -> NDArray[np.float32]:
    return np.stack([vertices[name] for name in names], axis=-1).astype(np.float32)


def _put(vertices: Vertices, names: tuple[str, ...], values: NDArray[np.float32]) -> None:
    for column, name in enumerate(names):
        vertices[name] = values[:, column]
