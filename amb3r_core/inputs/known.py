"""Cameras and poses the user already knows: read from the files people have, joined with photos, attached to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from amb3r_core.errors import FormatError, InputError
from amb3r_core.inputs.camera_values import FileCamera
from amb3r_core.inputs.colmap_files import find_model, read_model, read_shared_cameras
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.inputs.joining import Joined, join_names, join_order, join_times, listed
from amb3r_core.inputs.pose_values import FilePose, check_variety
from amb3r_core.inputs.straightening import straightened
from amb3r_core.inputs.trajectories import read_trajectory, time_of_name
from amb3r_core.inputs.transforms_json import read_json_scene
from amb3r_core.options import FocalAndCentre, PosesBy
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Camera

COLMAP_NAMES = ("images.txt", "images.bin", "cameras.txt", "cameras.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCameras:
    """The cameras that the user knows."""

    what: str
    """What they are, for messages: "cameras of transforms.json"."""
    named: tuple[FileCamera, ...] = ()
    """Cameras of single photos."""
    shared: FileCamera | None = None
    """Serves every photo that is not named."""

    def joined(self, frames: Sequence[Frame]) -> tuple[dict[str, Camera], tuple[str, ...]]:
        """The camera of each photo that has one, by frame name, and a sentence on the joining.

        Raises `InputError` when none belongs to a photo, when it is unclear whose one is, or when one does not fit its photo.
        """
        found: dict[str, FileCamera] = {}
        notes: tuple[str, ...] = ()
        if self.named:
            joined = join_names([frame.name for frame in frames], [[camera.name] for camera in self.named], what=self.what)
            if self.shared is None:
                _refuse_none(joined, [camera.name for camera in self.named], frames, option="intrinsics")
            found = {name: self.named[index] for name, index in joined.entry_of.items()}
            notes = (joined.sentence,)
        cameras: dict[str, Camera] = {}
        for frame in frames:
            camera = found.get(frame.name, self.shared)
            if camera is not None:
                cameras[frame.name] = camera.of_photo(frame.name, frame.width, frame.height)
        return cameras, (*notes, *_scaled_note(self, found, frames))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPoses:
    """Camera-to-world poses of a file."""

    path: Path
    poses: tuple[FilePose, ...]
    option: str
    """The option that names the file."""
    by: PosesBy = "name"

    @property
    def have_names(self) -> bool:
        """Whether each pose tells whose it is, so that sets of photos can be told apart."""
        return self.by == "name" and all(pose.name for pose in self.poses)

    def matched(self, frames: Sequence[Frame]) -> tuple[dict[str, Float64], Joined]:
        """The poses (4, 4) by frame name, and how they were joined. `InputError` when none match, or only by a guess."""
        joined = self._joined(frames)
        _refuse_none(joined, [pose.name for pose in self.poses], frames, option=self.option)
        return {name: self.poses[index].cam_to_world for name, index in joined.entry_of.items()}, joined

    def _joined(self, frames: Sequence[Frame]) -> Joined:
        what, names = f"poses of {_shown(self.path)}", [frame.name for frame in frames]
        if self.by == "order":
            return join_order(names, len(self.poses), what=what)
        if all(pose.name for pose in self.poses):
            return join_names(names, [[pose.name] for pose in self.poses], what=what)
        times = [pose.time_s for pose in self.poses if pose.time_s is not None]
        if len(times) < len(self.poses):
            raise InputError(f"{self.path}: its poses have neither names nor times; {BY_ORDER}", option=self.option)
        of_photos = {frame.name: time_of_frame(frame) for frame in frames}
        known = {name: time for name, time in of_photos.items() if time is not None}
        if len(known) < len(frames):
            unknown = listed([name for name in names if name not in known])
            raise InputError(
                f"{self.path}: its poses have times, but nothing tells the time of {unknown}; {BY_ORDER}", option=self.option
            )
        return join_times(known, times, what=what)


BY_ORDER = 'where the first pose is of the first photo and so on, say `poses_by="order"`'


def time_of_frame(frame: Frame) -> float | None:
    """When a frame was taken, in seconds on any clock: by its video, else by its name."""
    return frame.timestamp_s if frame.timestamp_s is not None else time_of_name(frame.name)


def read_cameras(known: FocalAndCentre | Path) -> KnownCameras:
    """The cameras of four numbers or of a file: JSON of any known form, or COLMAP's, text or binary, or a model's folder.

    Four numbers and plain JSON count pixels from the centre of the top-left pixel (OpenCV), unless the JSON says
    "pixel_origin": "corner"; transforms.json and COLMAP count from its corner. Raises `InputError` and `FormatError`.
    """
    if isinstance(known, FocalAndCentre):
        shared = FileCamera(fx=known.fx, fy=known.fy, cx=known.cx, cy=known.cy, place="`intrinsics`")
        return KnownCameras(what="the known camera", shared=shared)
    if not known.exists():
        raise InputError(f'`intrinsics="{known}"`: neither a file nor four numbers fx,fy,cx,cy', option="intrinsics")
    cameras = _cameras_of(known)
    if not cameras:
        raise FormatError(f"{known}: no cameras in it", option="intrinsics")
    shared = [camera for camera in cameras if not camera.name]
    return KnownCameras(
        what=f"cameras of {_shown(known)}",
        named=tuple(camera for camera in cameras if camera.name),
        shared=shared[0] if shared else None,
    )


def _cameras_of(path: Path) -> tuple[FileCamera, ...]:
    model = _colmap_model(path)
    if model is None:
        if path.suffix.lower() != ".json":
            raise InputError(f"{path}: cameras are read from .json, or COLMAP's cameras and images files", option="intrinsics")
        return read_json_scene(path, option="intrinsics").cameras
    beside = model if model.is_dir() else model.parent
    if path.name == "cameras.txt" and not any((beside / name).is_file() for name in ("images.txt", "images.bin")):
        return read_shared_cameras(path)
    return _one_for_all(read_model(model).cameras) if path.name == "cameras.txt" else read_model(model).cameras


def _one_for_all(cameras: tuple[FileCamera, ...]) -> tuple[FileCamera, ...]:
    """The one camera that all named photos share, as it serves photos that are not named too; else the cameras as they are."""
    without_names = {replace(camera, name="", place="") for camera in cameras}
    return (replace(cameras[0], name=""),) if len(without_names) == 1 else cameras


def read_poses(path: Path, *, option: str, by: PosesBy = "name") -> KnownPoses:
    """The poses of a file, or of a folder that holds a COLMAP model, that `option` asks for.

    Raises `InputError` when there is no such file, and `FormatError` naming frame or line and value.
    """
    if not path.exists():
        raise InputError(f"{path}: the poses file does not exist", option=option)
    model = _colmap_model(path)
    if model is not None:
        poses = read_model(model).poses
    elif path.is_dir():
        raise InputError(f"{path}: a folder, but no COLMAP model is in it (looked for images.bin and images.txt)", option=option)
    elif path.suffix.lower() == ".json":
        poses = read_json_scene(path, option=option).poses
    else:
        poses = read_trajectory(path, option=option)
    if not poses:
        raise FormatError(f"{path}: no poses in it", option=option)
    check_variety(poses, str(path))
    return KnownPoses(path=path, poses=poses, option=option, by=by)


def with_known(
    frames: FrameList, *, cameras: Mapping[str, Camera] | None = None, poses: Mapping[str, Float64] | None = None
) -> FrameList:
    """The same frames with their known cameras and poses attached, straightened where the known lens bends them."""
    changed: list[Frame] = []
    for frame in frames:
        if poses and frame.name in poses:
            frame = replace(frame, cam_to_world=poses[frame.name])
        camera = cameras.get(frame.name) if cameras else None
        changed.append(frame if camera is None else straightened(frame, camera))
    return replace(frames, frames=tuple(changed))


def _colmap_model(path: Path) -> Path | None:
    """The folder or file of a COLMAP model that a path names; None when it names something else."""
    if path.is_dir():
        return find_model(path)
    return path if path.name in COLMAP_NAMES else None


def _refuse_none(joined: Joined, names: Sequence[str], frames: Sequence[Frame], *, option: str) -> None:
    if joined.entry_of:
        return
    examples = f" (the file says {names[0]!r}, the photos {frames[0].name!r})" if names and names[0] and frames else ""
    raise InputError(f"{joined.what}: none belongs to one of the {joined.n_photos} images{examples}", option=option)


def _scaled_note(known: KnownCameras, found: Mapping[str, FileCamera], frames: Sequence[Frame]) -> tuple[str, ...]:
    """A sentence when cameras were measured on photos of another size."""
    for frame in frames:
        camera = found.get(frame.name, known.shared)
        if camera is not None and camera.width and round(camera.width) != frame.width:
            size = f"{camera.width:g}x{camera.height:g}"
            return (f"{known.what}: measured at {size}, scaled to photos of {frame.width}x{frame.height}",)
    return ()


def _shown(path: Path) -> str:
    """A file by its name, a folder by its path: many models lie in a folder called 0."""
    return str(path) if path.is_dir() else path.name
