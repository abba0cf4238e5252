"""How a lens bends straight lines: COLMAP's camera models without their focal lengths and principal points."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeGuard

import numpy as np

from amb3r_core.scene.arrays import Float64

LensModel = Literal["SIMPLE_RADIAL"]
N_COEFFICIENTS: Mapping[str, int] = {"SIMPLE_RADIAL": 1}
"""How many coefficients each model has; a model that is not here is refused."""


def is_lens_model(name: str) -> TypeGuard[LensModel]:
    """Whether this is the name of a model that `Lens` knows."""
    return name in N_COEFFICIENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Where a lens puts a ray: from the coordinates (x / z, y / z) a pinhole sees to those the photo shows."""

    model: LensModel = "SIMPLE_RADIAL"
    """COLMAP's name. SIMPLE_RADIAL: ``x_photo = x (1 + k1 (x^2 + y^2))``, and y alike."""
    coefficients: tuple[float, ...] = (0.0,)
    """The model's coefficients in COLMAP's order; all 0: the lens is straight."""

    def __post_init__(self) -> None:
        if not is_lens_model(self.model):
            raise ValueError(f"lens model {self.model!r} is not known; wanted {' or '.join(N_COEFFICIENTS)}")
        wanted = N_COEFFICIENTS[self.model]
        if len(self.coefficients) != wanted or not all(np.isfinite(self.coefficients)):
            raise ValueError(f"a {self.model} lens needs {wanted} finite coefficient(s), not {self.coefficients}")

    @property
    def is_straight(self) -> bool:
        """Whether the photo is what a pinhole sees."""
        return not any(self.coefficients)

    def distort(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Where the photo shows what a pinhole sees at normalised coordinates x, y (broadcast against one another)."""
        (k1,) = self.coefficients
        bend = 1.0 + k1 * (x**2 + y**2)
        return x * bend, y * bend

    def undistort(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Undoes `distort`; NaN where no ray of the lens arrives, beyond the fold of a barrel.

        The root of ``r + k1 r^3 = r_photo``, in Viete's trigonometric form.
        """
        (k1,) = self.coefficients
        if k1 == 0.0:
            return x, y
        scale = np.sqrt(3.0 * abs(k1))
        place = 1.5 * scale * np.hypot(x, y)
        barrel, pincushion = np.arcsin(np.where(place <= 1.0, place, np.nan)), np.arcsinh(place)
        radius = 2.0 / scale * (np.sin(barrel / 3.0) if k1 < 0.0 else np.sinh(pincushion / 3.0))
        bend = 1.0 + k1 * radius**2
        return x / bend, y / bend

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
