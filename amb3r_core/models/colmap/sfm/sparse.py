"""What structure from motion gives back: cameras, poses, points with their tracks, and how they were chosen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.camera import Camera

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What one view sees of the points."""

    point_index: NDArray[np.int64]
    """(K,) into the model's points."""
    pixels: Float64
    """(K, 2): x and y in the original photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseView:
    """One photo in the model."""

    name: str
    camera: Camera
    """Of the original photo; its lens is straight where the pinhole explains the photo."""
    cam_to_world: Float64 | None
    """(4, 4), None where the photo could not be placed."""
    reason: str
    """Why the photo could not be placed, else empty."""
    observations: Observations
    pose_trust: float = 0.0
    """The probability that its pose is right (`judge.Judgement`); 0 where it has none."""

    @property
    def is_registered(self) -> bool:
        return self.cam_to_world is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptScore:
    """One attempt's standing."""

    name: str
    n_registered: int = 0
    n_points: int = 0
    n_observations: int = 0
    mean_error_px: float = 0.0
    """Of reprojection, at the working size."""
    focal_ratio: float = 0.0
    """Median focal length over the longer side of the cameras that were not known; 0 when all were."""
    support: float = 0.0
    """How many constraints it explains (`mapping.support`), times how likely its lenses are."""
    found_lens: bool = False
    """Whether the photos had a say in its lenses; else they stayed as the attempt began."""
    focal_share: float = 0.0
    """Error of the least certain of those focal lengths, as a share of it (one standard deviation)."""
    lens_likelihood: float = 1.0
    """How likely the lenses of the placed photos are, on average (`lens_prior.lens_likelihood`)."""
    expected_error_deg: float = 0.0
    """Error of relative poses that the measurements allow, at the photo where it is largest (one standard deviation)."""
    weakest_link: int = 0
    """Points that hold the most loosely held photo or group of photos to the rest (`evidence.strongest_links`)."""
    problem: str = ""
    """Why it gave no model, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseModel:
    """The chosen model."""

    views: tuple[SparseView, ...]
    """One per photo, in the photos' order."""
    points: Float64
    """(M, 3) in the world of the poses, whose scale is arbitrary unless poses were given."""
    track_lengths: NDArray[np.int64]
    """(M,): how many views see each point."""
    mean_error_px: float
    """Of reprojection, at the working size."""
    chosen: str
    """The attempt that won."""
    attempts: tuple[AttemptScore, ...]
    """All of them."""
    notes: tuple[str, ...] = ()
    """What its owner should know of lenses and poses."""
    scene_trust: float = 0.0
    """The probability that all poses are right (`judge.Judgement`)."""
    features: str = "sift"
    """Which features the model stands on; those of several kinds are joined by "+"."""

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3 or self.track_lengths.shape != (len(self.points),):
            raise ValueError(f"points {self.points.shape} and track lengths {self.track_lengths.shape} do not belong together")

    @property
    def n_registered(self) -> int:
        return sum(view.is_registered for view in self.views)
