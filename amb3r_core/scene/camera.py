"""A pinhole camera, and where its image lies in a dense grid."""

from dataclasses import dataclass

import numpy as np

from amb3r_core.scene.arrays import Float32, Float64, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeCamera:
    """A camera without distortion: width, height, fx, fy, cx, cy in pixels; (0, 0) is the centre of the top-left pixel."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a camera needs a positive size: {self.width}x{self.height}")
        values = (self.fx, self.fy, self.cx, self.cy)
        if not all(np.isfinite(values)) or self.fx <= 0 or self.fy <= 0:
            raise ValueError(f"a camera needs finite numbers and positive focal lengths: fx, fy, cx, cy = {values}")

    @property
    def K(self) -> Float64:
        """The intrinsic matrix (3, 3): ``z (u, v, 1)^T = K x_cam``."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points_cam: Float64) -> Float64:
        """Pixels (..., 2) of camera-frame points (..., 3)."""
        z = points_cam[..., 2]
        u = self.fx * points_cam[..., 0] / z + self.cx
        v = self.fy * points_cam[..., 1] / z + self.cy
        return np.stack([u, v], axis=-1)

    def unproject(self, depth: Floats) -> Float32:
        """Camera-frame points (H, W, 3) float32 of a z-depth map (H, W) of this camera's size; unknown depth gives NaN."""
        if depth.shape != (self.height, self.width):
            raise ValueError(f"depth is {depth.shape} but the camera is (H, W) = ({self.height}, {self.width})")
        z = np.where(depth > 0, depth, np.nan).astype(np.float32)
        x = ((np.arange(self.width) - self.cx) / self.fx).astype(np.float32)
        y = ((np.arange(self.height) - self.cy) / self.fy).astype(np.float32)
        return np.stack([z * x[None, :], z * y[:, None], z], axis=-1)

    def mapped(self, letterbox: "Letterbox", width: int, height: int) -> "PinholeCamera":
        """The camera of a (height, width) grid into which this camera's whole image was resized at `letterbox`."""
        scale_x, scale_y = letterbox.width / self.width, letterbox.height / self.height
        return PinholeCamera(
            width=width,
            height=height,
            fx=self.fx * scale_x,
            fy=self.fy * scale_y,
            cx=(self.cx + 0.5) * scale_x + letterbox.x - 0.5,
            cy=(self.cy + 0.5) * scale_y + letterbox.y - 0.5,
        )

    def unmapped(self, letterbox: "Letterbox", width: int, height: int) -> "PinholeCamera":
        """The camera of the original (height, width) image, given this camera of the grid; undoes `mapped`."""
        scale_x, scale_y = width / letterbox.width, height / letterbox.height
        return PinholeCamera(
            width=width,
            height=height,
            fx=self.fx * scale_x,
            fy=self.fy * scale_y,
            cx=(self.cx + 0.5 - letterbox.x) * scale_x - 0.5,
            cy=(self.cy + 0.5 - letterbox.y) * scale_y - 0.5,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """Where the whole original image lies inside a dense grid, in whole grid pixels; the rest of the grid is padding."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"a letterbox needs a positive size at a non-negative place: {self}")

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices that cut the image out of the grid."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)
