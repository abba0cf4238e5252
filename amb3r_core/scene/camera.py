"""Cameras: the pinhole, the camera of a photo whose lens bends lines, and where an image lies in a dense grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Float64, Floats
from amb3r_core.scene.lens import STRAIGHT, Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeCamera:
    """A camera without distortion, in pixels; pixel (0, 0) is the centre of the top-left pixel."""

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

    @classmethod
    def from_matrix(cls, K: Float64, width: int, height: int) -> "PinholeCamera":
        """The camera of a (height, width) image with the intrinsic matrix K (3, 3)."""
        fx, fy, cx, cy = float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])
        return cls(width=width, height=height, fx=fx, fy=fy, cx=cx, cy=cy)

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

    def unproject_pixels(self, pixel: NDArray[np.intp], z: Float32) -> Float32:
        """Camera-frame points (M, 3) float32 of pixels (M,), counted row by row, and their z-depths (M,)."""
        row, column = np.divmod(pixel, self.width)
        x = ((np.arange(self.width) - self.cx) / self.fx).astype(np.float32)
        y = ((np.arange(self.height) - self.cy) / self.fy).astype(np.float32)
        return np.stack([z * x.take(column), z * y.take(row), z], axis=-1)

    def mapped(self, letterbox: "Letterbox", width: int, height: int) -> "PinholeCamera":
        """The camera of a (height, width) grid into which this camera's whole image was resized at `letterbox`."""
        step_x, step_y = self.width / letterbox.width, self.height / letterbox.height
        return PinholeCamera(
            width=width,
            height=height,
            fx=self.fx / step_x,
            fy=self.fy / step_y,
            cx=(self.cx + 0.5) / step_x + letterbox.x - 0.5,
            cy=(self.cy + 0.5) / step_y + letterbox.y - 0.5,
        )

    def resized(self, width: int, height: int) -> "PinholeCamera":
        """The camera of this camera's image, resized to (height, width); to its own size it stays exactly as it is."""
        if (width, height) == (self.width, self.height):
            return self
        return self.mapped(Letterbox(x=0, y=0, width=width, height=height), width, height)

    def unmapped(self, letterbox: "Letterbox", width: int, height: int) -> "PinholeCamera":
        """The camera of the original (height, width) image, given this camera of the grid; undoes `mapped`."""
        step_x, step_y = width / letterbox.width, height / letterbox.height
        return PinholeCamera(
            width=width,
            height=height,
            fx=self.fx * step_x,
            fy=self.fy * step_y,
            cx=(self.cx + 0.5 - letterbox.x) * step_x - 0.5,
            cy=(self.cy + 0.5 - letterbox.y) * step_y - 0.5,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """The camera of an original photo."""

    pinhole: PinholeCamera
    """Of the photo once it is straightened, which leaves its size as it is."""
    lens: Lens = STRAIGHT
    """What bends the photo."""

    def distort(self, pixels: Float64) -> Float64:
        """Pixels (..., 2) of the photo, for pixels (..., 2) of the straightened photo."""
        x, y = self._normalised(pixels)
        return self._pixels(*self.lens.distort(x, y))

    def undistort(self, pixels: Float64) -> Float64:
        """Pixels (..., 2) of the straightened photo, for pixels (..., 2) of the photo; NaN where the lens shows nothing."""
        x, y = self._normalised(pixels)
        return self._pixels(*self.lens.undistort(x, y))

    def project(self, points_cam: Float64) -> Float64:
        """Pixels (..., 2) of the photo at which it shows camera-frame points (..., 3)."""
        return self.distort(self.pinhole.project(points_cam))

    def mapped(self, letterbox: "Letterbox", width: int, height: int) -> "Camera":
        """The camera of a (height, width) grid into which the photo was resized at `letterbox`; its lens is the same."""
        return Camera(pinhole=self.pinhole.mapped(letterbox, width, height), lens=self.lens)

    def _normalised(self, pixels: Float64) -> tuple[Float64, Float64]:
        pinhole = self.pinhole
        return (pixels[..., 0] - pinhole.cx) / pinhole.fx, (pixels[..., 1] - pinhole.cy) / pinhole.fy

    def _pixels(self, x: Float64, y: Float64) -> Float64:
        pinhole = self.pinhole
        return np.stack([pinhole.fx * x + pinhole.cx, pinhole.fy * y + pinhole.cy], axis=-1)


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
