"""`ns-amb3r-check`: any Nerfstudio dataset, judged by its files and by Nerfstudio's own data parser. Imports Nerfstudio."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core import FormatError, InputError, pose_word, require, trust_told
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.geometry import ROTATION_TOLERANCE

Verdict = Literal["pass", "warn", "fail", "none"]

DEPTH_TOLERANCE = 0.05
"""How far the typical depth may differ from the seed points' distance, as a share."""
AGREEMENT_TOLERANCE = 0.02
LEAST_AGREEMENT = 0.5
"""Share of the seed points that some frame's depth must confirm."""
LEAST_VISIBLE = 0.9
"""Share of the seed points that some frame must have in view."""
MOST_POINTS = 20_000
FILE_KEYS = ("file_path", "depth_file_path", "confidence_file_path", "mask_path")
"""Of a frame."""
METRES_PER_STEP = 1e-3
INTRINSIC_KEYS = ("fl_x", "fl_y", "cx", "cy", "w", "h")


@dataclass(frozen=True)
class Result:
    """One thing that was looked at, what came out, and why; "none": there was nothing to look at."""

    name: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Document:
    """A transforms.json: all its values, and its frames, of which there is at least one."""

    values: dict[str, Any]
    frames: list[dict[str, Any]]

    @property
    def seed_file(self) -> str | None:
        return self.values.get("ply_file_path")

    @property
    def notes(self) -> dict[str, object]:
        """What a dataset of ours tells of its scene; nothing for another one."""
        block: Any = self.values.get("amb3r")
        return cast(dict[str, object], block) if isinstance(block, dict) else {}


@dataclass(frozen=True)
class Dataset:
    """What Nerfstudio reads: the parser's outputs for all frames in the dataset's own world."""

    outputs: Any

    @property
    def poses(self) -> Float64:
        """Camera to world (N, 3, 4), OpenGL, as parsed."""
        return self.outputs.cameras.camera_to_worlds.numpy().astype(np.float64)

    @property
    def points(self) -> NDArray[np.float32] | None:
        points = self.outputs.metadata.get("points3D_xyz")
        return None if points is None else points.numpy()

    @property
    def depth_files(self) -> Sequence[Path] | None:
        return self.outputs.metadata["depth_filenames"]


def check_dataset(folder: Path) -> list[Result]:
    """What is right and wrong with a dataset. Raises `InputError` when there is none, `FormatError` when it is not JSON."""
    document = _read(folder)
    results = [_files(folder, document), _downscales(folder, document), _intrinsics(folder, document)]
    results += [_scale_key(document), _pose_trust(document)]
    if results[0].verdict == "fail":
        return results
    try:
        dataset = Dataset(_parse(folder, document))
    except (AssertionError, KeyError, RuntimeError, ValueError) as error:
        return [*results, Result("data parser", "fail", f"Nerfstudio cannot read it: {' '.join(str(error).split())}")]
    results.append(Result("data parser", "pass", f"Nerfstudio reads {len(dataset.poses)} frames"))
    checks: Sequence[Callable[[Dataset], Result]] = (_poses, _duplicates, _overlap, _depth_units, _depth_agreement)
    return [*results, *(check(dataset) for check in checks)]


def print_results(folder: Path, results: Sequence[Result]) -> None:
    """Prints one line per result and the verdict."""
    from rich.console import Console

    console = Console()
    colours = {"pass": "green", "warn": "yellow", "fail": "bold red", "none": "dim"}
    for result in results:
        console.print(
            f"{result.verdict:>5}  {result.name}: {result.reason}", style=colours[result.verdict], markup=False, soft_wrap=True
        )
    failed = sum(result.verdict == "fail" for result in results)
    console.print(
        f"{folder}: {f'{failed} of {len(results)} checks failed' if failed else 'this dataset is fine'}",
        markup=False,
        soft_wrap=True,
    )


def _read(folder: Path) -> Document:
    path = folder / "transforms.json"
    if not path.is_file():
        raise InputError(f"{folder}: there is no transforms.json here; give a Nerfstudio dataset")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
    values = cast(dict[str, Any], document) if isinstance(document, dict) else {}
    frames = values.get("frames")
    if not frames:
        raise FormatError(f"{path}: there are no frames in it")
    return Document(values, frames)


def _parse(folder: Path, document: Document) -> Any:
    require("nerfstudio.data.dataparsers.nerfstudio_dataparser", extra="nerfstudio", purpose="to read datasets as it does")
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig

    config: Any = Amb3rDataParserConfig(data=folder, eval_mode="all", downscale_factor=1)
    if "train_filenames" in document.values:  # the parser takes splits over eval_mode
        return _parse_without_splits(config, folder, document)
    return config.setup().get_dataparser_outputs("train")


def _parse_without_splits(config: Any, folder: Path, document: Document) -> Any:
    import tempfile

    plain = {key: value for key, value in document.values.items() if not key.endswith("_filenames")}
    plain |= {"frames": [_with_absolute(frame, FILE_KEYS, folder) for frame in document.frames]}
    plain = _with_absolute(plain, ("ply_file_path",), folder)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "transforms.json").write_text(json.dumps(plain))
        config.data = Path(place)
        return config.setup().get_dataparser_outputs("train")


def _with_absolute(values: dict[str, Any], keys: Sequence[str], folder: Path) -> dict[str, Any]:
    """The values with those of the keys that are there as absolute paths."""
    return values | {key: str((folder / values[key]).absolute()) for key in keys if key in values}


def _files(folder: Path, document: Document) -> Result:
    """Every named file is there, and depth and masks are on all frames or none."""
    frames = document.frames
    for key in ("depth_file_path", "mask_path"):
        count = sum(key in frame for frame in frames)
        if count not in (0, len(frames)):
            return Result("files", "fail", f"{key} is on {count} of {len(frames)} frames: Nerfstudio wants all or none")
    named = [frame[key] for frame in frames for key in FILE_KEYS if key in frame]
    named += [document.seed_file] if document.seed_file is not None else []
    missing = [name for name in named if not (folder / name).is_file()]
    if missing:
        return Result("files", "fail", f"{len(missing)} of {len(named)} are missing: {', '.join(missing[:3])}")
    return Result("files", "pass", f"all {len(named)} are there")


def _downscales(folder: Path, document: Document) -> Result:
    """Each `images_N` comes with the same `depths_N` and `masks_N`."""
    found = sorted(path for path in folder.glob("images_*") if path.is_dir())
    for images in found:
        factor = images.name.removeprefix("images_")
        for key, prefix in (("file_path", "images"), ("depth_file_path", "depths"), ("mask_path", "masks")):
            names = [Path(frame[key]).name for frame in document.frames if key in frame]
            lost = [name for name in names if not (folder / f"{prefix}_{factor}" / name).is_file()]
            if lost:
                return Result("downscales", "fail", f"{prefix}_{factor} lacks {len(lost)} files, first {lost[0]}")
    if not found:
        return Result("downscales", "none", "there are none")
    return Result("downscales", "pass", f"{', '.join(path.name for path in found)} are whole")


def _intrinsics(folder: Path, document: Document) -> Result:
    """Every frame has a camera of its image's size, and no shared value hides a frame's own."""
    shared = document.values
    for number, frame in enumerate(document.frames):
        name = frame.get("file_path", f"frame {number}")
        hidden = [key for key in INTRINSIC_KEYS if key in shared and key in frame and shared[key] != frame[key]]
        if hidden:
            return Result("intrinsics", "fail", f"{name}: its own {', '.join(hidden)} lose against the shared ones")
        lacking = [key for key in INTRINSIC_KEYS if key not in shared and key not in frame]
        if lacking:
            return Result("intrinsics", "fail", f"{name}: no {', '.join(lacking)}")
        if not (folder / str(name)).is_file():
            continue
        with Image.open(folder / str(name)) as image:
            wanted = tuple(frame.get(key, shared.get(key)) for key in ("w", "h"))
            if image.size != wanted:
                return Result(
                    "intrinsics", "fail", f"{name} is {image.size[0]}x{image.size[1]}, its camera {wanted[0]}x{wanted[1]}"
                )
    return Result("intrinsics", "pass", "every camera fits its image")


def _scale_key(document: Document) -> Result:
    if "applied_scale" in document.values:
        return Result(
            "scale", "fail", "applied_scale is set: Nerfstudio multiplies the points by it but not the poses; remove it"
        )
    notes = document.notes
    if "scale" in notes:
        kind, source = notes.get("scale"), notes.get("scale_source")
        return Result("scale", "pass" if kind == "metric" else "warn", f"{kind} ({source})")
    return Result("scale", "none", "the dataset does not say what its unit is")


def _pose_trust(document: Document) -> Result:
    """How far the scene's poses may be trusted, as the dataset tells it."""
    block: Any = document.notes.get("poses")
    told = cast(dict[str, object], block) if isinstance(block, dict) else {}
    trust = told.get("trust")
    if not isinstance(trust, int | float) or not 0.0 <= trust <= 1.0:
        return Result("pose trust", "none", "the dataset does not say how far its poses may be trusted")
    views: Any = told.get("standing_out")
    less = f", less for {len(cast(list[object], views))} views" if isinstance(views, list) and views else ""
    verdict: Verdict = "warn" if pose_word(trust) == "doubtful" else "pass"
    return Result("pose trust", verdict, f"{trust_told(trust)}{less}")


def _poses(dataset: Dataset) -> Result:
    rotations = dataset.poses[:, :, :3]
    if not np.isfinite(dataset.poses).all():
        return Result("poses", "fail", "some numbers are not finite")
    off = np.abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max(axis=(1, 2))
    if off.max() > 10 * ROTATION_TOLERANCE or (np.linalg.det(rotations) < 0).any():
        return Result("poses", "fail", f"{int((off > 10 * ROTATION_TOLERANCE).sum())} are no rotation and translation")
    centres = dataset.poses[:, :, 3]
    spread = float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max())
    if len(centres) > 1 and spread == 0.0:
        return Result("poses", "fail", "all cameras stand at one place")
    return Result("poses", "pass", f"{len(centres)} rigid poses, at most {spread:.3g} from their middle")


def _duplicates(dataset: Dataset) -> Result:
    points = dataset.points
    if points is None:
        return Result("duplicates", "none", "no seed points: splats start at random")
    if not np.isfinite(points).all():
        return Result("duplicates", "fail", "some points are not finite")
    doubled = len(points) - len(np.unique(points, axis=0))
    if doubled:
        return Result("duplicates", "fail", f"{doubled} of {len(points)} points lie on others: splats of size zero")
    return Result("duplicates", "pass", f"all {len(points)} points differ")


def _overlap(dataset: Dataset) -> Result:
    points = _some(dataset.points)
    if points is None:
        return Result("cloud overlap", "none", "no seed points")
    seen = np.zeros(len(points), dtype=np.bool_)
    for index in range(len(dataset.poses)):
        seen[_project(dataset, index, points)[0]] = True
    share = float(seen.mean())
    verdict: Verdict = "pass" if share >= LEAST_VISIBLE else "fail"
    return Result("cloud overlap", verdict, f"{share:.1%} of the seed points are in some frame's view")


def _depth_units(dataset: Dataset) -> Result:
    ratios = _depth_ratios(dataset)
    if ratios is None:
        return Result("depth unit", "none", "no depth, or no seed points to measure it with")
    if len(ratios) == 0:
        return Result("depth unit", "fail", "no seed point falls on a pixel with depth")
    ratio = float(np.median(ratios))
    if abs(ratio - 1) <= DEPTH_TOLERANCE:
        return Result("depth unit", "pass", f"depth is {ratio:.3f} times the seed points' distance")
    hint = next(
        (
            f": it is stored in {unit}"
            for unit, factor in (("metres", 1e-3), ("centimetres", 0.1))
            if abs(ratio / factor - 1) < 0.1
        ),
        "",
    )
    return Result("depth unit", "fail", f"depth is {ratio:.3g} times the seed points' distance{hint}; millimetres are wanted")


def _depth_agreement(dataset: Dataset) -> Result:
    points, depths = _some(dataset.points), dataset.depth_files
    if points is None or not depths:
        return Result("depth agreement", "none", "no depth or no seed points")
    agrees = np.zeros(len(points), dtype=np.bool_)
    for index, path in enumerate(depths):
        rows, z, depth = _sampled(dataset, index, points, path)
        agrees[rows[np.abs(depth - z) <= AGREEMENT_TOLERANCE * z]] = True
    share = float(agrees.mean())
    verdict: Verdict = "pass" if share >= LEAST_AGREEMENT else "fail"
    return Result(
        "depth agreement", verdict, f"{share:.1%} of the seed points lie within {AGREEMENT_TOLERANCE:.0%} of a frame's depth"
    )


def _depth_ratios(dataset: Dataset) -> NDArray[np.float64] | None:
    points, depths = _some(dataset.points), dataset.depth_files
    if points is None or not depths:
        return None
    ratios: list[NDArray[np.float64]] = []
    for index, path in enumerate(depths):
        _, z, depth = _sampled(dataset, index, points, path)
        ratios.append((depth / z)[depth > 0])
    return np.concatenate(ratios)


def _sampled(
    dataset: Dataset, index: int, points: NDArray[np.float32], path: Path
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """The points in view of a frame: their rows, their depth there, and the depth map's, both in metres."""
    rows, pixels, z = _project(dataset, index, points)
    if path.suffix == ".npy":
        depth = np.load(path) * METRES_PER_STEP
    else:
        with Image.open(path) as image:
            depth = np.asarray(image).astype(np.float64) * METRES_PER_STEP
    camera = dataset.outputs.cameras[index]
    column = (pixels[:, 0] * depth.shape[1] / float(camera.width)).astype(np.intp).clip(0, depth.shape[1] - 1)
    row = (pixels[:, 1] * depth.shape[0] / float(camera.height)).astype(np.intp).clip(0, depth.shape[0] - 1)
    return rows, z, depth[row, column]


def _project(
    dataset: Dataset, index: int, points: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """The points inside a frame: rows (K,), pixels (K, 2) from the corner, depth along the optical axis (K,)."""
    pose, camera = dataset.poses[index], dataset.outputs.cameras[index]
    points_cam = (points - pose[:, 3]) @ pose[:, :3]
    z = -points_cam[:, 2]
    front = np.flatnonzero(z > 1e-6)
    x = float(camera.fx) * points_cam[front, 0] / z[front] + float(camera.cx)
    y = -float(camera.fy) * points_cam[front, 1] / z[front] + float(camera.cy)
    inside = (x >= 0) & (x < float(camera.width)) & (y >= 0) & (y < float(camera.height))
    rows = front[inside]
    return rows, np.stack([x[inside], y[inside]], axis=-1), z[rows]


def _some(points: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """At most `MOST_POINTS` of the points, evenly spread in their order."""
    if points is None or len(points) <= MOST_POINTS:
        return points
    return points[np.arange(MOST_POINTS) * len(points) // MOST_POINTS]
