"""Real spherical harmonics as splats store them (degrees 1 to 3), and how their coefficients turn with the splat.

The basis and its signs are those of the 3D Gaussian Splatting files: degree 1 is (-y, z, -x) times a constant.
"""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

N_DIRECTIONS = 64
"""More than the 7 coefficients of degree 3 need, so that solving for them is well conditioned."""
REST_COUNTS = (0, 3, 8, 15)
"""Coefficients beyond the constant one, per degree."""


def basis(degree: int, directions: Float64) -> Float64:
    """The values (M, 2 * degree + 1) of one degree's harmonics in unit directions (M, 3)."""
    x, y, z = directions.T
    if degree == 1:
        return np.asarray(np.sqrt(3 / (4 * np.pi)) * np.stack([-y, z, -x], axis=-1), dtype=np.float64)
    xx, yy, zz = x * x, y * y, z * z
    if degree == 2:
        factors = np.sqrt(np.array([15, 15, 1.25, 15, 3.75]) / (4 * np.pi)) * [1, -1, 1, -1, 1]
        return np.asarray(factors * np.stack([x * y, y * z, 2 * zz - xx - yy, x * z, xx - yy], axis=-1), dtype=np.float64)
    if degree == 3:
        factors = np.sqrt(np.array([35 / 8, 105, 21 / 8, 7 / 4, 21 / 8, 105 / 4, 35 / 8]) / (4 * np.pi))
        values = [
            y * (3 * xx - yy),
            x * y * z,
            y * (4 * zz - xx - yy),
            z * (2 * zz - 3 * xx - 3 * yy),
            x * (4 * zz - xx - yy),
            z * (xx - yy),
            x * (xx - 3 * yy),
        ]
        return np.asarray(factors * [-1, 1, -1, 1, -1, 1, -1] * np.stack(values, axis=-1), dtype=np.float64)
    raise ValueError(f"degree must be 1, 2 or 3: {degree}")


def turning_matrix(degree: int, rotation: Float64) -> Float64:
    """The matrix (2d + 1, 2d + 1) that takes coefficients to those of the colour field turned by `rotation` (3, 3).

    A turned field shows in direction d what it showed in direction R^T d; each degree stays its own, so its matrix solves that
    for enough directions at once.
    """
    directions = sphere_points(N_DIRECTIONS)
    turned = np.linalg.lstsq(basis(degree, directions), basis(degree, directions @ rotation), rcond=None)[0]
    return np.asarray(turned, dtype=np.float64)


def turn_coefficients(rest: NDArray[np.float32], rotation: Float64) -> NDArray[np.float32]:
    """Coefficients (M, K, 3) beyond the constant one, K in `REST_COUNTS`, of the fields turned by `rotation` (3, 3)."""
    if rest.shape[1] not in REST_COUNTS:
        raise ValueError(f"there are {rest.shape[1]} coefficients per channel, wanted one of {REST_COUNTS}")
    turned = np.empty_like(rest)
    for degree in range(1, REST_COUNTS.index(rest.shape[1]) + 1):
        part = slice(degree * degree - 1, (degree + 1) ** 2 - 1)
        matrix = turning_matrix(degree, rotation).astype(np.float32)
        # numpy leaves dtypes open
        turned[:, part] = np.einsum("ij,mjc->mic", matrix, rest[:, part])  # pyright: ignore[reportUnknownMemberType]
    return turned


def sphere_points(count: int) -> Float64:
    """Unit directions (count, 3), evenly spread on a spiral."""
    step = np.arange(count) + 0.5
    z = 1 - 2 * step / count
    angle = np.pi * (1 + np.sqrt(5)) * step
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=-1)
