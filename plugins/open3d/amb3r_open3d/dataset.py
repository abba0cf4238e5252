"""The dataset folder that Open3D's reconstruction examples read, written and read back.

    color/00000.jpg  depth/00000.png  intrinsic.json  trajectory.log  trajectory.json  config.yml  config.json  amb3r.json

All frames share one pinhole camera, as those examples assume; views with other intrinsics are resampled onto it, which leaves
depth along the optical axis as it is. `intrinsic.json` is for the voxel block grid, `intrinsic_unproject.json` for the
functions `create_from_*`.
`config.yml` holds what the t_reconstruction_system scripts must be told: `integrate.py --config config.yml`; `config.json` tells
the older reconstruction_system scripts, whose mesh has its place in `scene/`.
"""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import open3d as o3d
from PIL import Image

from amb3r_core import FormatError, InputError, Keep, PinholeCamera, Scale, staged_folder
from amb3r_core.export.notes import provenance_record
from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_open3d.cameras import to_intrinsic, to_parameters
from amb3r_open3d.convert import scene_from_rgbd
from amb3r_open3d.grid import automatic_voxel_size
from amb3r_open3d.scene import Scene

Map = TypeVar("Map", UInt8, Float32)
MARK = "amb3r.json"
DEPTH_SCALE = 1000.0
"""Steps of the 16-bit depth per metre; in a scene of unknown unit the farthest depth gets `RELATIVE_RANGE` steps."""
RELATIVE_RANGE = 60_000.0
DEPTH_LIMIT = 65_535
JPEG_QUALITY = 95


def write_dataset(scene: Scene, folder: Path | str, *, keep: Keep = "trusted", overwrite: bool = False) -> list[Path]:
    """Writes the folder, whole or not at all; its files. Depth too far for 16 bits is left out and counted in `amb3r.json`.

    keep: how much depth is written, see `amb3r_core.kept`.
    """
    target, scene = Path(folder), scene.kept(keep)
    depth_scale, camera = _depth_scale(scene), shared_camera(scene)
    with staged_folder(target, overwrite=overwrite) as partial:
        (partial / "color").mkdir()
        (partial / "depth").mkdir()
        lost = sum(_write_frame(scene, index, camera, depth_scale, partial) for index in range(len(scene)))
        _write_cameras(scene, camera, partial)
        farthest = float(np.max(scene.dense.depth))
        settings = _config(target, depth_scale, farthest, automatic_voxel_size(scene))
        (partial / "config.yml").write_text(_lines(settings), encoding="utf-8")
        (partial / "config.json").write_text(json.dumps(_older_config(settings, target), indent=1), encoding="utf-8")
        record = {
            "names": scene.names,
            "depth_scale": depth_scale,
            "pixels_too_far": lost,
            "scale": {"kind": scene.reconstruction.scale.kind, "source": scene.reconstruction.scale.source},
            "amb3r": provenance_record(scene.reconstruction),
        }
        (partial / MARK).write_text(json.dumps(record, indent=1))
        written = sorted(path.relative_to(partial) for path in partial.rglob("*") if path.is_file())
    return [target / path for path in written]


def read_dataset(folder: Path | str) -> Scene:
    """The scene of such a folder: cameras exactly, depth to its 16-bit step, confidence as known or unknown.

    `FormatError` when the folder was not written by `write_dataset`.
    """
    place = Path(folder)
    try:
        record = json.loads((place / MARK).read_text())
        depth_scale, names, scale = float(record["depth_scale"]), list(record["names"]), Scale(**record["scale"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{place / MARK}: not a dataset of write_dataset: {error}") from error
    trajectory = o3d.io.read_pinhole_camera_trajectory(place / "trajectory.json")
    colors = [np.array(Image.open(path).convert("RGB")) for path in sorted((place / "color").iterdir())]
    steps = [np.array(Image.open(path)) for path in sorted((place / "depth").iterdir())]
    depths = [(step.astype(np.float64) / depth_scale).astype(np.float32) for step in steps]
    return scene_from_rgbd(colors, depths, trajectory, names=names, scale=scale)


def shared_camera(scene: Scene) -> PinholeCamera:
    """One camera on the depth grid for all views: theirs when they agree, else their median."""
    cameras = [scene.camera(index) for index in range(len(scene))]
    if all(camera == cameras[0] for camera in cameras):
        return cameras[0]
    middle = {name: float(np.quantile([getattr(c, name) for c in cameras], 0.5)) for name in ("fx", "fy", "cx", "cy")}
    return PinholeCamera(width=cameras[0].width, height=cameras[0].height, **middle)


def _write_frame(scene: Scene, index: int, camera: PinholeCamera, depth_scale: float, folder: Path) -> int:
    """Writes colour and depth of one view; how many pixels are too far."""
    own = scene.camera(index)
    rgb, depth = scene.color_array(index), np.asarray(scene.dense.depth[index])
    if own != camera:
        rgb, depth = _resampled(rgb, own, camera), _resampled(depth, own, camera)
    steps = np.rint(depth.astype(np.float64) * depth_scale)
    too_far = steps > DEPTH_LIMIT
    Image.fromarray(np.ascontiguousarray(rgb)).save(folder / "color" / f"{index:05d}.jpg", quality=JPEG_QUALITY, subsampling=0)
    Image.fromarray(np.where(too_far, 0, steps).astype(np.uint16)).save(folder / "depth" / f"{index:05d}.png")
    return int(too_far.sum())


def _resampled(values: Map, own: PinholeCamera, camera: PinholeCamera) -> Map:
    """The nearest pixels of a map as another pinhole at the same place sees it; 0 outside."""
    columns = np.rint((np.arange(camera.width) - camera.cx) / camera.fx * own.fx + own.cx).astype(np.intp)
    rows = np.rint((np.arange(camera.height) - camera.cy) / camera.fy * own.fy + own.cy).astype(np.intp)
    inside = np.ix_((rows >= 0) & (rows < own.height), (columns >= 0) & (columns < own.width))
    out = np.zeros((camera.height, camera.width, *values.shape[2:]), dtype=values.dtype)
    out[inside] = values[np.clip(rows, 0, own.height - 1)][:, np.clip(columns, 0, own.width - 1)][inside]
    return cast(Map, out)


def _write_cameras(scene: Scene, camera: PinholeCamera, folder: Path) -> None:
    trajectory = o3d.camera.PinholeCameraTrajectory()
    trajectory.parameters = [to_parameters(camera, view.cam_to_world) for view in scene.reconstruction.views]
    writings = [
        o3d.io.write_pinhole_camera_intrinsic(folder / "intrinsic.json", to_intrinsic(camera, "tsdf")),
        o3d.io.write_pinhole_camera_intrinsic(folder / "intrinsic_unproject.json", to_intrinsic(camera, "unproject")),
        o3d.io.write_pinhole_camera_trajectory(folder / "trajectory.json", trajectory),
        o3d.io.write_pinhole_camera_trajectory(folder / "trajectory.log", trajectory),
    ]
    if not all(writings):
        raise InputError(f"{folder}: Open3D could not write the cameras")


def _config(folder: Path, depth_scale: float, farthest: float, voxel_size: float) -> Mapping[str, object]:
    place = folder.absolute()
    return {
        "path_dataset": str(place),
        "depth_folder": "depth",
        "color_folder": "color",
        "path_intrinsic": str(place / "intrinsic.json"),
        "path_color_intrinsic": str(place / "intrinsic.json"),
        "path_trajectory": str(place / "trajectory.log"),
        "depth_scale": depth_scale,
        "depth_min": 0.0,
        "depth_max": 1.01 * farthest,
        "voxel_size": voxel_size,
        "integrate_color": True,
        "device": "CPU:0",
    }


def _lines(settings: Mapping[str, object]) -> str:
    """One `key: value` to a line, which YAML and the simpler parser of Open3D's scripts both read; text is in quotes."""
    texts = {key: f"'{value}'" if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    return "".join(f"{key}: {text}\n" for key, text in texts.items())


def _older_config(settings: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The keys of reconstruction_system, which unprojects pixels by their centres."""
    kept = ("path_dataset", "depth_scale", "depth_min", "depth_max", "voxel_size")
    intrinsic = str(folder.absolute() / "intrinsic_unproject.json")
    return {key: settings[key] for key in kept} | {"path_intrinsic": intrinsic, "template_global_traj": "trajectory.log"}


def _depth_scale(scene: Scene) -> float:
    if scene.reconstruction.scale.is_metric:
        return DEPTH_SCALE
    farthest = float(np.max(scene.dense.depth))
    return RELATIVE_RANGE / farthest if farthest > 0 else DEPTH_SCALE
