"""Depth Anything 3's published package as an oracle; runs where it is installed, and imports nothing of the project but rules.

The package is `depth-anything-3` 0.1.1, Apache-2.0, by ByteDance: `pip install --no-deps depth-anything-3==0.1.1`, beside torch,
torchvision, einops, omegaconf, antlr4-python3-runtime==4.9.3, e3nn, opt-einsum, opt-einsum-fx, addict, opencv-python-headless,
scipy, evo, trimesh, plyfile, pillow-heif, pycolmap and huggingface_hub. What it wants besides, it runs without.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# ruff: noqa: E402 - the package finds its imports only after this
for unused in ("moviepy", "moviepy.editor"):  # old versions that its export of films wants at import
    sys.modules.setdefault(unused, ModuleType(unused))

from depth_anything_3.api import DepthAnything3
from depth_anything_3.cfg import create_object, load_config
from depth_anything_3.model.da3 import NestedDepthAnything3Net
from depth_anything_3.registry import MODEL_REGISTRY
from depth_anything_3.utils.geometry import affine_inverse, as_homogeneous, unproject_depth
from depth_anything_3.utils.io.input_processor import InputProcessor
from depth_anything_3.utils.ray_utils import get_extrinsic_from_camray

from tests.da3_cases import Case, exact_rays, known_intrinsics, known_poses, synthetic_weights

PUBLISHED = {
    "da3-small": "da3-small",
    "da3-base": "da3-base",
    "da3-large": "da3-large",
    "da3-giant": "da3-giant",
    "da3-metric": "da3metric-large",
    "da3-mono": "da3mono-large",
    "da3-nested": "da3nested-giant-large",
}
"""Our names of the variants, and theirs."""
RULES = {"first": "first", "middle": "middle", "balanced": "saddle_balanced", "widest": "saddle_sim_range"}


def network_of(variant: str) -> nn.Module:
    """A network of the package, without memory for its weights."""
    whole = torch.linspace
    torch.linspace = partial(whole, device="cpu")  # the constructor reads values of it
    try:
        with torch.device("meta"):
            if variant == "pair":
                return NestedDepthAnything3Net(_config("da3-small"), _config("da3-metric")).eval()
            return create_object(_config(variant)).eval()
    finally:
        torch.linspace = whole


def _config(variant: str) -> Any:
    return load_config(MODEL_REGISTRY[PUBLISHED[variant]])


def loaded(variant: str, salt: str) -> nn.Module:
    """A network of the package with synthetic weights."""
    network = network_of(variant)
    network.load_state_dict(synthetic_weights(network, variant, salt), assign=True)
    return network


def answers(variant: str, *, autocast: bool) -> Callable[[Tensor], object]:
    """The package's network for images (1, T, 3, H, W) in [0, 1]; with autocast as its interface calls it, in half precision."""
    if not autocast:
        network = loaded(variant, "")
        return lambda images: network(InputProcessor.NORMALIZE(images))
    interface = DepthAnything3(model_name=PUBLISHED[variant])
    interface.model.load_state_dict(synthetic_weights(interface.model, variant, ""))
    return lambda images: interface.forward(InputProcessor.NORMALIZE(images), export_feat_layers=[])


def outputs(case: Case, network: nn.Module) -> dict[str, np.ndarray]:
    """Every array of a golden file, at full size."""
    found: dict[str, Any] = {}
    backbone = getattr(network, "da3", network).backbone
    handle = backbone.register_forward_hook(lambda _module, _args, answer: found.update(_taps(answer[0])))
    cameras = _cameras(case)
    rule = RULES[case.rule]
    normalized = InputProcessor.NORMALIZE(case.images)
    with torch.inference_mode():
        answer = network(normalized, *cameras, ref_view_strategy=rule)
        found |= {name: value for name, value in answer.items() if isinstance(value, Tensor)}
        if "scale_factor" in answer:
            found["scale_factor"] = torch.tensor(answer["scale_factor"])
        handle.remove()
        if hasattr(network, "cam_dec") and network.cam_dec is not None:
            found |= _rays(network, normalized, cameras, rule)
    if "extrinsics" in found:
        found["points"] = _points(found["depth"], found["extrinsics"], found["intrinsics"])
    if cameras:
        found["known_extrinsics"] = cameras[0]
    return {name: value.numpy() for name, value in found.items()}


def _taps(features: Any) -> dict[str, Tensor]:
    return {f"tap{index}": patches for index, (patches, _) in enumerate(features)} | {"camera_tokens": features[-1][1]}


def _cameras(case: Case) -> tuple[Tensor, ...]:
    """Known cameras as the package's own preparation gives them to its network, or nothing."""
    if not case.has_cameras:
        return ()
    world_to_cam = torch.from_numpy(np.linalg.inv(known_poses(case.n_views))).float()[None]
    matrices = torch.from_numpy(known_intrinsics(case.n_views, case.size)).float()[None]
    return DepthAnything3._normalize_extrinsics(None, world_to_cam), matrices


def _rays(network: Any, images: Tensor, cameras: tuple[Tensor, ...], rule: str) -> dict[str, Tensor]:
    """The rays, which the package drops from its answer: taken on their way out of the head."""
    found: dict[str, Tensor] = {}
    handle = network.head.register_forward_hook(
        lambda _module, _args, maps: found.update({name: maps[name].clone() for name in ("ray", "ray_conf")})
    )
    network(images, *cameras, ref_view_strategy=rule)
    handle.remove()
    return found


def _points(depth: Tensor, extrinsics: Tensor, intrinsics: Tensor) -> Tensor:
    """Points (B, T, H, W, 3) of every pixel in the first view's frame, through the package's own unprojection.

    In units of the image's sides: there pixels have their centres where the package's rays have them.
    """
    height, width = depth.shape[-2:]
    world_to_cam = as_homogeneous(extrinsics)
    cam_to_first = world_to_cam[:, :1] @ affine_inverse(world_to_cam)
    matrices = intrinsics.clone()
    matrices[..., 0, :] *= 2 / width
    matrices[..., 1, :] *= 2 / height
    return unproject_depth(
        depth[..., None], matrices, c2w=cam_to_first, ixt_normalized=True, num_patches_x=width, num_patches_y=height
    )


def cameras_from_rays() -> dict[str, np.ndarray]:
    """The package's cameras for exact rays: camera to world, focal lengths and principal points in halves of the sides."""
    rays, confidence = exact_rays()
    torch.manual_seed(0)
    pose, focal, center = get_extrinsic_from_camray(rays[None], confidence[None], *rays.shape[1:3])
    return {"pose": pose[0].numpy(), "focal": focal[0].numpy(), "center": center[0].numpy()}
