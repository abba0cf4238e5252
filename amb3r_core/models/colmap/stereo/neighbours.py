"""Which views to match each view with, and between which depths, from the sparse points."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourConfig:
    """How neighbours are scored."""

    count: int = 6
    """So many a view has at most."""
    best_angle_deg: float = 8.0
    """The angle between two rays to one point that serves matching best: enough parallax for precision and little enough for
    windows to look alike."""
    narrow_spread: float = 2.5
    """The factor below the best angle at which the score falls to 0.6."""
    wide_spread: float = 2.0
    """The factor above the best angle at which the score falls to 0.6."""
    min_score: float = 0.02
    """A view that scores less is no neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseScene:
    """Cameras and what was triangulated with them."""

    intrinsics: Tensor
    """(N, 3, 3) float64."""
    cam_to_world: Tensor
    """(N, 4, 4) float64."""
    size: tuple[int, int]
    """(h, w) of the images."""
    points: Tensor
    """(M, 3) float64."""
    observed: tuple[Tensor, ...]
    """For each view the indices of the points it sees."""


def project(points: Tensor, intrinsics: Tensor, cam_to_world: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (M, 2) and depths (M,) of world points (M, 3) in one view; pixels mean nothing where the depth is <= 0."""
    camera = (points - cam_to_world[:3, 3]) @ cam_to_world[:3, :3]
    depth = camera[:, 2]
    pixels = camera @ intrinsics.T
    return pixels[:, :2] / depth.clamp(min=1e-9)[:, None], depth


def points_in_frame(scene: SparseScene, view: int, points: Tensor) -> tuple[Tensor, Tensor]:
    """Which points (M, 3) fall into a view's frame, as bool (M,), and their depths (M,)."""
    pixels, depth = project(points, scene.intrinsics[view], scene.cam_to_world[view])
    height, width = scene.size
    inside = (pixels[:, 0] > -0.5) & (pixels[:, 0] < width - 0.5) & (pixels[:, 1] > -0.5) & (pixels[:, 1] < height - 0.5)
    return inside & (depth > 1e-9), depth


def angle_weight(angle_deg: Tensor, config: NeighbourConfig) -> Tensor:
    """1 at the best angle, falling as a Gaussian of the log-angle on both sides."""
    ratio = (angle_deg.clamp(min=1e-3) / config.best_angle_deg).log()
    spread = torch.where(ratio < 0, config.narrow_spread, config.wide_spread)
    return torch.exp(-0.5 * (ratio / torch.as_tensor(spread).log()) ** 2)


def viewing_angles_deg(points: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """The angles (...,) at points (..., 3) between the rays to two camera centres (..., 3) that broadcast with them."""
    chord = (_directions(first - points) - _directions(second - points)).square().sum(-1).sqrt()
    return torch.rad2deg(2 * torch.asin((chord / 2).clamp(max=1)))


def _directions(vectors: Tensor) -> Tensor:
    return vectors / vectors.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-12)


def probe_points(scene: SparseScene, view: int, inverse_range: tuple[float, float]) -> Tensor:
    """World points on a grid of the view's rays at three depths of its range (P, 3): what it may see."""
    height, width = scene.size
    rows, columns = torch.meshgrid(torch.linspace(0.1, 0.9, 5), torch.linspace(0.1, 0.9, 7), indexing="ij")
    pixels = torch.stack([columns.flatten() * width, rows.flatten() * height, torch.ones(35)], dim=1).to(scene.points)
    rays = pixels @ torch.inverse(scene.intrinsics[view]).T
    low, high = inverse_range
    depths = [1 / (low + share * (high - low)) for share in (0.25, 0.5, 0.75)]
    camera = torch.cat([rays * depth for depth in depths])
    pose = scene.cam_to_world[view]
    return camera @ pose[:3, :3].T + pose[:3, 3]


def select_neighbours(scene: SparseScene, inverse_ranges: list[tuple[float, float]], config: NeighbourConfig) -> list[list[int]]:
    """For each view its neighbours, best first: at most `count`, none when no other view looks at the same place.

    A pair's score adds, over the points seen by both and over probes on the view's rays that fall into the other's frame,
    the weight of the angle between the two rays and of the likeness of the two distances.
    """
    n_views, n_points = len(scene.observed), len(scene.points)
    seen = torch.zeros((n_views, n_points), dtype=torch.bool)
    for view, points in enumerate(scene.observed):
        seen[view, points] = True
    chosen: list[list[int]] = []
    for view in range(n_views):
        scores = _scores(scene, view, seen, probe_points(scene, view, inverse_ranges[view]), config)
        scores[view] = 0.0
        ranked = [int(other) for other in scores.argsort(descending=True, stable=True)[: config.count]]
        chosen.append([other for other in ranked if float(scores[other]) > config.min_score])
    return chosen


def _scores(scene: SparseScene, view: int, seen: Tensor, probes: Tensor, config: NeighbourConfig) -> Tensor:
    """How well each view (N,) would serve as a neighbour of one. seen (N, M): which view observes which point."""
    own = seen[view]
    shared = (_match_weights(scene, view, scene.points[own], config) * seen[:, own]).sum(-1) / max(int(own.sum()), 1)
    in_frame = torch.stack([points_in_frame(scene, other, probes)[0] for other in range(len(seen))])
    facing = (scene.cam_to_world[:, :3, 2] @ scene.cam_to_world[view, :3, 2]).clamp(min=0)
    return shared + facing * (_match_weights(scene, view, probes, config) * in_frame).mean(-1)


def _match_weights(scene: SparseScene, view: int, points: Tensor, config: NeighbourConfig) -> Tensor:
    """How well windows at points (M, 3) can be matched between one view and each (N, M), 0 to 1."""
    centres = scene.cam_to_world[:, None, :3, 3]
    distances = (points - centres).square().sum(-1).sqrt().clamp(min=1e-9)
    likeness = torch.minimum(distances / distances[view], distances[view] / distances)
    return angle_weight(viewing_angles_deg(points, centres, centres[view]), config) * likeness


def inverse_depth_range(scene: SparseScene, view: int) -> tuple[float, float]:
    """The least and greatest inverse depth to search in a view: robust limits of the sparse points in its frame, with margins.

    Without points it is what the cameras' own spread suggests.
    """
    inside, depth = points_in_frame(scene, view, scene.points) if len(scene.points) else (None, None)
    inverse = 1 / depth[inside] if inside is not None and depth is not None else scene.points.new_zeros(0)
    if len(inverse) < 4:
        return _range_from_cameras(scene, view)
    low, high = (float(torch.quantile(inverse, share)) for share in (0.02, 0.98))
    return 0.6 * low, 1.5 * high


def _range_from_cameras(scene: SparseScene, view: int) -> tuple[float, float]:
    centres = scene.cam_to_world[:, :3, 3]
    baselines = (centres - centres[view]).square().sum(-1).sqrt()
    apart = baselines[baselines > 0]
    baseline = float(apart.median()) if len(apart) else 1.0
    return 1 / (100 * baseline), 1 / (1.5 * baseline)
