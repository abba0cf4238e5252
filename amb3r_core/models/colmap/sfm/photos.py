"""What structure from motion is given: photos that are decoded when needed, and what is already known about them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.camera import PinholeCamera

DEFAULT_FOCAL_RATIO = 1.2
"""Focal length over the longer image side where nothing is known, as in COLMAP (a 45 degree lens)."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One upright photo.

    load: the pixels, uint8 RGB (height, width, 3). load_mask: bool (height, width), True where pixels may be used;
    None: everywhere.
    focal_prior_px: focal length from EXIF, in pixels of this photo. known_camera: exact intrinsics, never refined.
    known_cam_to_world (4, 4): exact pose, never refined. camera_group: photos with the same number share one camera.
    """

    name: str
    load: Callable[[], NDArray[np.uint8]] = field(repr=False)
    width: int
    height: int
    camera_group: int = 0
    load_mask: Callable[[], NDArray[np.bool_]] | None = field(default=None, repr=False)
    focal_prior_px: float | None = None
    known_camera: PinholeCamera | None = None
    known_cam_to_world: NDArray[np.float64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        camera = self.known_camera
        if camera is not None and (camera.width, camera.height) != (self.width, self.height):
            raise ValueError(f"{self.name} is {self.width}x{self.height} but its known camera is {camera.width}x{camera.height}")
        if self.known_cam_to_world is not None and self.known_cam_to_world.shape != (4, 4):
            raise ValueError(f"{self.name}: the known pose is {self.known_cam_to_world.shape}, not (4, 4)")

    @property
    def long_side_px(self) -> int:
        return max(self.width, self.height)
