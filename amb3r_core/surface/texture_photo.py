"""The photo of a view with its camera and mask, one at a time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from amb3r_core.errors import InputError
from amb3r_core.export.image_files import grid_image_camera, photo_file
from amb3r_core.inputs.pixels import load_rgb
from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.reconstruction import Reconstruction, View


@dataclass(frozen=True, slots=True)
class Photo:
    """Pixels (H, W, 3) uint8 sRGB, the camera that took them, and which of them may be used (H, W), None for all."""

    rgb: UInt8
    camera: PinholeCamera
    mask: NDArray[np.bool_] | None = None

    def blurred(self, sigma: float) -> UInt8:
        """The photo without details smaller than `sigma` pixels."""
        return np.asarray(Image.fromarray(self.rgb).filter(ImageFilter.GaussianBlur(sigma)))

    def reduced(self, factor: int) -> "Photo":
        """The photo averaged over squares of `factor` pixels."""
        if factor <= 1:
            return self
        height, width = (side // factor * factor for side in self.rgb.shape[:2])
        small = np.asarray(Image.fromarray(self.rgb[:height, :width]).reduce(factor))
        camera = self.camera
        shape = PinholeCamera(width=width, height=height, fx=camera.fx, fy=camera.fy, cx=camera.cx, cy=camera.cy)
        mask = None if self.mask is None else self.mask[:height, :width].reshape(height // factor, factor, -1, factor).all((1, 3))
        return Photo(small, shape.resized(width // factor, height // factor), mask)


def photo_of(reconstruction: Reconstruction, index: int) -> Photo:
    """The straightened photo of a view; its dense colours where no file holds it.

    Raises `InputError` for a view that has neither, and for a file of another size than its camera.
    """
    view, dense = reconstruction.views[index], reconstruction.dense
    source = photo_file(view)
    if source is not None:
        rgb = load_rgb(source)
        camera = view.camera
        if rgb.shape[:2] != (camera.height, camera.width):
            size = f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise InputError(f"{source}: the photo is {size}, but the scene's camera {camera.width}x{camera.height}")
        return Photo(rgb, camera, _mask(view, camera))
    if dense is None:
        raise InputError(
            f"view {view.name!r} has no photo ({view.path}) and no dense colours: a texture needs one of them; "
            "put the photos back or take the scene that was written with --images copy"
        )
    camera = grid_image_camera(view)
    return Photo(np.ascontiguousarray(dense.rgb[index][view.letterbox.slices]), camera, _mask(view, camera))


def _mask(view: View, camera: PinholeCamera) -> NDArray[np.bool_] | None:
    if view.mask_path is None or not Path(view.mask_path).is_file():
        return None
    image = Image.fromarray(load_rgb(Path(view.mask_path)))
    return np.asarray(image.convert("L").resize((camera.width, camera.height), Image.Resampling.NEAREST)) > 0


def sampled(image: NDArray[Any], pixels: Float32) -> Float32:
    """Values (M, C) of an image (H, W, C) at pixels (M, 2), bilinear; the border is repeated."""
    height, width = image.shape[:2]
    x, y = np.clip(pixels[:, 0], 0, width - 1), np.clip(pixels[:, 1], 0, height - 1)
    left, top = np.minimum(x.astype(np.intp), max(width - 2, 0)), np.minimum(y.astype(np.intp), max(height - 2, 0))
    u, v = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    flat = image.reshape(height * width, -1)
    right, down = min(1, width - 1), min(1, height - 1) * width
    place = top * width + left
    upper = flat[place] * (1 - u) + flat[place + right] * u
    lower = flat[place + down] * (1 - u) + flat[place + down + right] * u
    return upper * (1 - v) + lower * v
