"""The seam between models and everything else: what a model is given, what it gives back, what it can do.

One scene, N views, no batch dimension. The first registered view is the world frame. A pipeline asks for a capability
(`RefinableModel`, `DescribesImages`), never for a class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from amb3r_core.compute.arrays import float64_array
from amb3r_core.inputs.images import Frame
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Camera, Letterbox, PinholeCamera
from amb3r_core.scene.lens import STRAIGHT, Lens
from amb3r_core.scene.reconstruction import WeightsInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """What images a model wants."""

    long_side_px: int
    """The longer side of the grid."""
    multiple_px: int = 1
    """Both sides of the grid are multiples of it."""
    min_views: int = 1
    """The fewest views one call takes."""
    max_views: int = 0
    """The most views one call takes; 0: no limit but memory."""


@dataclass(frozen=True, kw_only=True)
class ImageBatch:
    """Views ready for a model: one grid size, whole images letterboxed into it."""

    pixels: Tensor
    """(N, 3, H, W) float32 RGB in [0, 1]."""
    valid: Tensor
    """(N, H, W) bool: False on padding and masked pixels."""
    frames: tuple[Frame, ...]
    """The originals, decoded on demand, with their known cameras and poses where given."""
    letterboxes: tuple[Letterbox, ...]
    """Where each original lies in the grid."""
    is_ordered: bool = False
    """Whether the views are frames of one video or walk, in the order they were taken."""

    def __post_init__(self) -> None:
        n, _, height, width = self.pixels.shape
        if self.valid.shape != (n, height, width) or len(self.frames) != n or len(self.letterboxes) != n:
            raise ValueError(
                f"pixels {tuple(self.pixels.shape)}, valid {tuple(self.valid.shape)}, {len(self.frames)} frames and "
                f"{len(self.letterboxes)} letterboxes do not belong together"
            )

    @property
    def n_views(self) -> int:
        return self.pixels.shape[0]

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) of the grid."""
        return self.pixels.shape[2], self.pixels.shape[3]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(frame.name for frame in self.frames)

    def known_grid_camera(self, index: int) -> PinholeCamera | None:
        """The known camera of a view on the grid, or None."""
        camera = self.frames[index].camera
        height, width = self.grid
        return None if camera is None else camera.mapped(self.letterboxes[index], width, height)

    def select(self, indices: list[int]) -> "ImageBatch":
        """The batch of the chosen views, in the chosen order."""
        index = torch.tensor(indices, dtype=torch.long, device=self.pixels.device)
        return ImageBatch(
            pixels=self.pixels[index],
            valid=self.valid[index.to(self.valid.device)],
            frames=tuple(self.frames[i] for i in indices),
            letterboxes=tuple(self.letterboxes[i] for i in indices),
            is_ordered=self.is_ordered,
        )


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model saw: depth, confidence and cameras of N views on the grid, in one world frame and one unit."""

    depth: Tensor
    """(N, H, W) float32 along the optical axis of the straightened images, 0 = unknown."""
    confidence: Tensor
    """(N, H, W) float32 >= 1, 1 where unknown."""
    cam_to_world: Tensor
    """(N, 4, 4) float64."""
    intrinsics: Tensor
    """(N, 3, 3) float64 in grid pixels; (0, 0) is the centre of the top-left pixel."""
    registered: Tensor
    """(N,) bool."""
    metric_scale: float | None = None
    """The factor from the model's unit to metres, ALREADY applied to depth and translations; None: the unit is relative."""
    reasons: tuple[str, ...] = ()
    """Why a view is not registered, "" for the others."""
    lenses: tuple[Lens, ...] = ()
    """What bends each of the N original images; empty when all are straight."""
    notes: tuple[str, ...] = ()
    """What the user should know."""
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    """JSON values for the provenance."""
    weight_is_probability: bool = False
    """Whether the weight of a depth is the probability that it is right, see `Dense.weight_is_probability`."""
    pose_trust: tuple[float, ...] = ()
    """For each view the probability that its pose is right, 0 where it is not registered; empty: not judged."""
    scene_trust: float | None = None
    """The probability that the camera path as a whole is right; None: not judged."""

    def __post_init__(self) -> None:
        n, height, width = self.depth.shape
        wanted = {
            "confidence": (self.confidence.shape, (n, height, width)),
            "cam_to_world": (self.cam_to_world.shape, (n, 4, 4)),
            "intrinsics": (self.intrinsics.shape, (n, 3, 3)),
            "registered": (self.registered.shape, (n,)),
        }
        for name, (given, shape) in wanted.items():
            if tuple(given) != shape:
                raise ValueError(f"{name} is {tuple(given)} but depth is {(n, height, width)}: wanted {shape}")
        if self.reasons and len(self.reasons) != n:
            raise ValueError(f"{len(self.reasons)} reasons for {n} views")
        if self.lenses and len(self.lenses) != n:
            raise ValueError(f"{len(self.lenses)} lenses for {n} views")
        if self.pose_trust and len(self.pose_trust) != n:
            raise ValueError(f"{len(self.pose_trust)} pose trusts for {n} views")
        trusts = self.pose_trust if self.scene_trust is None else (*self.pose_trust, self.scene_trust)
        if not all(0.0 <= trust <= 1.0 for trust in trusts):
            raise ValueError(f"trust in poses is a probability, 0 to 1: {trusts}")

    @property
    def n_views(self) -> int:
        return self.depth.shape[0]

    def grid_camera(self, index: int) -> Camera:
        """The camera of a view as the grid shows it: its pinhole, and the lens that bends the image there."""
        height, width = self.depth.shape[1:]
        pinhole = PinholeCamera.from_matrix(float64_array(self.intrinsics[index]), width, height)
        return Camera(pinhole=pinhole, lens=self.lenses[index] if self.lenses else STRAIGHT)

    @cached_property
    def points_world(self) -> Tensor:
        """World points (N, H, W, 3) float32 of every pixel; NaN where depth is unknown."""
        points_cam = unproject(self.depth, self.intrinsics.to(self.depth.dtype))
        rotation = self.cam_to_world[:, :3, :3].to(points_cam.dtype)
        translation = self.cam_to_world[:, :3, 3].to(points_cam.dtype)
        return torch.einsum("nij,nhwj->nhwi", rotation, points_cam) + translation[:, None, None]


def unproject(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Camera-frame points (..., H, W, 3) of z-depth maps (..., H, W); intrinsics (..., 3, 3) in grid pixels.

    Pixel (0, 0) is the centre of the top-left pixel. Unknown depth (not positive) gives NaN.
    """
    height, width = depth.shape[-2:]
    z = torch.where(depth > 0, depth, torch.nan)
    columns = torch.arange(width, device=depth.device, dtype=depth.dtype)
    rows = torch.arange(height, device=depth.device, dtype=depth.dtype)
    x = (columns - intrinsics[..., 0, 2, None]) / intrinsics[..., 0, 0, None]
    y = (rows - intrinsics[..., 1, 2, None]) / intrinsics[..., 1, 1, None]
    return torch.stack([z * x[..., None, :], z * y[..., :, None], z], dim=-1)


@runtime_checkable
class ReconstructionModel(Protocol):
    """Anything that turns a batch of images into depth and cameras."""

    @property
    def name(self) -> str: ...

    @property
    def input_spec(self) -> InputSpec: ...

    @property
    def weights(self) -> WeightsInfo | None: ...

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        """Depth and cameras of the batch; the first registered view is the world frame."""
        ...


class Draft(Protocol):
    """A first prediction that can be refined; it carries whatever its model needs for that."""

    @property
    def prediction(self) -> Prediction: ...


@runtime_checkable
class RefinableModel(ReconstructionModel, Protocol):
    """A model with a fast front end and a slower back end: ``predict(batch) == refine(draft(batch))``."""

    def draft(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Draft: ...

    def refine(self, draft: Draft, *, monitor: Monitor = silent) -> Prediction: ...


@runtime_checkable
class DescribesImages(Protocol):
    """A model that can tell which images show the same place."""

    def describe(self, batch: ImageBatch) -> Tensor:
        """One descriptor (N, C) float32 per image; close in cosine when the images overlap."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedFrame:
    """What is known of one frame of a video."""

    camera: Camera
    """Of the original image, lens and all."""
    cam_to_world: Float64 | None
    """(4, 4), None where the frame is not placed."""
    is_keyframe: bool = False
    """Whether the frame can be given depth."""
    reason: str = ""
    """Why the frame is not placed, else empty."""
    pose_trust: float | None = None
    """The probability that the pose is right; None: not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedVideo:
    """The frames of a video that were looked at, in one world frame and one unit."""

    frames: tuple[FollowedFrame, ...]
    """In the order they came."""
    on_known_poses: bool = False
    """Whether world and unit are those of poses that came with the frames."""
    max_delay: int = 0
    """How many frames had come, at most, after one until it was placed."""
    notes: tuple[str, ...] = ()
    """What the user should know."""
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    """JSON values for the provenance."""
    scene_trust: float | None = None
    """The probability that the camera path as a whole is right; None: not judged."""


class Follower(Protocol):
    """Follows one video: takes its frames in order, and knows where they are a little later."""

    @property
    def n_taken(self) -> int:
        """Frames that were looked at."""
        ...

    def add(self, frame: Frame) -> None:
        """Takes the next frame; frames may be placed some at a time."""
        ...

    def snapshot(self) -> FollowedVideo:
        """The frames that were looked at so far, as they are now."""
        ...

    def finish(self) -> FollowedVideo:
        """All frames, settled: no pose changes any more. Raises `RegistrationError` when none could be placed."""
        ...

    def densify(self, frames: Sequence[int], batch: ImageBatch) -> Prediction:
        """Depth of these frames of the settled video, which have the batch's pixels and are seen together."""
        ...


@runtime_checkable
class FollowsVideo(ReconstructionModel, Protocol):
    """A model that places the frames of a video as they come, without depth, and gives keyframes depth at the end."""

    def follow(self, *, monitor: Monitor = silent) -> Follower: ...
