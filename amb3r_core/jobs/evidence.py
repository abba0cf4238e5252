"""What the user knows about a scene (cameras, poses, its size): read before any work, attached to photos, applied at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from amb3r_core.errors import AlignmentError, InputError
from amb3r_core.inputs.images import FrameList
from amb3r_core.inputs.known import KnownCameras, KnownPoses, read_cameras, read_poses, with_known
from amb3r_core.jobs.scale import check_fixes, scale_by_distance, scale_by_gps, scale_by_poses
from amb3r_core.options import (
    SCALE_FORMS,
    GpsScale,
    MeasuredDistance,
    PosesScale,
    ReconstructOptions,
    ScaleFrom,
    parse_intrinsics,
    parse_scale_from,
)
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Camera
from amb3r_core.scene.reconstruction import Reconstruction, Scale

MIN_POSES_IN_METRES = 3
"""Fewer give no similarity."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the user knows, each file of it read once."""

    cameras: KnownCameras | None
    poses: KnownPoses | None
    poses_in_metres: bool
    """The known poses are in metres."""
    scale_from: ScaleFrom
    poses_m: KnownPoses | None
    """The poses in metres that `scale_from` names."""


def read_evidence(options: ReconstructOptions) -> Evidence:
    """The evidence of the options. Raises `InputError` and `FormatError` for whatever is wrong without a look at the photos."""
    scale_from = parse_scale_from(options.scale_from)
    if options.masks is not None and not options.masks.is_dir():
        raise InputError(f"{options.masks}: the masks folder does not exist", option="masks")
    if isinstance(scale_from, PosesScale) and not scale_from.path.is_file():
        raise InputError(f'`scale_from="{scale_from}"`: there is no such file; {SCALE_FORMS}', option="scale_from")
    return Evidence(
        cameras=None if options.intrinsics is None else read_cameras(parse_intrinsics(options.intrinsics)),
        poses=None if options.poses is None else read_poses(options.poses, option="poses", by=options.poses_by),
        poses_in_metres=options.poses_in_metres,
        scale_from=scale_from,
        poses_m=read_poses(scale_from.path, option="scale_from", by=options.poses_by)
        if isinstance(scale_from, PosesScale)
        else None,
    )


def attach(evidence: Evidence, frames: FrameList) -> tuple[FrameList, tuple[str, ...]]:
    """The frames with the cameras and poses the user gave, and how each of these files was joined with the photos."""
    notes: tuple[str, ...] = ()
    cameras: Mapping[str, Camera] = {}
    poses: Mapping[str, Float64] = {}
    if evidence.cameras is not None:
        cameras, notes = evidence.cameras.joined(frames.frames)
    if evidence.poses is not None:
        poses, joined = evidence.poses.matched(frames.frames)
        notes = (*notes, joined.sentence)
    return with_known(frames, cameras=cameras, poses=poses), notes


def check_groups(evidence: Evidence, n_groups: int) -> None:
    """`InputError` when poses without names would have to serve more than one group of photos."""
    for poses, option in ((evidence.poses, "poses"), (evidence.poses_m, "scale_from")):
        if poses is not None and not poses.have_names and n_groups > 1:
            message = f"{poses.path}: poses by time cannot be told apart between {n_groups} sets of photos; give poses by name"
            raise InputError(message, option=option)


def check_names(evidence: Evidence, names: Sequence[str]) -> None:
    """`InputError` when a measured distance names a photo that is not among `names`."""
    if not isinstance(evidence.scale_from, MeasuredDistance):
        return
    for wanted in (evidence.scale_from.view_a, evidence.scale_from.view_b):
        if not any(wanted in (name, str(PurePosixPath(name).with_suffix(""))) for name in names):
            raise InputError(f"`scale_from` names {wanted!r}, which is not one of the images", option="scale_from")


def check_frames(evidence: Evidence, frames: FrameList) -> None:
    """Raises `InputError` or `AlignmentError` when these photos can never carry the scale that is asked for."""
    check_names(evidence, [frame.name for frame in frames])
    if isinstance(evidence.scale_from, GpsScale):
        check_fixes(sum(frame.gps is not None for frame in frames), "photos")
    if evidence.poses_m is not None:
        n_known = len(evidence.poses_m.matched(frames.frames)[0])
        if n_known < MIN_POSES_IN_METRES:
            path = evidence.poses_m.path
            raise AlignmentError(f"{path}: {n_known} photos have a pose in metres, {MIN_POSES_IN_METRES} are needed for a scale")


def apply_scale(reconstruction: Reconstruction, frames: FrameList, evidence: Evidence) -> tuple[Reconstruction, tuple[str, ...]]:
    """The scene in metres where the user or GPS says how large it is, and a note when GPS was not good enough."""
    wish = evidence.scale_from
    if wish == "none":
        return reconstruction, ()
    if wish == "auto" and evidence.poses is not None:
        return replace(reconstruction, scale=_scale_of_poses(evidence.poses, in_metres=evidence.poses_in_metres)), ()
    if isinstance(wish, MeasuredDistance):
        return scale_by_distance(reconstruction, wish), ()
    if evidence.poses_m is not None:
        poses_m, _ = evidence.poses_m.matched(frames.frames)
        return scale_by_poses(reconstruction, poses_m, f"poses in metres of {evidence.poses_m.path.name}"), ()
    return _try_gps(reconstruction, frames, must=wish != "auto")


def _scale_of_poses(poses: KnownPoses, *, in_metres: bool) -> Scale:
    if in_metres:
        return Scale(kind="metric", source=f"known poses of {poses.path.name}, in metres")
    return Scale(kind="relative", source=f"unit of the known poses of {poses.path.name} (metres if so: `poses_in_metres=True`)")


def _try_gps(reconstruction: Reconstruction, frames: FrameList, *, must: bool) -> tuple[Reconstruction, tuple[str, ...]]:
    fixes = {frame.name: frame.gps for frame in frames if frame.gps is not None}
    if (not fixes and not must) or (reconstruction.scale.is_metric and not must):
        return reconstruction, ()
    try:
        return scale_by_gps(reconstruction, fixes), ()
    except AlignmentError as error:
        if must:
            raise
        return reconstruction, (str(error),)
