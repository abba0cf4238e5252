"""Every choice of a reconstruction, with its unit and default. No torch and no numpy here, so that `--help` is quick."""

from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Literal, Self

from amb3r_core.errors import InputError, OptionError

PipelineName = Literal["auto", "one-shot", "vo", "sfm"]
PosesBy = Literal["name", "order"]
FeatureChoice = Literal["auto", "sift", "aliked", "xfeat"]
"""Keypoints for structure from motion: SIFT, or those of a network with its own matcher."""
Keep = Literal["trusted", "most", "all"]
"""How much depth to use: what is nearly surely right, what is rather right, or every answer; see `amb3r_core.scene.trust`."""
DEFAULT_KEEP: Keep = "trusted"
SMALLEST_LONG_SIDE_PX = 16
"""Below it no depth map shows anything."""
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDistance:
    """The distance between the places from which two photos were taken. `InputError` when it is none."""

    view_a: str
    """Name of a photo, with or without its suffix."""
    view_b: str
    """Name of another photo."""
    metres: float
    """Finite and more than 0."""

    def __post_init__(self) -> None:
        if not (isfinite(self.metres) and self.metres > 0):
            raise InputError(f"`scale_from`: two photos are {self.metres} m apart; more than 0 is wanted", option="scale_from")
        if self.view_a == self.view_b:
            raise InputError(f"`scale_from` names {self.view_a!r} twice; two photos are wanted", option="scale_from")

    def __str__(self) -> str:
        return f"{self.view_a},{self.view_b},{self.metres!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PosesScale:
    """The scale of poses in metres, whatever their frame."""

    path: Path
    """A TUM trajectory, transforms.json or COLMAP's images.txt."""

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class GpsScale:
    """The scale of the photos' GPS positions; they must be good enough."""

    def __str__(self) -> str:
        return "gps"


ScaleFrom = MeasuredDistance | PosesScale | GpsScale | Literal["auto", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FocalAndCentre:
    """One known pinhole camera of every image, in pixels from the centre of the top-left one. `InputError` when it is none."""

    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if not all(map(isfinite, (self.fx, self.fy, self.cx, self.cy))) or min(self.fx, self.fy) <= 0:
            message = f'`intrinsics="{self}"`: four finite numbers fx,fy,cx,cy are wanted, fx and fy more than 0'
            raise InputError(message, option="intrinsics")

    def __str__(self) -> str:
        return ",".join(repr(float(number)) for number in (self.fx, self.fy, self.cx, self.cy))


@dataclass(frozen=True, kw_only=True)
class ReconstructOptions:
    """How to reconstruct a scene."""

    model: str = "auto"
    """auto, colmap, amb3r or vggt. auto: the best one whose weights are present, else colmap, which needs none."""
    pipeline: PipelineName = "auto"
    """one-shot: all views at once. vo: a video, as it comes. sfm: large unordered sets. auto chooses and says why."""
    executor: Literal["local", "ray"] = "local"
    """Where the model's independent calls of sfm run: here, or on Ray workers of this machine or a cluster. Same result."""
    workers: int = 2
    """How many Ray workers; each holds a copy of the model, and on cuda a GPU of its own."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: DtypeName = "auto"
    """Number type of the network; auto: bfloat16 where the hardware is fast with it."""
    backend: bool = True
    """Run the network's sparse voxel back end (slower, more exact)."""
    weights: Path | None = None
    """Checkpoint to use instead of the imported one of that model."""
    commercial_ok: bool = False
    """Refuse weights whose licence does not allow commercial use."""
    features: FeatureChoice = "auto"
    """Keypoints that colmap matches: sift, or a network's (aliked with LightGlue, xfeat with LighterGlue; extra "features"),
    which match photos from far apart and take longer. auto: sift."""
    long_side: int | None = None
    """Longer side of the depth maps in pixels; the model's own choice when not given."""

    masks: Path | None = None
    """Folder of mask images named like the photos; 0 = ignore: never a feature, depth or point."""
    intrinsics: FocalAndCentre | Path | str | None = None
    """Known camera: fx,fy,cx,cy in pixels, or a file (JSON, transforms.json, COLMAP's cameras or model). Comes back unchanged;
    photos that its lens bends are straightened first."""
    poses: Path | None = None
    """Known camera-to-world poses, joined with the photos by path, name or time: COLMAP (sparse/0, images.txt or .bin),
    transforms.json, TUM, or a table. Come back unchanged."""
    poses_by: PosesBy = "name"
    """order: the first pose is of the first photo and so on, for files without names or times (KITTI, Open3D's .log)."""
    poses_in_metres: bool = False
    """The known poses are in metres; without it the scene keeps their unit and says relative."""
    scale_from: ScaleFrom | str = "auto"
    """Metres from: "A,B,1.25" (photos A and B were taken 1.25 m apart), a poses file in metres, gps, none; auto: GPS if good."""

    fps: float | None = None
    """Video: frames per second to take, the sharpest of each window."""
    max_frames: int = 100
    """Video: take no more frames than this."""
    order: Literal["auto", "video", "unordered"] = "auto"
    """Whether the photos follow each other like frames of a video."""
    skip_bad: bool = False
    """Leave unreadable files out instead of stopping."""

    seed: int = 0
    """The same input, options and seed give the same bytes."""
    resume: bool = True
    """Go on where a killed run of the same input and options stopped."""
    keep: Keep = DEFAULT_KEEP
    """How much depth the cloud and the exports use: what is trusted, most, or all. The scene keeps all, with its weights."""
    images: Literal["copy", "reference"] = "copy"
    """copy: upright photos are kept inside the scene. reference: the scene points at the originals."""

    def parsed(self) -> Self:
        """The same choices with each text in the value it stands for. `InputError` for a text that stands for none.

        Raises `OptionError` for a number out of its range, and for options that say nothing without another.
        """
        self._check_ranges()
        if self.features != "auto" and self.model not in ("auto", "colmap"):
            message = f'`features="{self.features}"` is for the model colmap, but `model="{self.model}"`: leave one of them out'
            raise OptionError(message, option="features")
        if self.poses is None and self.poses_in_metres:
            raise OptionError("`poses_in_metres=True` speaks of known poses, but there are none: add `poses`", option="poses")
        return replace(
            self,
            intrinsics=None if self.intrinsics is None else parse_intrinsics(self.intrinsics),
            scale_from=parse_scale_from(self.scale_from),
            weights=_path(self.weights),
            masks=_path(self.masks),
            poses=_path(self.poses),
        )

    def _check_ranges(self) -> None:
        least = {"long_side": SMALLEST_LONG_SIDE_PX, "max_frames": 1, "workers": 1, "seed": 0}
        for name, smallest in least.items():
            value: int | None = getattr(self, name)
            if value is not None and value < smallest:
                raise OptionError(f"`{name}={value}`: {smallest} or more is wanted", option=name)
        if self.fps is not None and not (isfinite(self.fps) and self.fps > 0):
            raise OptionError(f"`fps={self.fps:g}`: more than 0 is wanted", option="fps")


def parse_scale_from(wish: ScaleFrom | str) -> ScaleFrom:
    """What a text as the command line takes it says about the scale; a value stays as it is. `InputError` for other texts."""
    if not isinstance(wish, str):
        return wish
    if wish == "auto" or wish == "none":
        return wish
    if wish == "gps":
        return GpsScale()
    if not wish.strip():
        raise InputError(f'`scale_from="{wish}"`: {SCALE_FORMS}', option="scale_from")
    if "," not in wish or Path(wish).is_file():
        return PosesScale(path=Path(wish))
    try:
        view_a, view_b, metres = (part.strip() for part in wish.split(","))
        distance = float(metres)
    except ValueError:
        raise InputError(f'`scale_from="{wish}"`: wanted PHOTO_A,PHOTO_B,METRES', option="scale_from") from None
    return MeasuredDistance(view_a=view_a, view_b=view_b, metres=distance)


SCALE_FORMS = "wanted PHOTO_A,PHOTO_B,METRES, a poses file in metres, gps, none or auto"


def parse_intrinsics(wish: FocalAndCentre | Path | str) -> FocalAndCentre | Path:
    """The camera, or the path of a cameras file, that a text stands for; a value stays as it is. `InputError` for other texts."""
    if not isinstance(wish, str):
        return wish
    if wish.strip() and ("," not in wish or Path(wish).is_file()):
        return Path(wish)
    try:
        numbers = [float(part) for part in wish.split(",")]
    except ValueError:
        raise InputError(f'`intrinsics="{wish}"`: neither a file nor four numbers fx,fy,cx,cy', option="intrinsics") from None
    if len(numbers) != 4:
        message = f'`intrinsics="{wish}"`: {len(numbers)} numbers given, four are needed: fx,fy,cx,cy'
        raise InputError(message, option="intrinsics")
    fx, fy, cx, cy = numbers
    return FocalAndCentre(fx=fx, fy=fy, cx=cx, cy=cy)


def _path(path: Path | None) -> Path | None:
    """A path; scripts give texts too."""
    return None if path is None else Path(path)
