"""From what the network says to what the project means: metres, our pixels, padding left out, one exact world frame."""

import torch
from torch import Tensor

from amb3r_core.models.amb3r.amb3r import Pass
from amb3r_core.models.amb3r.scale import scene_scale
from amb3r_core.models.api import ImageBatch, Prediction
from amb3r_core.models.blocks.border import grid_intrinsics, why_unregistered, world_of_first
from amb3r_core.models.blocks.pose_encoding import intrinsics, inverse, transform


def to_prediction(one: Pass, batch: ImageBatch) -> Prediction:
    """The prediction of one pass over a single scene; everything on the CPU.

    Depth and translations are multiplied once by the scene's metric scale, if there is one. Padding and masked pixels, and what
    is not a finite positive depth, become depth 0 with confidence 1. The world is the first registered view's camera, exactly.
    """
    if one.poses is None or one.depth is None:
        raise ValueError("a prediction needs a pass with cameras and depth")
    valid = batch.valid.to(one.depth.values.device)
    raw_depth = one.depth.values[0].float()
    known = valid & raw_depth.isfinite() & (raw_depth > 0)
    scale = None if one.median_depth_m is None else metric_scale(one.median_depth_m, one.depth.values, known[None])
    factor = 1.0 if scale is None else scale
    pose = one.poses[-1, 0].double().cpu()
    reasons = tuple(why_unregistered(view) for view in pose)
    registered = torch.tensor([not reason for reason in reasons])
    return Prediction(
        depth=torch.where(known, raw_depth * factor, 0.0).cpu(),
        confidence=torch.where(known, one.depth.confidence[0].float().clamp(min=1.0), 1.0).cpu(),
        cam_to_world=world_of_first(inverse(transform(pose)), registered, factor),
        intrinsics=grid_intrinsics(intrinsics(pose, *batch.grid), batch, registered),
        registered=registered,
        metric_scale=scale,
        reasons=reasons,
    )


def metric_scale(median_depth_m: Tensor, depth: Tensor, valid: Tensor) -> float | None:
    """Metres per network unit of one scene, or None when the network gives no usable number."""
    scale = float(scene_scale(median_depth_m, depth, valid)[0])
    return scale if 0.0 < scale < float("inf") else None
