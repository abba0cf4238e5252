"""Models that know the truth of a scene and spoil it on purpose: noise, a random frame and scale per call, honest confidence."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from amb3r_core.errors import RegistrationError
from amb3r_core.models.api import ImageBatch, InputSpec, Prediction, unproject
from amb3r_core.pipelines.mapping.to_reconstruction import similarity_of_poses
from amb3r_core.progress import Cancelled, Monitor, silent
from amb3r_core.scene.conventions import invert, rigid
from amb3r_core.scene.geometry import Sim3
from amb3r_core.scene.reconstruction import WeightsInfo
from tests.pipelines.fake_scenes import TrueScene

Float64 = NDArray[np.float64]
MIN_OVERLAP = 0.15
FULL_OVERLAP = 0.5
OVERLAP_SAMPLES = 10


@dataclass
class FakeModel:
    """Sees a scene whose truth it looks up by the frames' names; the same batch gives the same answer.

    noise: relative sigma of depth (half of it varies slowly over the image) and of positions over their distance from the first
    view; rotations get 5 degrees times it. scale_range: random unit per call; with is_metric the unit is the metre, off by noise.
    A view that shares too little with the others gets a random pose, and a confidence that says so.
    """

    scene: TrueScene
    noise: float = 0.0
    scale_range: tuple[float, float] = (0.5, 2.0)
    is_metric: bool = False
    long_side_px: int = 64
    max_views: int = 0
    confidence: float = 6.0
    seed: int = 0
    bend_deg_per_m: float = 0.0
    """A systematic error: every call turns its views about the vertical, the more the farther they are from the first."""
    lost_names: frozenset[str] = frozenset()
    """Frames this model never registers."""
    trust: Mapping[str, float] | None = None
    """How far it trusts each frame's pose, and the path as the least of them; a window with another frame is not judged."""
    calls: list[tuple[str, ...]] = field(default_factory=list)
    _truth: dict[tuple[str, int, int], NDArray[np.float32]] = field(default_factory=dict)

    name = "fake"

    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(long_side_px=self.long_side_px, max_views=self.max_views)

    @property
    def weights(self) -> WeightsInfo | None:
        return None

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        self.calls.append(batch.names)
        return self._answer(batch, self.noise, self.confidence, "predict")

    def _answer(self, batch: ImageBatch, noise: float, confidence: float, salt: str) -> Prediction:
        rng = np.random.default_rng(digest(f"{self.seed}|{salt}|{'|'.join(batch.names)}"))
        height, width = batch.grid
        depth = np.stack([self._true_depth(name, width, height) for name in batch.names])
        poses = np.array([self.scene.pose(name) for name in batch.names])
        camera = self.scene.camera(width, height)
        overlap = overlaps(depth, poses, camera.K)
        linked = connected(overlap)
        share = np.where(linked, np.clip(overlap.max(axis=1) / FULL_OVERLAP, 0.0, 1.0), 0.0) if len(poses) > 1 else np.ones(1)
        poses = bent_poses(poses, self.bend_deg_per_m)
        poses = spoiled_poses(poses, linked, noise, float(np.median(depth[depth > 0])), rng)
        sigma = np.stack([slow_noise(rng, height, width, 0.6, 1.6) for _ in poses])
        error = 0.7 * np.stack([slow_noise(rng, height, width) for _ in poses]) + 0.7 * rng.standard_normal(depth.shape)
        depth = (depth * np.exp(noise * sigma * error)).astype(np.float32)
        raw = np.where(depth > 0, 1.0 + (confidence - 1.0) * share[:, None, None] / sigma + 0.01, 1.0)
        unit = 1.0 + noise * rng.standard_normal() if self.is_metric else float(np.exp(rng.uniform(*np.log(self.scale_range))))
        moved = random_frame(rng, unit).apply_pose(invert(poses[0]) @ poses)
        K = np.tile(camera.K, (len(poses), 1, 1))
        K[:, 0, 0] *= np.exp(0.1 * noise * rng.standard_normal(len(poses)))
        K[:, 1, 1] = K[:, 0, 0]
        registered = [name not in self.lost_names for name in batch.names]
        trust = [(self.trust or {}).get(name, np.nan) for name in batch.names]
        is_judged = not np.isnan(trust).any()
        return Prediction(
            depth=torch.as_tensor(depth * np.float32(unit)),
            confidence=torch.as_tensor(raw.astype(np.float32)),
            cam_to_world=torch.as_tensor(moved),
            intrinsics=torch.as_tensor(K),
            registered=torch.tensor(registered),
            metric_scale=1.0 if self.is_metric else None,
            pose_trust=tuple(t if ok else 0.0 for t, ok in zip(trust, registered, strict=True)) if is_judged else (),
            scene_trust=min((t for t, ok in zip(trust, registered, strict=True) if ok), default=0.0) if is_judged else None,
        )

    def _true_depth(self, name: str, width: int, height: int) -> NDArray[np.float32]:
        key = (name, width, height)
        if key not in self._truth:
            self._truth[key] = self.scene.depth(name, width, height)
        return self._truth[key]


@dataclass(frozen=True)
class FakeDraft:
    prediction: Prediction
    batch: ImageBatch


@dataclass
class FakeRefinableModel(FakeModel):
    """Drafts with `draft_noise` and `draft_confidence`; refines to what `predict` gives."""

    draft_noise: float = 0.05
    draft_confidence: float = 2.0
    n_refined: int = 0

    def draft(self, batch: ImageBatch, *, monitor: Monitor = silent) -> FakeDraft:
        return FakeDraft(self._answer(batch, self.draft_noise, self.draft_confidence, "draft"), batch)

    def refine(self, draft: FakeDraft, *, monitor: Monitor = silent) -> Prediction:
        self.n_refined += 1
        return self.predict(draft.batch)


@dataclass
class FakeDescribingModel(FakeModel):
    """Describes what a view shows: mean random waves of the world points it sees."""

    wave_m: float = 2.5

    def describe(self, batch: ImageBatch) -> torch.Tensor:
        rng = np.random.default_rng(7)
        directions, phases = rng.standard_normal((3, 256)) / self.wave_m, rng.uniform(0, 2 * np.pi, 256)
        height, width = batch.grid
        K = torch.as_tensor(self.scene.camera(width, height).K)
        rows = []
        for name in batch.names:
            depth = torch.as_tensor(self._true_depth(name, width, height)[::4, ::4].astype(np.float64))
            points = unproject(depth, K * torch.tensor([[0.25], [0.25], [1.0]])).numpy().reshape(-1, 3)
            points = points[np.isfinite(points[:, 2])]
            pose = self.scene.pose(name)
            rows.append(np.cos((points @ pose[:3, :3].T + pose[:3, 3]) @ directions + phases).mean(axis=0))
        return torch.as_tensor(np.array(rows, dtype=np.float32))


def digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def random_rotation(rng: np.random.Generator, degrees: float) -> Float64:
    axis = rng.standard_normal(3)
    return about(axis / np.linalg.norm(axis), float(np.radians(degrees)))


def random_frame(rng: np.random.Generator, unit: float) -> Sim3:
    return Sim3(unit, random_rotation(rng, rng.uniform(0, 180)), rng.standard_normal(3))


def slow_noise(rng: np.random.Generator, height: int, width: int, low: float = 0.0, high: float = 0.0) -> Float64:
    """A smooth map: standard normal, or between low and high."""
    coarse = rng.standard_normal((4, 5)) if low == high else rng.uniform(low, high, (4, 5))
    tensor = torch.as_tensor(coarse)[None, None]
    return torch.nn.functional.interpolate(tensor, (height, width), mode="bilinear", align_corners=True)[0, 0].numpy()


def spoiled_poses(poses: Float64, linked: NDArray[np.bool_], noise: float, depth: float, rng: np.random.Generator) -> Float64:
    spoiled = poses.copy()
    for index in range(1, len(poses)):
        degrees, far = 5 * noise, noise * float(np.linalg.norm(poses[index, :3, 3] - poses[0, :3, 3]))
        if not linked[index]:
            degrees, far = 40.0, depth
        turn = random_rotation(rng, degrees * rng.standard_normal())
        shift = far * rng.standard_normal(3) / np.sqrt(3)
        spoiled[index] = rigid(poses[index, :3, :3] @ turn, poses[index, :3, 3] + shift)
    return spoiled


def bent_poses(poses: Float64, degrees_per_m: float) -> Float64:
    """The poses on a path that bends: each is turned about the first view's vertical by its distance from the first."""
    bent = poses.copy()
    up, origin = poses[0, :3, 1], poses[0, :3, 3]
    for index in range(1, len(poses)):
        away = poses[index, :3, 3] - origin
        angle = np.radians(degrees_per_m) * float(away @ poses[0, :3, 2])
        bent[index] = rigid(about(up, angle) @ poses[index, :3, :3], origin + about(up, angle / 2) @ away)
    return bent


def about(axis: Float64, angle: float) -> Float64:
    x, y, z = axis
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def overlaps(depth: NDArray[np.float32], poses: Float64, K: Float64) -> Float64:
    """Share (n, n) of each view's pixels that another view sees too; 0 on the diagonal."""
    n, height, width = depth.shape
    rows = np.linspace(0, height - 1, OVERLAP_SAMPLES).astype(int)
    columns = np.linspace(0, width - 1, OVERLAP_SAMPLES).astype(int)
    v, u = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    z = depth[:, v, u].astype(np.float64)
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(len(u))], axis=-1)
    world = np.einsum("nij,npj->npi", poses[:, :3, :3], rays * z[..., None]) + poses[:, None, :3, 3]
    cams = invert(poses)
    seen = np.einsum("mij,npj->nmpi", cams[:, :3, :3], world) + cams[None, :, None, :3, 3]
    ahead = np.maximum(seen[..., 2], 1e-6)
    x = np.rint(seen[..., 0] / ahead * K[0, 0] + K[0, 2])
    y = np.rint(seen[..., 1] / ahead * K[1, 1] + K[1, 2])
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (seen[..., 2] > 0)
    xi, yi = np.clip(x, 0, width - 1).astype(int), np.clip(y, 0, height - 1).astype(int)
    there = depth[np.arange(n)[None, :, None], yi, xi]
    visible = inside & (np.abs(there - seen[..., 2]) < 0.1 * seen[..., 2]) & (z > 0)[:, None]
    share = visible.sum(axis=-1) / np.maximum((z > 0).sum(axis=-1), 1)[:, None]
    np.fill_diagonal(share, 0.0)
    return share


def connected(overlap: Float64) -> NDArray[np.bool_]:
    """Views that the first one reaches over pairs that overlap both ways."""
    links = np.minimum(overlap, overlap.T) > MIN_OVERLAP
    reached = np.zeros(len(overlap), dtype=bool)
    reached[0] = True
    while True:
        more = reached | links[reached].any(axis=0)
        if (more == reached).all():
            return reached
        reached = more


@dataclass
class FakePickyModel(FakeModel):
    """Refuses, as a model may, every batch that holds one of `poison` beside others."""

    poison: frozenset[str] = frozenset()

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        if self.poison & set(batch.names):
            raise RegistrationError("no two views could be placed together")
        return super().predict(batch, monitor=monitor)


@dataclass
class FakeObedientModel(FakeDescribingModel):
    """Keeps two or more known poses exactly as they are and places the rest around them, as a model that optimises does."""

    focal_px_priors: list[float | None] = field(default_factory=list)

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        answer = super().predict(batch, monitor=monitor)
        self.focal_px_priors.append(batch.frames[-1].facts.focal_px)
        rows = [row for row, frame in enumerate(batch.frames) if frame.cam_to_world is not None]
        if len(rows) < 2:
            return answer
        known = np.array([batch.frames[row].cam_to_world for row in rows])
        poses = answer.cam_to_world.numpy()
        fit = similarity_of_poses(poses[rows], known)
        moved = fit.apply_pose(poses)
        moved[rows] = known
        return replace(answer, cam_to_world=torch.as_tensor(moved), depth=answer.depth * np.float32(fit.scale))


@dataclass
class FakeStoppingModel(FakeModel):
    """Is stopped instead of answering the call after `last_call`."""

    last_call: int = 0

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        if len(self.calls) >= self.last_call:
            raise Cancelled
        return super().predict(batch, monitor=monitor)
