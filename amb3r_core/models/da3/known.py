"""Known cameras on their way into the network, and the unit they bring out of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.models.blocks.pose_encoding import encode, fields_of_view

SMALLEST_UNIT = 0.1
"""Poses nearer together than this are not spread out, as published: views from one place are not taken for views from many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCameras:
    """Cameras of all N views of a scene: cam_to_world (N, 4, 4) in the user's world, intrinsics (N, 3, 3); both float64."""

    cam_to_world: Tensor
    intrinsics: Tensor
    size: tuple[int, int]
    """(height, width) of the images, in the pixels of the intrinsics."""

    def encoded(self) -> Tensor:
        """Pose encodings (1, N, 9) float32 as the camera encoder was trained on.

        The world is the first view's frame, and the unit the median distance of a view from the first, of an even number of views
        the lower of the middle two. Of the intrinsics the network sees the fields of view alone.
        """
        relative = torch.inverse(self.cam_to_world[0]) @ self.cam_to_world
        unit = relative[:, :3, 3].square().sum(-1).sqrt().median().clamp(min=SMALLEST_UNIT)
        relative[:, :3, 3] /= unit
        return encode(relative, fields_of_view(self.intrinsics, *self.size)).float()[None]

    def units_per(self, centers: Tensor) -> float | None:
        """The user's unit per network unit, from the network's own camera centres (N, 3); None when all stand in one place.

        The median, over all pairs of views, of how far apart they are known to be over how far apart the network saw them. The
        published package fits a similarity instead, which two views, or views on a line, do not fix.
        """
        known, seen = torch.pdist(self.cam_to_world[:, :3, 3]), torch.pdist(centers.double())
        apart = (known > 0) & (seen > 0) & seen.isfinite()
        return float((known[apart] / seen[apart]).median()) if bool(apart.any()) else None
