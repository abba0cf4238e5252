"""What one z-depth map tells by itself: where it jumps, which way its surface faces, how large its pixels are.

All of it works on inverse depth, because on a plane inverse depth is affine in the pixel: a floor seen at a low angle is no
jump, however fast its depth changes. With n . X = 1 the plane and (x, y, 1) the ray, ``1/z = n_x x + n_y y + n_z``.
"""

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import Float32, Floats
from amb3r_core.scene.camera import PinholeCamera

Mask = NDArray[np.bool_]


def inverse_depth(depth: Floats) -> Float32:
    """1 / depth (H, W) float32; NaN where depth is unknown."""
    known = depth > 0
    inverse = np.full(depth.shape, np.nan, dtype=np.float32)
    np.divide(1.0, depth, out=inverse, where=known, casting="same_kind")
    return inverse


def depth_edges(depth: Floats, max_jump: float) -> Mask:
    """True (H, W) at pixels on either side of a depth jump.

    Two neighbours jump when their depths differ by more than `max_jump` of the farther one and the plane through the pixels
    either side does not explain it. Unknown pixels are no edge and explain nothing.
    """
    inverse = inverse_depth(depth)
    edges = np.zeros(depth.shape, dtype=np.bool_)
    for image, mask in ((inverse, edges), (inverse.T, edges.T)):
        jumps = _jumps_to_the_right(image, max_jump)
        mask[:, :-1] |= jumps
        mask[:, 1:] |= jumps
    return edges


def _jumps_to_the_right(inverse: Float32, max_jump: float) -> Mask:
    """True (H, W - 1) where the pixel and its right neighbour belong to different surfaces."""
    left, right = inverse[:, :-1], inverse[:, 1:]
    limit = np.float32(max_jump) * np.maximum(left, right)
    step = right - left
    jumps = np.abs(step) > limit
    row, column = np.nonzero(jumps)  # few, so that only these are looked at closely
    last = step.shape[1] - 1
    here, most = step[row, column], limit[row, column]
    from_left = np.where(column > 0, np.abs(here - step[row, column - 1]), np.float32(np.nan))
    from_right = np.where(column < last, np.abs(step[row, np.minimum(column + 1, last)] - here), np.float32(np.nan))
    is_unexplained = (from_left > most) | (from_right > most) | (np.isnan(from_left) & np.isnan(from_right))
    jumps[row, column] = is_unexplained
    return jumps


def normals_camera(camera: PinholeCamera, depth: Floats) -> Float32:
    """Unit surface normals (H, W, 3) in the camera frame, facing the camera; NaN where depth is unknown or isolated."""
    normals = -np.stack(_planes(camera, depth)[1], axis=-1)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def _planes(camera: PinholeCamera, depth: Floats) -> tuple[Float32, tuple[Float32, Float32, Float32]]:
    """Inverse depth (H, W), and the plane through each pixel: n with n . X = 1, as three maps (H, W)."""
    inverse = inverse_depth(depth)
    along_x = _slope(inverse) * np.float32(camera.fx)
    along_y = _slope(inverse.T).T * np.float32(camera.fy)
    x, y = _rays(camera)
    return inverse, (along_x, along_y, inverse - x * along_x - y * along_y)


def _rays(camera: PinholeCamera) -> tuple[Float32, Float32]:
    """x (W,) and y (H, 1) of the rays (x, y, 1) through the pixels."""
    x = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)
    return x, ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)[:, None]


def _slope(image: Float32) -> Float32:
    """Change per pixel to the right (H, W): central where both neighbours are known, else one-sided, else NaN."""
    forward = np.full_like(image, np.nan)
    forward[:, :-1] = np.diff(image, axis=1)
    backward = np.full_like(image, np.nan)
    backward[:, 1:] = forward[:, :-1]
    central = (forward + backward) * np.float32(0.5)
    return np.where(np.isnan(forward), backward, np.where(np.isnan(backward), forward, central))


def grazing_pixels(camera: PinholeCamera, depth: Floats, max_angle_deg: float) -> Mask:
    """True (H, W) where the surface is seen at more than `max_angle_deg` from its normal."""
    inverse, (n_x, n_y, n_z) = _planes(camera, depth)
    x, y = _rays(camera)
    # The cosine between ray and normal is n . (x, y, 1) / |n| / |(x, y, 1)|, and n . (x, y, 1) is the inverse depth.
    least = np.float32(np.cos(np.deg2rad(max_angle_deg)) ** 2) * (x * x + y * y + 1)
    return inverse * inverse < least * (n_x * n_x + n_y * n_y + n_z * n_z)


def pixel_footprint(camera: PinholeCamera, depth: Floats) -> Float32:
    """Side of the patch a pixel covers on a surface that faces the camera, in the depth's unit; same shape as `depth`."""
    return (depth / np.sqrt(camera.fx * camera.fy)).astype(np.float32)
