"""Comparing the network with golden files: arrays that the published architecture gave for synthetic weights and images.

A file holds `front.*` (first pass), `back.*` (second pass), `enc.*`, `bk.*` (inside the back end) or, for the back end alone,
`pts` and what became of them. Large arrays are strided; the stride is in the file or follows from the shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork, Pass
from amb3r_core.models.amb3r.config import ModelConfig
from amb3r_core.models.amb3r.decoder import DecoderTaps
from amb3r_core.models.amb3r.precision import set_dtype
from amb3r_core.models.amb3r.scale import scene_scale
from amb3r_core.models.blocks.pose_encoding import intrinsics, inverse, transform
from amb3r_core.voxel.backend import VoxelBackend
from amb3r_core.voxel.choose_ops import choose_ops
from tests.synthetic_weights import synthetic_state, synthetic_tensor

FIRST_PASS_LIMIT = 2e-4
SECOND_PASS_LIMIT = 1e-3
BACKEND_CHANNELS = 1024
DENSE_MAPS = frozenset({"depth", "depth_conf", "world_points", "world_points_conf", "depth_metric", "pts3d_by_unprojection"})
Array = NDArray[np.generic]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One array against its golden twin: mean absolute error over mean absolute value, and how large it may be."""

    name: str
    error: float
    limit: float

    @property
    def passes(self) -> bool:
        return self.error <= self.limit


def build(config: ModelConfig, salt: str = "", dtype: torch.dtype = torch.float32) -> Amb3rNetwork:
    """The network with synthetic weights, each held once and in the precision it is for."""
    with torch.device("meta"):
        network = Amb3rNetwork(config)
    set_dtype(network, dtype)
    network.load_state_dict(synthetic_state(network, salt), assign=True)
    return network.eval()


def build_backend(config: ModelConfig, salt: str = "") -> VoxelBackend:
    """The back end alone, with the weights it has in the whole network."""
    assert config.backend is not None
    with torch.device("meta"):
        backend = VoxelBackend(config.backend)
    state = {
        key: torch.from_numpy(synthetic_tensor(f"backend.{key}", tuple(value.shape), salt))
        if value.is_floating_point()
        else torch.tensor(False)
        for key, value in backend.state_dict().items()
    }
    backend.load_state_dict(state, assign=True)
    return backend.eval()


def run(network: Amb3rNetwork, images: Tensor, *, curve_seed: int | None = None) -> dict[str, Tensor]:
    """Every array that golden files may hold, not strided; images (B, T, 3, H, W) in [-1, 1]."""
    with torch.inference_mode(), Recorder(network) as recorder:
        passes = network((images + 1) / 2, curve_seed=curve_seed)
    found = dict(recorder.found)
    for name, one in zip(("front", "back"), passes, strict=True):
        found |= {f"{name}.{key}": value for key, value in outputs(one, images.shape[-2], images.shape[-1]).items()}
    first = passes[0]
    assert first.points is not None
    found["enc.patch"] = first.encoder.patches.flatten(0, 1)
    found["enc.cls"] = first.encoder.cls.flatten(0, 1)
    found["enc.reg"] = first.encoder.registers.flatten(0, 1)
    found["bk.pts"] = first.points.values[:, :, 3::7, 3::7]
    return found


def outputs(one: Pass, height: int, width: int) -> dict[str, Tensor]:
    """The published names for what one pass gave."""
    assert one.poses is not None
    assert one.depth is not None
    assert one.points is not None
    assert one.median_depth_m is not None
    pose = one.poses[-1]
    depth = one.depth.values
    scale = scene_scale(one.median_depth_m, depth)
    return {
        "pose_enc": pose,
        "pose_enc_list": one.poses,
        "extrinsic": transform(pose),
        "intrinsic": intrinsics(pose, height, width),
        "pose": inverse(transform(pose)),
        "depth": depth[..., None],
        "depth_conf": one.depth.confidence,
        "world_points": one.points.values,
        "world_points_conf": one.points.confidence,
        "depth_metric": (depth * scale[:, None, None, None])[..., None],
        "median_metric_z": one.median_depth_m[..., None],
        "pts3d_by_unprojection": unprojected(depth, pose),
    }


def unprojected(depth: Tensor, pose: Tensor) -> Tensor:
    """World points (B, T, H, W, 3) in the network's pixels: integers from 0, principal point (W/2, H/2)."""
    height, width = depth.shape[-2:]
    matrix = intrinsics(pose, height, width)
    x = (torch.arange(width) - width / 2) / matrix[..., 0, 0, None]
    y = (torch.arange(height) - height / 2) / matrix[..., 1, 1, None]
    camera = torch.stack([depth * x[..., None, :], depth * y[..., :, None], depth], dim=-1)
    cam_to_world = inverse(transform(pose))
    return torch.einsum("btij,bthwj->bthwi", cam_to_world[..., :3, :3], camera) + cam_to_world[..., None, None, :3, 3]


class Recorder:
    """Listens inside the network while it runs: tapped features, depth features, and the back end's stages."""

    def __init__(self, network: Amb3rNetwork) -> None:
        self.network = network
        self.found: dict[str, Tensor] = {}
        self.depth_features: list[Tensor] = []
        self.n_passes = 0
        self.handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "Recorder":
        model, backend = self.network.front_end.model, self.network.backend
        assert backend is not None
        self.handles = [
            model.aggregator.register_forward_hook(self._on_taps),
            model.depth_head.register_forward_hook(self._on_depth),
            model.depth_head.scratch.output_conv1.register_forward_hook(self._on_depth_features),
            backend.register_forward_hook(self._on_aligned),
            backend.point_transformer.register_forward_hook(self._on_voxels),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _on_taps(self, module: nn.Module, args: object, taps: DecoderTaps) -> None:
        self.pass_name = ("front", "back")[self.n_passes]
        self.n_views = taps.features[0].shape[1]
        self.n_passes += 1
        for index, feature in zip((4, 11, 17, 23), taps.features, strict=True):
            self.found[f"{self.pass_name}.agg{index}"] = feature

    def _on_depth_features(self, module: nn.Module, args: object, features: Tensor) -> None:
        self.depth_features.append(features)

    def _on_depth(self, module: nn.Module, args: tuple[object, tuple[int, int]], maps: object) -> None:
        self.found[f"{self.pass_name}.depth_feat"] = torch.cat(self.depth_features).unflatten(0, (-1, self.n_views))
        self.depth_features.clear()
        self.grid = args[1]

    def _on_aligned(self, module: VoxelBackend, args: object, aligned: Tensor) -> None:
        maps = aligned.flatten(0, 1).transpose(1, 2).unflatten(2, self.grid)
        self.found["bk.voxel_feat_aligned"] = maps
        self.found["bk.voxel_feat_aligned_vis"] = module.initial_injection(aligned).unflatten(2, self.grid)

    def _on_voxels(self, module: nn.Module, args: tuple[Tensor, Tensor], features: Tensor) -> None:
        self.found |= {"bk.voxel_index": args[0], "bk.voxel_feat_in": args[1], "bk.ptv3": features}


def backend_points(n_scenes: int) -> tuple[Tensor, Tensor]:
    """Points (B, 900, 3) and features (B, 900, C) of the case for the back end alone."""
    rng = np.random.Generator(np.random.PCG64(crc32(b"backend_only")))
    a = np.arange(900)
    points: list[Array] = []
    features: list[Array] = []
    for b in range(n_scenes):
        cell = np.stack(
            [
                np.floor(20 + 19 * np.sin(0.37 * a + b)),
                np.floor(15 + 14 * np.cos(0.11 * a)),
                np.floor(9 + 8 * np.sin(0.05 * a + 2 * b)),
            ],
            axis=-1,
        )
        p = cell + rng.uniform(0.2, 0.8, (900, 3))
        p[0] = 0
        points.append((0.01 * p + np.array([-0.13, 0.05, 0.21]) * (b + 1)).astype(np.float32))
        features.append((0.4 * rng.standard_normal((900, BACKEND_CHANNELS), dtype=np.float32)).astype(np.float32))
    return torch.from_numpy(np.stack(points)), torch.from_numpy(np.stack(features))


def run_backend(backend: VoxelBackend, n_scenes: int) -> dict[str, Tensor]:
    """The arrays of a golden file for the back end alone."""
    points, features = backend_points(n_scenes)
    found: dict[str, Tensor] = {"pts": points}

    def listen(module: nn.Module, args: tuple[Tensor, Tensor], reasoned: Tensor) -> None:
        found.update({"voxel_index": args[0], "voxel_feat_in": args[1], "ptv3": reasoned})

    handle = backend.point_transformer.register_forward_hook(listen)
    backend.ops = choose_ops(points.device)
    with torch.inference_mode():
        for name, absolute in (("interp", False), ("interp_v2", True)):
            backend.interp_v2.fill_(absolute)
            found[name] = backend.voxel_features(points, features)
    handle.remove()
    return found


def compare(found: Mapping[str, Tensor], golden: Mapping[str, Array]) -> list[Comparison]:
    """Every array that both sides have, in the golden file's order; voxel indices must be equal."""
    comparisons: list[Comparison] = []
    for name in golden:
        if name in found:
            ours, theirs = found[name], torch.from_numpy(np.asarray(golden[name]))
            comparisons.append(Comparison(name=name, error=_error(name, ours, theirs, golden), limit=_limit(name)))
    return comparisons


def _error(name: str, ours: Tensor, theirs: Tensor, golden: Mapping[str, Array]) -> float:
    if "voxel_index" in name:
        return 0.0 if ours.shape == theirs.shape and bool((ours == theirs).all()) else float("inf")
    strided = _strided(name, ours, theirs, golden)
    if strided.shape != theirs.shape:
        return float("inf")
    return float((strided.double() - theirs.double()).abs().mean() / theirs.double().abs().mean().clamp(min=1e-30))


def _strided(name: str, ours: Tensor, theirs: Tensor, golden: Mapping[str, Array]) -> Tensor:
    """Our array with the golden file's stride: the stated one for maps per pixel, else the one that follows from the shape."""
    part, _, output = name.partition(".")
    if output in DENSE_MAPS:
        stride = int(golden[f"{part}.scale_dense_stride"])
        return ours[:, :, ::stride, ::stride]
    if ours.ndim != theirs.ndim:
        return ours
    steps = [-(-full // kept) for full, kept in zip(ours.shape, theirs.shape, strict=True)]
    return ours[tuple(slice(None, None, step) for step in steps)]


def _limit(name: str) -> float:
    if "voxel_index" in name:
        return 0.0
    in_second_pass = name.startswith(("back.", "bk.")) and name not in ("bk.pts",)
    return SECOND_PASS_LIMIT if in_second_pass else FIRST_PASS_LIMIT
