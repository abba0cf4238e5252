"""Dense depth and confidence from images with known cameras, without learned weights.

Each view is swept with planes over its best neighbours at half size (windows of three sizes at once) and the sweep is
aggregated semi-globally; a second decision adds what the neighbours' depth says, and what planes through the trusted pixels
around say where a surface is plain. The result is checked against the neighbours' depth and refined at full size.
`benchmarks/dense_methods.py` compares it with other ways.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from amb3r_core.models.colmap.stereo.consistency import agreement, near_jump
from amb3r_core.models.colmap.stereo.cost import PlaneWarp, grey, normalise, plane_warp, similarity_volume
from amb3r_core.models.colmap.stereo.depth_prior import DepthPrior, aligned_prior
from amb3r_core.models.colmap.stereo.evidence import Hypotheses, carried_depth, joined
from amb3r_core.models.colmap.stereo.neighbours import NeighbourConfig, SparseScene, inverse_depth_range, select_neighbours
from amb3r_core.models.colmap.stereo.planes import PlanePrior, add_plane_votes, plane_prior
from amb3r_core.models.colmap.stereo.probability import Signs, probability
from amb3r_core.models.colmap.stereo.pyramid import halve, pyramid
from amb3r_core.models.colmap.stereo.refine import guided_upsample, peak_position, refine, upsample
from amb3r_core.models.colmap.stereo.sgm import aggregate
from amb3r_core.models.colmap.stereo.sky import sky
from amb3r_core.models.colmap.stereo.view_workers import map_views
from amb3r_core.progress import Monitor, Progress, silent

STAGE = "dense"
KEPT_BYTES = 1_500_000_000
"""Matching costs of so much stay from the first sweep for the second, about 75 views of 640 x 480; the rest is computed anew."""
ROUNDS = 3
"""Every view is swept, swept again and refined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StereoConfig:
    """Settings of the multi-view stereo. Prices of depth changes and votes count against a similarity of 1."""

    neighbours: NeighbourConfig = field(default_factory=NeighbourConfig)
    level_weights: tuple[float, ...] = (0.6, 0.3, 0.1)
    """How much windows at 1/2, 1/4, ... of the image's size count."""
    window_radius: int = 2
    """In pixels of each level."""
    noise: float = 0.005
    """The camera's grey noise on a scale of 1; flatter windows do not match."""
    small_jump: float = 0.1
    """Price of a depth change by one hypothesis."""
    large_jump: float = 5.0
    """Price of a larger change of depth, on top of the small one."""
    edge: float = 0.1
    """The change of grey level per pixel at which the price of a large jump is halved."""
    evidence: float = 0.3
    """What a neighbour's depth of full trust is worth in the second sweep; 0: there is none."""
    evidence_neighbours: int = 4
    """So many of a view's neighbours, the best ones, are asked."""
    evidence_tolerance: float = 0.02
    """Relative error within which a neighbour's depth counts."""
    evidence_half: float = 0.5
    """The score of half trust."""
    planes: float = 0.6
    """What a plane through the trusted pixels around is worth in the second sweep; 0: there is none."""
    prior: float = 0.4
    """What a depth that comes from elsewhere is worth, where all sparse points lie on it."""
    min_hypotheses: int = 32
    """Fewest planes swept."""
    max_hypotheses: int = 64
    """Most planes swept; between the two one per half-size pixel of parallax."""
    tolerance: float = 0.03
    """Relative error at which two views' depths still agree."""
    close_tolerance: float = 0.01
    """Relative error at which one view's depth confirms another's at the end."""
    conflict_tolerances: float = 3.0
    """How many tolerances farther another view must see to contradict a depth."""
    unconfirmed: float = 0.1
    """What a depth counts that no other view confirms."""
    jump_radius: int = 8
    """So near a depth jump, in half-size pixels, the confidence is cut."""
    jump_ratio: float = 1.18
    """Depths that differ by such a factor make a jump."""
    jump_factor: float = 0.3
    """What the confidence near a jump is multiplied by."""
    refine_steps: int = 2
    """The final search at full size goes so many steps either way, over three quarters of a hypothesis; 0: there is none."""
    refine_neighbours: int = 4
    """So many of a view's neighbours, the best ones, take part in the final search."""
    refine_radius: int = 3
    """Of the windows of the final search."""
    refine_stiffness: float = 0.3
    """What the final search loses in similarity at its farthest step."""

    def __post_init__(self) -> None:
        if not 3 <= self.min_hypotheses <= self.max_hypotheses:
            raise ValueError(
                f"hypotheses from {self.min_hypotheses} to {self.max_hypotheses}: at least 3, in rising order, are needed"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A view's depth at half size before it is checked."""

    inverse_depth: Tensor
    """(h, w)."""
    margin: Tensor
    """(h, w): how much dearer any other depth would be."""
    step: float
    """Between hypotheses, in inverse depth."""
    on_plane: Tensor
    """(h, w): the strength of the plane through the pixels around, where the depth lies on it; 0 in a first sweep."""


class Stereo:
    """The images and cameras of one scene, ready to be matched."""

    def __init__(
        self, pixels: Tensor, valid: Tensor, scene: SparseScene, config: StereoConfig, prior: DepthPrior | None = None
    ) -> None:
        self.pixels, self.valid, self.scene, self.config, self.prior = pixels, valid, scene, config, prior
        self.ranges = [inverse_depth_range(scene, view) for view in range(len(pixels))]
        self.neighbours = select_neighbours(scene, self.ranges, config.neighbours)
        self.levels = pyramid(pixels, valid, scene.intrinsics, len(config.level_weights), config.window_radius, config.noise)
        self._costs: dict[int, Tensor] = {}
        self._hypotheses: dict[int, Hypotheses] = {}

    def warps(self, view: int, intrinsics: Tensor, size: tuple[int, int]) -> list[PlaneWarp]:
        poses = self.scene.cam_to_world
        return [
            plane_warp(intrinsics[view], poses[view], intrinsics[other], poses[other], size, self.pixels.device)
            for other in self.neighbours[view]
        ]

    def n_hypotheses(self, view: int, warps: list[PlaneWarp]) -> int:
        """One per pixel that the image moves in the most moving neighbour, within the configured bounds."""
        low, high = self.ranges[view]
        height, width = self.levels[0].size
        span = 0.0
        for warp in warps:
            ends = [warp.grid(torch.full((1, 1, 1), q, device=self.pixels.device)) for q in (low, high)]
            moved = (ends[1] - ends[0])[0] * torch.tensor([width / 2, height / 2], device=self.pixels.device)
            inside = (ends[0].abs() <= 1).all(-1)[0] | (ends[1].abs() <= 1).all(-1)[0]
            span = max(span, float(moved.square().sum(-1).sqrt()[inside].median()) if bool(inside.any()) else 0.0)
        return int(min(max(round(span), self.config.min_hypotheses), self.config.max_hypotheses))

    def sweep(self, view: int) -> Sweep:
        """The semi-global depth of one view and how much better it is than any other depth; all zero without neighbours."""
        if not self.neighbours[view]:
            return self._unmatched()
        hypotheses = self._hypotheses[view] = self.hypotheses(view)
        cost = self._matching_cost(view, hypotheses)
        if (len(self._costs) + 1) * cost.nbytes <= KEPT_BYTES:
            self._costs[view] = cost
        return self._decided(view, hypotheses, cost, None)

    def sweep_again(self, view: int, sweeps: list[Sweep], trust: list[Tensor]) -> Sweep:
        """The same, with the neighbours' first depths, and planes through the view's own, weighed by trust (h, w), 0 to 1."""
        if not self.neighbours[view]:
            return self._unmatched()
        hypotheses, config = self._hypotheses[view], self.config
        kept = self._costs.pop(view, None)
        cost = self._matching_cost(view, hypotheses) if kept is None else kept
        if config.evidence > 0:
            cost -= self._neighbours_votes(view, hypotheses, sweeps, trust).mul_(config.evidence)
        prior = None
        if config.planes > 0:
            seen = (halve(self.valid[view].float()) > 0.99).float()
            colours = halve(self.pixels[view]) * seen
            prior = plane_prior(colours, sweeps[view].inverse_depth, trust[view] * seen, hypotheses.step)
            add_plane_votes(cost, prior, hypotheses, config.evidence_tolerance, config.planes)
        if self.prior is not None:
            given = aligned_prior(self.prior, self.scene, view, self.levels[0].size)
            if given is not None:
                add_plane_votes(cost, given, hypotheses, config.evidence_tolerance, config.prior)
        return self._decided(view, hypotheses, cost, prior)

    def _unmatched(self) -> Sweep:
        nothing = torch.zeros(self.levels[0].size, device=self.pixels.device)
        return Sweep(inverse_depth=nothing, margin=nothing, step=0.0, on_plane=nothing)

    def _neighbours_votes(self, view: int, hypotheses: Hypotheses, sweeps: list[Sweep], trust: list[Tensor]) -> Tensor:
        finest, poses = self.levels[0], self.scene.cam_to_world
        carried: list[Tensor] = []
        for other in self.neighbours[view][: self.config.evidence_neighbours]:
            cameras = (finest.intrinsics[other], poses[other], finest.intrinsics[view], poses[view])
            warp = plane_warp(*cameras, finest.size, self.pixels.device)
            depth = sweeps[other].inverse_depth
            carried.append(carried_depth(depth, trust[other], warp, hypotheses, self.config.evidence_tolerance))
        return joined(carried)

    def _decided(self, view: int, hypotheses: Hypotheses, cost: Tensor, prior: PlanePrior | None) -> Sweep:
        """The cheapest depth of a view by costs (h, w, D), and by how much it is cheaper than others."""
        total = aggregate(cost, self.config.small_jump, self._large_jump(view))
        position = peak_position(total)
        margin = -total.amin(-1)
        margin += _without_near(total, position).amin(-1)
        inverse_depth = hypotheses.low + hypotheses.step * position
        on_plane = torch.zeros_like(margin) if prior is None else prior.met_by(inverse_depth, self.config.evidence_tolerance)
        return Sweep(inverse_depth=inverse_depth, margin=margin.clamp(min=0), step=hypotheses.step, on_plane=on_plane)

    def hypotheses(self, view: int) -> Hypotheses:
        """The planes swept for a view that has neighbours."""
        finest = self.levels[0]
        count = self.n_hypotheses(view, self.warps(view, finest.intrinsics, finest.size))
        low, high = self.ranges[view]
        return Hypotheses(low, (high - low) / (count - 1), count)

    def _matching_cost(self, view: int, hypotheses: Hypotheses) -> Tensor:
        """How badly each depth of a view explains what its neighbours see, (h, w, D) in [0, 1]."""
        planes = hypotheses.planes(self.pixels.device)
        total: Tensor | None = None
        for level, weight in zip(self.levels, self.config.level_weights, strict=True):
            others = [level.images[other] for other in self.neighbours[view]]
            warps = self.warps(view, level.intrinsics, level.size)
            volume = weight * similarity_volume(level.images[view], others, warps, planes, self.config.window_radius)
            if total is None:
                total = volume
            else:
                total += F.interpolate(volume[None], size=self.levels[0].size, mode="bilinear", align_corners=False)[0]
        assert total is not None
        return 1 - total.permute(1, 2, 0).contiguous()

    def _large_jump(self, view: int) -> Tensor:
        image = halve(grey(self.pixels[view]))
        across = F.pad((image[:, 1:] - image[:, :-1]).abs(), (0, 1))
        down = F.pad((image[1:] - image[:-1]).abs(), (0, 0, 0, 1))
        return self.config.small_jump + self.config.large_jump / (1 + (across + down) / self.config.edge)

    def score(self, view: int, sweeps: list[Sweep]) -> Tensor:
        """How far the depths of a first sweep are to be trusted (h, w), >= 0: by margin, the neighbours' depth, nearby jumps."""
        sweep, config = sweeps[view], self.config
        precision = 0.25 * sweep.step / sweep.inverse_depth
        tolerance = (config.tolerance**2 + precision.square()).sqrt()
        found = agreement(sweep.inverse_depth, tolerance, config.conflict_tolerances * tolerance, *self._others(view, sweeps))
        # One confirming view says nearly all, and a margin beyond the noise adds little.
        trust = self.config.unconfirmed + found.support.clamp(max=1) / (1 + found.conflict)
        jump = torch.where(near_jump(sweep.inverse_depth, config.jump_radius, config.jump_ratio), config.jump_factor, 1.0)
        return sweep.margin.sqrt() * trust * jump / (1 + (precision / config.tolerance).square())

    def probability(self, view: int, sweeps: list[Sweep], refined: Tensor) -> Tensor:
        """How probable it is that each depth is right (h, w); refined (h, w): the inverse depth of the final search, halved."""
        sweep, config = sweeps[view], self.config
        precision = 0.25 * sweep.step / sweep.inverse_depth
        tolerance = (config.tolerance**2 + precision.square()).sqrt()
        warps, others = self._others(view, sweeps)
        close = config.close_tolerance + precision
        found = agreement(sweep.inverse_depth, close, config.conflict_tolerances * tolerance, warps, others)
        finest = self.levels[0]
        images = [finest.images[other] for other in self.neighbours[view]]
        likeness = similarity_volume(finest.images[view], images, warps, refined[None], config.window_radius)[0]
        return probability(
            Signs(
                margin=sweep.margin,
                precision=precision,
                confirmed=found.support / found.asked.clamp(min=1),
                contradicted=found.conflict,
                plane=sweep.on_plane,
                likeness=likeness,
            )
        )

    def _others(self, view: int, sweeps: list[Sweep]) -> tuple[list[PlaneWarp], list[Tensor]]:
        """A view's warps to its neighbours at half size, and their inverse depths."""
        warps = self.warps(view, self.levels[0].intrinsics, self.levels[0].size)
        return warps, [sweeps[other].inverse_depth for other in self.neighbours[view]]

    def full_size(self, view: int, sweep: Sweep) -> Tensor:
        """Inverse depth (H, W) refined on the image itself."""
        config, size = self.config, (self.pixels.shape[-2], self.pixels.shape[-1])
        start = guided_upsample(sweep.inverse_depth, halve(self.pixels[view]), self.pixels[view], config.jump_ratio)
        if config.refine_steps == 0:
            return start
        chosen = [view, *self.neighbours[view][: config.refine_neighbours]]
        images = [normalise(grey(self.pixels[other]), self.valid[other], config.refine_radius, config.noise) for other in chosen]
        warps = self.warps(view, self.scene.intrinsics, size)[: config.refine_neighbours]
        spacing = 0.75 * sweep.step / config.refine_steps
        return refine(
            start, images[0], images[1:], warps, spacing, config.refine_steps, config.refine_radius, config.refine_stiffness
        )

    def depth_and_confidence(self, view: int, sweeps: list[Sweep]) -> tuple[Tensor, Tensor]:
        """A view's depth and confidence at full size, both (H, W)."""
        known = self.valid[view]
        if not self.neighbours[view]:
            return torch.zeros(known.shape, device=known.device), torch.ones(known.shape, device=known.device)
        inverse_depth = self.full_size(view, sweeps[view])
        size = (inverse_depth.shape[0], inverse_depth.shape[1])
        right = upsample(self.probability(view, sweeps, halve(inverse_depth)), size)
        depth = torch.where(known, 1 / inverse_depth.clamp(min=1e-9), 0.0)
        return depth, torch.where(known, 1 / (1 - right), 1.0)


def _without_near(total: Tensor, position: Tensor) -> Tensor:
    """Costs (h, w, D), changed in place: infinite within two and a half hypotheses of a position (h, w)."""
    base = position.floor()
    for shift in range(-2, 4):
        index = base + shift
        near = ((index - position).abs() < 2.5) & (index >= 0) & (index < total.shape[-1])
        place = torch.where(near, index, position.round()).long()[..., None]
        total.scatter_(-1, place, torch.inf)
    return total


def densify(
    pixels: Tensor,
    valid: Tensor,
    scene: SparseScene,
    config: StereoConfig | None = None,
    monitor: Monitor = silent,
    prior: DepthPrior | None = None,
) -> tuple[Tensor, Tensor]:
    """Depth (N, H, W), 0 where unknown, and confidence (N, H, W) >= 1, 1 where unknown.

    pixels (N, 3, H, W) in [0, 1], undistorted; valid (N, H, W) bool: pixels outside are neither matched nor given depth.
    The scene's tensors live on the CPU, the result where the pixels do. The depth's unit is that of the scene's poses.
    `(c - 1) / c` is the probability that the depth is within 3 % of the truth; clear sky is unknown. The monitor may stop the
    work between views.
    prior: depth of the views that comes from elsewhere, aligned to the sparse points view by view; it votes, it does not decide.
    """
    config = config or StereoConfig()
    count, height, width = valid.shape
    if pixels.shape != (count, 3, height, width) or len(scene.observed) != count or scene.size != (height, width):
        shapes = f"pixels {tuple(pixels.shape)}, valid {tuple(valid.shape)}, {len(scene.observed)} cameras of {scene.size}"
        raise ValueError(f"{shapes}: one image size and one camera per view are needed")
    with torch.inference_mode():
        return _densify(Stereo(pixels, valid & ~sky(pixels, valid), scene, config, prior), monitor)


def _densify(stereo: Stereo, monitor: Monitor) -> tuple[Tensor, Tensor]:
    pixels, valid, config = stereo.pixels, stereo.valid, stereo.config
    n_views = len(pixels)
    sweeps = _watched(map_views(stereo.sweep, n_views, pixels.device), n_views, 0, "matching", monitor)
    if config.evidence > 0 or config.planes > 0 or stereo.prior is not None:
        first = sweeps
        scores = map_views(lambda view: stereo.score(view, first), n_views, pixels.device)
        trust = [score / (score + config.evidence_half) for score in scores]
        again = map_views(lambda view: stereo.sweep_again(view, first, trust), n_views, pixels.device)
        sweeps = _watched(again, n_views, 1, "matching with the neighbours' depth", monitor)
    depth, confidence = torch.zeros(valid.shape, device=pixels.device), torch.ones(valid.shape, device=pixels.device)
    for view, maps in enumerate(map_views(lambda view: stereo.depth_and_confidence(view, sweeps), n_views, pixels.device)):
        depth[view], confidence[view] = maps
        monitor(Progress(stage=STAGE, done=2 * n_views + view + 1, total=ROUNDS * n_views, message="refining"))
    return depth, confidence


def _watched(work: Iterable[Sweep], n_views: int, rounds_done: int, message: str, monitor: Monitor) -> list[Sweep]:
    sweeps: list[Sweep] = []
    for sweep in work:
        sweeps.append(sweep)
        monitor(Progress(stage=STAGE, done=rounds_done * n_views + len(sweeps), total=ROUNDS * n_views, message=message))
    return sweeps
