"""Synthetic weights and images that anyone can make again from a rule, to compare two implementations of the network.

Every tensor depends on its key alone: a generator seeded with the crc32 of the key (and of a salt behind it, to make other
weights of the same kind) draws a normal array, which is then scaled by what the tensor is for.
"""

import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

TOKENS = frozenset(
    {
        "cls_token",
        "pos_embed",
        "register_tokens",
        "mask_token",
        "camera_token",
        "register_token",
        "empty_pose_tokens",
        "query_ref_token",
    }
)
POSE_BIAS = "front_end.model.camera_head.pose_branch.fc2.bias"
POSE_WEIGHT = "front_end.model.camera_head.pose_branch.fc2.weight"
POSE_OFFSET = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.25)
"""Brings the camera head near no rotation and a field of view of one radian."""
CAMERA_OFFSETS = {"cam_dec.fc_qvec.bias": (0.0, 0.0, 0.0, 1.0), "cam_dec.fc_fov.0.bias": (1.0, 1.0)}
"""The same for Depth Anything 3's camera decoder, by the end of the key; the weights beside them are a tenth as large."""
POINT_WEIGHT = "front_end.model.point_head.scratch.output_conv2.2.weight"
POINT_SPREAD = 0.1061
"""Sets how many points share a voxel."""

Float32 = NDArray[np.float32]


def synthetic_tensor(key: str, shape: tuple[int, ...], salt: str = "") -> Float32:
    """The float32 array of one key of the state dict."""
    seed = zlib.crc32((key + salt).encode("ascii"))
    x = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape, dtype=np.float32)
    offset, factor = _offset_and_factor(key, shape)
    x *= np.float32(factor)
    if offset:  # adding zero would turn -0.0 into 0.0, and the checksums are of the bytes
        x += np.float32(offset)
    if key == POSE_BIAS:
        x += np.array(POSE_OFFSET, dtype=np.float32)
    for end, offsets in CAMERA_OFFSETS.items():
        if key.endswith(end):
            x += np.array(offsets, dtype=np.float32)
    if key == POINT_WEIGHT:
        x[:3] *= np.float32(POINT_SPREAD)
    return x


def _offset_and_factor(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if key.endswith("gamma"):
        return 0.3, 0.05
    if key.rpartition(".")[2] in TOKENS:
        return 0.0, 0.02
    if "gate_scale" in key:
        return 1.0, 0.1
    if len(shape) <= 1:
        return (1.0, 0.1) if key.endswith("weight") else (0.0, 0.02)
    return 0.0, _gain(key) / np.sqrt(np.prod(shape[1:], dtype=np.int64))


def _gain(key: str) -> float:
    if key.startswith("backend.zero_conv") and key.endswith("conv2.weight"):
        return 0.3
    is_camera = any(key.endswith(end.replace("bias", "weight")) for end in CAMERA_OFFSETS)
    return 0.1 if key == POSE_WEIGHT or is_camera else 1.0


def synthetic_state(network: nn.Module, salt: str = "") -> dict[str, Tensor]:
    """A state dict in the network's dtypes, which may be on the meta device; what is not floating point is False.

    The point tracker's parameters are left empty: nothing reads them.
    """
    wanted = {key: (tuple(value.shape), value.dtype) for key, value in network.state_dict().items()}

    def make(key: str) -> Tensor:
        shape, dtype = wanted[key]
        if not dtype.is_floating_point:
            return torch.zeros(shape, dtype=dtype)
        if ".track_head." in key:
            return torch.empty(shape, dtype=dtype)
        return torch.from_numpy(synthetic_tensor(key, shape, salt)).to(dtype)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(wanted, pool.map(make, wanted), strict=True))


def synthetic_images(n_scenes: int, n_views: int, height: int, width: int) -> Tensor:
    """Images (B, T, 3, H, W) float32 in [-1, 1]: smooth waves that differ by scene, view and channel."""
    tau = 2 * np.pi
    b = np.arange(n_scenes, dtype=np.float64).reshape(-1, 1, 1, 1, 1)
    v = np.arange(n_views, dtype=np.float64).reshape(1, -1, 1, 1, 1)
    c = np.arange(3, dtype=np.float64).reshape(1, 1, -1, 1, 1)
    y = ((np.arange(height) + 0.5) / height).reshape(1, 1, 1, -1, 1)
    x = ((np.arange(width) + 0.5) / width).reshape(1, 1, 1, 1, -1)
    broad = 0.45 * np.sin(tau * (1.5 * x + 0.13 * v + 0.21 * c + 0.37 * b)) * np.cos(tau * (1.1 * y - 0.07 * v + 0.05 * b))
    middle = 0.35 * np.sin(tau * (3.0 * x + 2.0 * y + 0.11 * v) + 1.3 * c + 0.9 * b)
    fine = 0.15 * np.cos(tau * (17.0 * x - 11.0 * y) + 0.7 * v + 2.1 * c + 1.7 * b)
    return torch.from_numpy((broad + middle + fine).astype(np.float32))
