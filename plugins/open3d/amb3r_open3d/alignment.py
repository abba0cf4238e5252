"""What bringing a scene into the world of a reference has found."""

from dataclasses import dataclass

from amb3r_core import Sim3


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """similarity: from the scene's old world to the reference. fitness: share of cameras or points that follow it. inlier_rmse:
    how far these are off, in the reference's unit. n_inliers of n_pairs."""

    similarity: Sim3
    fitness: float
    inlier_rmse: float
    n_inliers: int
    n_pairs: int
