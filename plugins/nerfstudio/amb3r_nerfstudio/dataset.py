"""One Nerfstudio dataset from one reconstruction: `write_dataset`. Needs no Nerfstudio.

transforms.json                     poses (OpenGL camera axes), intrinsics at the photos' own size, provenance; comes last
images/ images_2/ images_4/ ...     upright photos and their downscaled copies
depth/ depths_2/ ...                z-depth in thousandths of the unit, 16 bits, 0 = unknown
confidence/                         255 times the weight of that depth, 8 bits, 0 = no depth
masks/ masks_2/ ...                 0 = ignore; only when something is masked
preview.png                         the points from above, and the cameras; only when asked for
sparse_pc.ply splat_init.ply        seed points, and gaussians that are worth looking at without training
colmap/sparse/0                     cameras, poses and tracks, in the reconstruction's own world
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from amb3r_core import InputError, Keep, Monitor, PointCloud, Progress, Reconstruction, kept, silent
from amb3r_core.export.colmap import colmap_model
from amb3r_core.export.image_files import copy_file
from amb3r_core.export.nerfstudio import SEED_FILE, camera_fields, seed_cloud, transforms_dict, z_up_from_world
from amb3r_core.export.notes import comment_lines, write_json, write_sidecar
from amb3r_core.export.ply import write_vertices
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.gravity import levelled
from amb3r_core.scene.thinning import empty_cloud
from amb3r_core.scene.tracks import no_tracks, visibility_tracks
from amb3r_nerfstudio.depth_files import DepthReport, write_depths
from amb3r_nerfstudio.frame_files import (
    FrameImage,
    downscale_factors,
    write_downscaled,
    write_downscaled_masks,
    write_frame_masks,
    write_frames,
)
from amb3r_nerfstudio.preview import write_preview
from amb3r_nerfstudio.publish import DATASET_MARK, TRANSFORMS, published
from amb3r_nerfstudio.seed import SeedConfig, evenly, fused_points, splat_vertices

SPLAT_FILE = "splat_init.ply"
COLMAP_FOLDER = Path("colmap") / "sparse" / "0"
STAGE = "write dataset"


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """What the dataset holds."""

    seed: SeedConfig = field(default_factory=SeedConfig)
    num_downscales: int = 3
    """How often to halve the images, depths and masks."""
    keep: Keep = "trusted"
    """How much depth everything in it is made of: what is trusted, most, or all."""
    depth: Literal["write", "omit"] = "write"
    depth_debug: bool = False
    """Photo beside depth, to look at."""
    colmap: Literal["write", "omit"] = "write"
    world: Literal["gravity", "first-camera"] = "gravity"
    """gravity: z is up where up is known, by level surfaces or else the cameras' mean up. first-camera: the reconstruction's."""
    intrinsics: Literal["shared", "per-frame"] = "shared"
    """shared: one camera for all frames when all are equal."""
    images: Literal["copy", "reference"] = "copy"
    """reference: the photos are named where they are, and not downscaled."""
    originals: tuple[Path, ...] = ()
    """reference: photos below these folders alone; the others had to be made anew and are copied. None: all."""
    mask_radius: float = 1.0
    """Share of half the image's diagonal inside which pixels count."""
    confidence_masks: Literal["write", "omit"] = "omit"
    """write: pixels that have no depth or too little confidence are masked too."""
    preview: Literal["write", "omit"] = "omit"
    """write: a picture of the points from above."""
    eval_names: frozenset[str] = frozenset()
    """Views to evaluate on."""

    def names_in_place(self, photo: Path) -> bool:
        """Whether the dataset names this photo where it is."""
        if self.images != "reference":
            return False
        return not self.originals or any(_is_original(photo.resolve(), place.resolve()) for place in self.originals)


def _is_original(photo: Path, folder: Path) -> bool:
    """Whether a photo lies below a folder, and in no hidden one: those hold what a running job keeps for a while."""
    if not photo.is_relative_to(folder):
        return False
    return not any(part.startswith(".") for part in photo.relative_to(folder).parts)


@dataclass(frozen=True, kw_only=True)
class WrittenDataset:
    """What was written."""

    folder: Path
    n_frames: int
    n_points: int
    n_splats: int
    has_shared_intrinsics: bool
    depth: DepthReport | None
    """What is unknown in the depth; None without depth."""


def write_dataset(
    reconstruction: Reconstruction, folder: Path, config: DatasetConfig | None = None, monitor: Monitor = silent
) -> WrittenDataset:
    """Writes the dataset into `folder`, whole or not at all; an earlier dataset of ours there is replaced.

    Raises `InputError` when the scene has no view, when `config.keep` leaves no depth, or when the folder holds parts of a
    dataset that is not ours.
    """
    config = config or DatasetConfig()
    if reconstruction.n_views == 0:
        raise InputError("no view could be placed, so there is no dataset to write")
    cut = kept(reconstruction, config.keep)
    with published(folder) as partial:
        return _write(reconstruction, cut, partial, folder, config, monitor)


def _write(
    whole: Reconstruction, cut: Reconstruction, partial: Path, folder: Path, config: DatasetConfig, monitor: Monitor
) -> WrittenDataset:
    """Everything is made of the cut scene; the whole one tells which way is up and how much was cut."""
    world, up_source, reconstruction = np.eye(4), None, cut
    if config.world == "gravity":
        whole, up_source = levelled(whole)
        reconstruction = replace(cut, up_world=whole.up_world)
        world = z_up_from_world(reconstruction)
    monitor(Progress(stage=STAGE, message="images"))
    frames = write_frames(reconstruction, partial, eval_names=config.eval_names, is_named_in_place=config.names_in_place)
    has_depth = reconstruction.dense is not None and config.depth == "write"
    depths = None
    if has_depth:
        depths = write_depths(whole, reconstruction, partial, frames, config.seed.min_weight, debug=config.depth_debug)
    min_weight = config.seed.min_weight if config.confidence_masks == "write" else None
    masks = write_frame_masks(reconstruction, partial, frames, config.mask_radius, min_weight)
    if config.images == "copy":
        _write_downscales(partial, frames, depths.names if depths else (), masks, config.num_downscales)
    monitor(Progress(stage=STAGE, message="points"))
    cloud = empty_cloud() if reconstruction.dense is None else fused_points(reconstruction, config.seed, monitor)
    n_points = _write_seed(reconstruction, partial, evenly(cloud, config.seed.points), world)
    n_splats = _write_splats(reconstruction, partial, _splat_points(reconstruction, config.seed, monitor), world)
    if config.preview == "write":
        write_preview(reconstruction, cloud, world, partial)
    if config.colmap == "write":
        monitor(Progress(stage=STAGE, message="tracks"))
        write_colmap(reconstruction, partial / COLMAP_FOLDER, frames, cloud)
    document = _document(reconstruction, frames, world, depths, masks, up_source, has_seed=n_points > 0, has_splats=n_splats > 0)
    is_shared = config.intrinsics == "shared" and _share_intrinsics(document, frames)
    write_sidecar(partial, reconstruction, {"dataset": DATASET_MARK})
    write_json(partial / TRANSFORMS, document)
    return WrittenDataset(
        folder=folder,
        n_frames=len(frames),
        n_points=n_points,
        n_splats=n_splats,
        has_shared_intrinsics=is_shared,
        depth=depths,
    )


def _write_downscales(
    folder: Path, frames: Sequence[FrameImage], depths: Sequence[str], masks: Sequence[str], count: int
) -> None:
    """Every folder of a factor or none: Nerfstudio that finds `images_2` also looks for `depths_2` and `masks_2`."""
    for factor in downscale_factors(frames, count):
        write_downscaled(folder, frames, factor)
        if masks:
            write_downscaled_masks(folder, masks, factor)
        if depths:
            (folder / f"depths_{factor}").mkdir()
        for name in depths:  # Nerfstudio resizes depth to the image, so one file serves every size
            copy_file(folder / name, folder / f"depths_{factor}" / Path(name).name)


def _splat_points(reconstruction: Reconstruction, seed: SeedConfig, monitor: Monitor) -> PointCloud:
    if reconstruction.dense is None or seed.splats == 0:
        return empty_cloud()
    return evenly(fused_points(reconstruction, seed, monitor, needs="uncontradicted"), seed.splats)


def _write_seed(reconstruction: Reconstruction, folder: Path, cloud: PointCloud, world: Float64) -> int:
    vertices = seed_cloud(cloud, world, max(len(cloud), 1))
    if len(vertices):
        write_vertices(folder / SEED_FILE, vertices, comment_lines(reconstruction, "Nerfstudio world, see transforms.json"))
    return len(vertices)


def _write_splats(reconstruction: Reconstruction, folder: Path, cloud: PointCloud, world: Float64) -> int:
    if len(cloud):
        comments = comment_lines(reconstruction, "Nerfstudio world, see transforms.json")
        if reconstruction.up_world is not None and not np.array_equal(world, np.eye(4)):
            comments = ["Vertical Axis: z", *(line for line in comments if not line.startswith("up "))]
        write_vertices(folder / SPLAT_FILE, splat_vertices(reconstruction, cloud, world), comments)
    return len(cloud)


def write_colmap(reconstruction: Reconstruction, folder: Path, frames: Sequence[FrameImage], cloud: PointCloud) -> None:
    """Writes the COLMAP model of the frames, with tracks through every view whose depth has the point."""
    folder.mkdir(parents=True)
    tracks = visibility_tracks(reconstruction, cloud) if len(cloud) else no_tracks()
    model: Any = colmap_model(reconstruction, [frame.placed for frame in frames], tracks)
    model.write_binary(str(folder))


def _document(
    reconstruction: Reconstruction,
    frames: Sequence[FrameImage],
    world: Float64,
    depths: DepthReport | None,
    masks: Sequence[str],
    up_source: str | None,
    *,
    has_seed: bool,
    has_splats: bool,
) -> dict[str, Any]:
    """The content of transforms.json.

    `applied_transform` is always there: without it Nerfstudio takes a dataset with a COLMAP model to be turned by COLMAP's axes.
    """
    document: dict[str, Any] = transforms_dict(
        reconstruction,
        [frame.placed for frame in frames],
        world=world,
        depths=depths.names if depths else (),
        confidences=depths.confidence_names if depths else (),
        masks=masks,
        seed_file=SEED_FILE if has_seed else None,
    )
    entries: list[dict[str, Any]] = document["frames"]
    document |= {
        "frames": [entry | {"file_path": frame.file_path} for entry, frame in zip(entries, frames, strict=True)],
        "applied_transform": world[:3].tolist(),
    }
    if np.array_equal(world, np.eye(4)):
        document.pop("orientation_override", None)
    document |= _splits(frames)
    names = {frame.file_path: view.name for frame, view in zip(frames, reconstruction.views, strict=True)}
    document["amb3r"] |= {
        "original_names": names,
        "not_placed": {view.name: view.reason for view in reconstruction.unregistered},
        "splat_init": SPLAT_FILE if has_splats else None,
        "depth": None if depths is None else {**(document["amb3r"]["depth"] or {}), **depths.record()},
        "up_from": up_source,
    }
    return document


def _splits(frames: Sequence[FrameImage]) -> dict[str, list[str]]:
    """Nerfstudio's lists of files per split, when some frames are for evaluation."""
    held_out = [frame.file_path for frame in frames if frame.split == "eval"]
    if not held_out:
        return {}
    train = [frame.file_path for frame in frames if frame.split == "train"]
    return {"train_filenames": train, "val_filenames": held_out, "test_filenames": held_out}


def _share_intrinsics(document: dict[str, Any], frames: Sequence[FrameImage]) -> bool:
    """Moves equal intrinsics from all frames to the top; Nerfstudio lets the top win, so never when they differ."""
    if len({frame.camera for frame in frames}) > 1:
        return False
    shared = camera_fields(frames[0].camera)
    entries: list[dict[str, Any]] = document["frames"]
    document |= {"frames": [{key: value for key, value in entry.items() if key not in shared} for entry in entries], **shared}
    return True
