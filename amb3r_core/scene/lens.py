"""How a lens bends straight lines: COLMAP's camera models without their focal lengths and principal points."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeGuard

import numpy as np

from amb3r_core.scene.arrays import Float64

LensModel = Literal[
    "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "OPENCV_FISHEYE"
]
N_COEFFICIENTS: Mapping[str, int] = {
    "SIMPLE_RADIAL": 1,
    "RADIAL": 2,
    "OPENCV": 4,
    "FULL_OPENCV": 8,
    "SIMPLE_RADIAL_FISHEYE": 1,
    "RADIAL_FISHEYE": 2,
    "OPENCV_FISHEYE": 4,
}
"""How many coefficients each model has; a model that is not here is refused."""
NEWTON_STEPS = 30
NEWTON_TOLERANCE = 1e-12
"""In normalised coordinates: a thousandth of a millionth of a pixel."""
CONVERGED = 1e-8
DIFFERENCE = 1e-6
"""Step of the numeric derivative, in normalised coordinates."""


def is_lens_model(name: str) -> TypeGuard[LensModel]:
    """Whether this is the name of a model that `Lens` knows."""
    return name in N_COEFFICIENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Where a lens puts a ray: from the coordinates (x / z, y / z) a pinhole sees to those the photo shows."""

    model: LensModel = "SIMPLE_RADIAL"
    """COLMAP's name. SIMPLE_RADIAL: ``x_photo = x (1 + k1 r^2)`` with ``r^2 = x^2 + y^2``, and y alike. OPENCV adds k2 and the
    tangential p1, p2; FULL_OPENCV divides by a second polynomial. The fisheye models bend the angle to the axis instead:
    ``theta (1 + k1 theta^2 + k2 theta^4 + ...)`` takes the place of ``tan theta``."""
    coefficients: tuple[float, ...] = (0.0,)
    """The model's coefficients in COLMAP's order; all 0: the lens is straight, unless it is a fisheye."""

    def __post_init__(self) -> None:
        if not is_lens_model(self.model):
            raise ValueError(f"lens model {self.model!r} is not known; wanted {', '.join(N_COEFFICIENTS)}")
        wanted = N_COEFFICIENTS[self.model]
        if len(self.coefficients) != wanted or not all(np.isfinite(self.coefficients)):
            raise ValueError(f"a {self.model} lens needs {wanted} finite coefficient(s), not {self.coefficients}")

    @property
    def is_fisheye(self) -> bool:
        """Whether the photo shows angles to the axis rather than their tangents."""
        return self.model.endswith("FISHEYE")

    @property
    def is_straight(self) -> bool:
        """Whether the photo is what a pinhole sees."""
        return not self.is_fisheye and not any(self.coefficients)

    def distort(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Where the photo shows what a pinhole sees at normalised coordinates x, y (broadcast against one another)."""
        if self.is_fisheye:
            return self._distort_fisheye(x, y)
        square = x * x + y * y
        bend = 1.0 + _polynomial(square, self._radial)
        if self.model == "FULL_OPENCV":
            bend = bend / (1.0 + _polynomial(square, self.coefficients[5:]))
        if not any(self._tangential):
            return x * bend, y * bend
        p1, p2 = self._tangential
        shift_x = 2.0 * p1 * x * y + p2 * (square + 2.0 * x**2)
        shift_y = p1 * (square + 2.0 * y**2) + 2.0 * p2 * x * y
        return x * bend + shift_x, y * bend + shift_y

    def undistort(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Undoes `distort`; NaN where no ray of the lens arrives, beyond the fold of a barrel.

        For SIMPLE_RADIAL the root of ``r + k1 r^3 = r_photo``, in Viete's trigonometric form; else by Newton's method.
        """
        if self.model != "SIMPLE_RADIAL":
            return self._undistort_by_newton(x, y)
        (k1,) = self.coefficients
        if k1 == 0.0:
            return x, y
        scale = np.sqrt(3.0 * abs(k1))
        place = 1.5 * scale * np.hypot(x, y)
        barrel, pincushion = np.arcsin(np.where(place <= 1.0, place, np.nan)), np.arcsinh(place)
        radius = 2.0 / scale * (np.sin(barrel / 3.0) if k1 < 0.0 else np.sinh(pincushion / 3.0))
        bend = 1.0 + k1 * radius**2
        return x / bend, y / bend

    @property
    def _radial(self) -> tuple[float, ...]:
        if self.model == "FULL_OPENCV":
            return (*self.coefficients[:2], self.coefficients[4])
        return self.coefficients[:2] if self.model == "OPENCV" else self.coefficients

    @property
    def _tangential(self) -> tuple[float, ...]:
        return self.coefficients[2:4] if self.model in ("OPENCV", "FULL_OPENCV") else (0.0, 0.0)

    def _distort_fisheye(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        radius = np.hypot(x, y)
        angle = np.arctan(radius)
        bent = angle * (1.0 + _polynomial(np.asarray(angle**2, dtype=np.float64), self.coefficients))
        share = np.divide(bent, radius, out=np.ones_like(bent), where=radius > 0.0)
        return x * share, y * share

    def _undistort_by_newton(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        wanted_x, wanted_y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        u, v = wanted_x.copy(), wanted_y.copy()
        for _ in range(NEWTON_STEPS):
            at_x, at_y = self.distort(u, v)
            off_x, off_y = at_x - wanted_x, at_y - wanted_y
            if not np.nanmax(np.abs([off_x, off_y]), initial=0.0) > NEWTON_TOLERANCE:
                break
            du_x, du_y = self.distort(u + DIFFERENCE, v)
            dv_x, dv_y = self.distort(u, v + DIFFERENCE)
            a, c = (du_x - at_x) / DIFFERENCE, (du_y - at_y) / DIFFERENCE
            b, d = (dv_x - at_x) / DIFFERENCE, (dv_y - at_y) / DIFFERENCE
            determinant = a * d - b * c
            determinant = np.where(determinant > 0.0, determinant, np.nan)
            u, v = u - (d * off_x - b * off_y) / determinant, v - (a * off_y - c * off_x) / determinant
        at_x, at_y = self.distort(u, v)
        lost = ~(np.hypot(at_x - wanted_x, at_y - wanted_y) < CONVERGED)
        return np.where(lost, np.nan, u), np.where(lost, np.nan, v)

    def blended(self, other: "Lens", share: float) -> "Lens":
        """This lens moved `share` of the way to another of the same model; all the way for 1, whatever its model."""
        if share == 1.0:
            return other
        if other.model != self.model:
            raise ValueError(f"a {self.model} lens cannot be blended with a {other.model} lens")
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return Lens(model=self.model, coefficients=tuple(float((1.0 - share) * a + share * b) for a, b in pairs))


STRAIGHT = Lens()
"""The lens of a camera that is a pinhole."""


def simple_radial(k1: float) -> Lens:
    """COLMAP's SIMPLE_RADIAL lens."""
    return Lens(model="SIMPLE_RADIAL", coefficients=(k1,))


def _polynomial(square: Float64, coefficients: tuple[float, ...]) -> Float64:
    """``k1 s + k2 s^2 + ...`` by Horner's rule; 0 without coefficients."""
    total = np.zeros_like(square)
    for coefficient in reversed(coefficients):
        total = (total + coefficient) * square
    return total
