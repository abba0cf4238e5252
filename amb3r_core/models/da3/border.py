"""From what the networks say to what the project means: our pixels, one exact world frame, padding and sky left out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.models.api import ImageBatch, Prediction
from amb3r_core.models.blocks.border import PIXEL_CENTER_OFFSET, grid_intrinsics, why_unregistered, world_of_first
from amb3r_core.models.blocks.pose_encoding import homogeneous, intrinsics, transform
from amb3r_core.models.da3.known import KnownCameras

UNKNOWN_CONFIDENCE = 2.0
"""What every pixel gets from a network that gives no confidence: half the weight there is."""
ASSUMED_FOCAL_RATIO = 0.8
"""Focal length per longer side of a photo that says nothing about it: a field of view of 64 degrees, as phones have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cameras:
    """Cameras of N views as a network gives them: cam_to_world (N, 4, 4) and intrinsics (N, 3, 3), float64 on the CPU.

    The corner of the image is (0, 0) in the intrinsics. reasons: why a view has no camera, "" for the others.
    """

    cam_to_world: Tensor
    intrinsics: Tensor
    reasons: tuple[str, ...]

    @property
    def registered(self) -> Tensor:
        """(N,) bool."""
        return torch.tensor([not reason for reason in self.reasons])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a network says of one scene, in its own unit and conventions.

    depth (N, H, W); confidence (N, H, W) or none; sky (N, H, W) bool or none. metric_scale: metres per unit, none if not known.
    known: cameras of the user, whose world and unit the prediction will have.
    """

    depth: Tensor
    cameras: Cameras
    confidence: Tensor | None = None
    sky: Tensor | None = None
    metric_scale: float | None = None
    known: KnownCameras | None = None
    notes: tuple[str, ...] = ()


def decoded_cameras(poses: Tensor, size: tuple[int, int]) -> Cameras:
    """The cameras of pose encodings (N, 9), camera to world, of images of (height, width)."""
    poses = poses.double().cpu()
    reasons = tuple(why_unregistered(pose) for pose in poses)
    return Cameras(cam_to_world=homogeneous(transform(poses)), intrinsics=intrinsics(poses, *size), reasons=reasons)


def to_prediction(batch: ImageBatch, answer: Answer) -> Prediction:
    """The prediction of an answer; everything on the CPU.

    Padding, masked pixels, sky and what is not a finite positive depth become depth 0 with confidence 1. The world is the first
    registered view's camera, or with known cameras that of the user, whose poses come back as they were given.
    """
    cameras, known, depth = answer.cameras, answer.known, answer.depth.float().cpu()
    usable = batch.valid.cpu() & depth.isfinite() & (depth > 0) & cameras.registered[:, None, None]
    if answer.sky is not None:
        usable &= ~answer.sky.cpu()
    told = torch.full_like(depth, UNKNOWN_CONFIDENCE) if answer.confidence is None else answer.confidence.float().cpu()
    factor = _factor(answer)
    return Prediction(
        depth=torch.where(usable, depth * factor, 0.0),
        confidence=torch.where(usable, told.clamp(min=1.0), 1.0),
        cam_to_world=known.cam_to_world if known else world_of_first(cameras.cam_to_world, cameras.registered, factor),
        intrinsics=grid_intrinsics(cameras.intrinsics, batch, cameras.registered),
        registered=cameras.registered,
        metric_scale=None if known else answer.metric_scale,
        reasons=cameras.reasons,
        notes=answer.notes,
    )


def _factor(answer: Answer) -> float:
    """The prediction's unit per network unit."""
    if answer.known is not None:
        return answer.known.units_per(answer.cameras.cam_to_world[:, :3, 3]) or 1.0
    return answer.metric_scale or 1.0


def known_cameras(batch: ImageBatch, estimated: Cameras | None) -> KnownCameras | None:
    """The cameras of a batch all of whose poses are known; intrinsics that are not known are those estimated.

    None where a pose is not known, or an intrinsic one and there is no estimate.
    """
    poses = [frame.cam_to_world for frame in batch.frames]
    matrices: list[Tensor] = []
    for index in range(batch.n_views):
        camera = batch.known_grid_camera(index)
        if camera is not None:
            matrices.append(torch.as_tensor(camera.K))
        elif estimated is not None:
            matrices.append(estimated.intrinsics[index])
    placed = [torch.as_tensor(pose) for pose in poses if pose is not None]
    if len(placed) < batch.n_views or len(matrices) < batch.n_views:
        return None
    return KnownCameras(cam_to_world=torch.stack(placed), intrinsics=torch.stack(matrices), size=batch.grid)


def assumed_camera(batch: ImageBatch) -> tuple[Cameras, bool]:
    """The camera of a batch of one view: known, or of its photo's own focal length, or assumed; and whether it is not assumed."""
    camera, frame, letterbox = batch.known_grid_camera(0), batch.frames[0], batch.letterboxes[0]
    if camera is not None:
        matrix = torch.as_tensor(camera.K)
        matrix[:2, 2] += PIXEL_CENTER_OFFSET
    else:
        focal = frame.facts.focal_px or ASSUMED_FOCAL_RATIO * max(frame.width, frame.height)
        fx, fy = focal * letterbox.width / frame.width, focal * letterbox.height / frame.height
        cx, cy = letterbox.x + letterbox.width / 2, letterbox.y + letterbox.height / 2
        matrix = torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float64)
    cameras = Cameras(cam_to_world=torch.eye(4, dtype=torch.float64)[None], intrinsics=matrix[None], reasons=("",))
    return cameras, camera is not None or frame.facts.focal_px is not None
