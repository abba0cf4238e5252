"""The photo of a view with its camera and mask, one at a time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from amb3r_core.compute.arrays import float32_array
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
            "put the photos back or take the scene that was written with `images='copy'`"
        )
    camera = grid_image_camera(view)
    return Photo(np.ascontiguousarray(dense.rgb[index][view.letterbox.slices]), camera, _mask(view, camera))


def _mask(view: View, camera: PinholeCamera) -> NDArray[np.bool_] | None:
    if view.mask_path is None or not Path(view.mask_path).is_file():
        return None
    image = Image.fromarray(load_rgb(Path(view.mask_path)))
    return np.asarray(image.convert("L").resize((camera.width, camera.height), Image.Resampling.NEAREST)) > 0


def sampled(image: NDArray[Any], pixels: Float32, outside: Literal["border", "zeros"] = "border") -> Float32:
    """Values (M, C) of an image (H, W, C) at pixels (M, 2), bilinear; outside the border is repeated, or there is nothing."""
    height, width = image.shape[:2]
    planes = torch.as_tensor(image.transpose(2, 0, 1).copy()).float()
    grid = (2.0 * torch.as_tensor(pixels) + 1.0) / torch.tensor([width, height]) - 1.0
    found = F.grid_sample(planes[None], grid[None, None], mode="bilinear", padding_mode=outside, align_corners=False)
    return float32_array(found[0, :, 0].T)
