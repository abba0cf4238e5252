"""Comparing Depth Anything 3 with golden files of its published package; see `benchmarks/da3_goldens.py`."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.models.api import ImageBatch, InputSpec, Prediction
from amb3r_core.models.batching import prepare
from amb3r_core.models.blocks.pose_encoding import intrinsics, inverse, transform
from amb3r_core.models.da3.alignment import is_sky, metres_per_unit, metric_depth
from amb3r_core.models.da3.backbone import BackboneTaps
from amb3r_core.models.da3.border import Answer, decoded_cameras, to_prediction
from amb3r_core.models.da3.config import CONFIGS, SINGLE, SMALL, Da3Config, NestedConfig
from amb3r_core.models.da3.heads import DenseMaps
from amb3r_core.models.da3.known import KnownCameras
from amb3r_core.models.da3.network import AnyViewNetwork, AnyViews, Da3Network, NestedNetwork, Outputs, SingleViewNetwork
from amb3r_core.models.da3.rays import cameras_from_rays
from tests.da3_cases import PREFIX, Case, exact_rays, known_intrinsics, known_poses, synthetic_weights, thinned
from tests.golden import Array, Comparison

LIMIT = 1e-4
SKY_QUANTILE = 0.99
FARTHEST_SKY_M = 200.0
"""The package puts sky at this quantile of the other depths, its pair no farther than this; the project leaves it unknown."""


def build(variant: str, salt: str = "") -> Da3Network:
    """The network with the weights of the rule."""
    return filled(config_of(variant), variant, salt)


def config_of(variant: str) -> Da3Config:
    """The configuration of a case's variant."""
    return NestedConfig(any_view=SMALL, metric=SINGLE) if variant == "pair" else dict(CONFIGS)[variant]  # pyright: ignore


def filled(config: Da3Config, variant: str, salt: str = "") -> Da3Network:
    """A network of any size with the weights of the rule."""
    with torch.device("meta"):
        network = Da3Network(config)
    weights = synthetic_weights(network.model, variant, salt)
    network.load_state_dict({PREFIX + name: value for name, value in weights.items()}, assign=True)
    return network.eval()


def compare_case(case: Case, golden: Mapping[str, Array], salt: str = "", network: Da3Network | None = None) -> list[Comparison]:
    """Every array of the golden file against ours; one that we lack is infinitely far off."""
    stride = int(golden["stride"])
    found = run(case, build(case.variant, salt) if network is None else network)
    return [_compared(name, found, golden[name], stride) for name in golden if name != "stride"]


def compare_rays(golden: Mapping[str, Array]) -> list[Comparison]:
    """The cameras that exact rays are turned into; a size of 2 x 2 pixels puts ours in the package's units."""
    rays, confidence = exact_rays()
    poses, matrices = cameras_from_rays(rays, confidence, (2, 2))
    found = {
        "pose": poses,
        "focal": torch.stack([matrices[:, 0, 0], matrices[:, 1, 1]], dim=-1),
        "center": matrices[:, :2, 2],
    }
    return [_compared(name, found, golden[name], 1) for name in golden if name != "stride"]


def run(case: Case, network: Da3Network) -> dict[str, Tensor]:
    """Every array that a golden file may hold, at full size, under the package's names."""
    model, images = network.model, case.images
    with torch.inference_mode(), Taps(model) as taps:
        if isinstance(model, SingleViewNetwork):
            found = _single(model(images))
        elif isinstance(model, NestedNetwork):
            found = _pair(case, *model(images))
        else:
            found = _any_view(case, model)
    return found | taps.found


def _single(maps: DenseMaps) -> dict[str, Tensor]:
    assert maps.sky is not None
    return {"depth": with_sky(maps.depth, is_sky(maps.sky)), "sky": maps.sky}


def _any_view(case: Case, model: AnyViewNetwork) -> dict[str, Tensor]:
    known = known_cameras(case) if case.has_cameras else None
    poses = None if known is None else known.encoded()
    answer = model(case.images, poses, outputs=Outputs.CAMERAS | Outputs.RAYS, rule=case.rule)  # pyright: ignore
    maps, points = answer.maps, _prediction(case, answer.maps.depth, answer).points_world[None]
    found = {"ray": maps.rays, "ray_conf": maps.ray_confidence, "depth": maps.depth, "depth_conf": maps.confidence}
    found |= _cameras(case, answer) | {"points": points}
    return found if poses is None else found | {"known_extrinsics": inverse(transform(poses))}


def _pair(case: Case, answer: AnyViews, metric: DenseMaps) -> dict[str, Tensor]:
    cameras = _cameras(case, answer)
    assert answer.maps.confidence is not None
    assert metric.sky is not None
    sky = is_sky(metric.sky)
    depth_m = metric_depth(metric.depth, cameras["intrinsics"])
    scale = metres_per_unit(answer.maps.depth, answer.maps.confidence, depth_m, ~sky)
    assert scale is not None
    depth = with_sky(answer.maps.depth * scale, sky, FARTHEST_SKY_M)
    cameras["extrinsics"][..., 3] *= scale
    assert answer.poses is not None
    poses = answer.poses.clone()
    poses[..., :3] *= scale
    points = _prediction(case, depth, AnyViews(maps=answer.maps, reference=answer.reference, poses=poses)).points_world
    confidence = torch.where(sky, 1.0, answer.maps.confidence)
    scales = {"scale_factor": torch.tensor(scale)}
    return cameras | scales | {"depth": depth, "depth_conf": confidence, "points": points[None]}


def _cameras(case: Case, answer: AnyViews) -> dict[str, Tensor]:
    assert answer.poses is not None
    return {
        "extrinsics": inverse(transform(answer.poses))[..., :3, :],
        "intrinsics": intrinsics(answer.poses, *case.size),
    }


def _prediction(case: Case, depth: Tensor, answer: AnyViews) -> Prediction:
    """What the border makes of the network's answer: points in our conventions."""
    assert answer.poses is not None
    batch = batch_of(case.images[0])
    return to_prediction(batch, Answer(depth=depth[0], cameras=decoded_cameras(answer.poses[0], case.size)))


def batch_of(images: Tensor) -> ImageBatch:
    """A batch of images (N, 3, H, W) that fill their grid."""
    arrays = [(image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy() for image in images]
    return prepare(frames_from_arrays(arrays).frames, InputSpec(long_side_px=max(images.shape[-2:]), multiple_px=14))


def with_sky(depth: Tensor, sky: Tensor, farthest: float = float("inf")) -> Tensor:
    """Depth with sky at a far value, as the package gives it where there are more than ten pixels of each kind."""
    if int(sky.sum()) <= 10 or int((~sky).sum()) <= 10:
        return depth
    far = float(np.quantile(depth[~sky].numpy(), SKY_QUANTILE))
    return torch.where(sky, min(far, farthest), depth)


def known_cameras(case: Case) -> KnownCameras:
    """The case's known cameras, as the border has them."""
    return KnownCameras(
        cam_to_world=torch.from_numpy(known_poses(case.n_views)),
        intrinsics=torch.from_numpy(known_intrinsics(case.n_views, case.size)),
        size=case.size,
    )


class Taps:
    """Listens to the backbone of the any-view network, or of the only one."""

    def __init__(self, model: AnyViewNetwork | SingleViewNetwork | NestedNetwork) -> None:
        self.found: dict[str, Tensor] = {}
        self.backbone = model.da3.backbone if isinstance(model, NestedNetwork) else model.backbone

    def __enter__(self) -> "Taps":
        self.handle = self.backbone.register_forward_hook(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def _listen(self, module: object, args: object, taps: BackboneTaps) -> None:
        self.found = {f"tap{index}": feature for index, feature in enumerate(taps.features)}
        self.found["camera_tokens"] = taps.camera


def _compared(name: str, found: Mapping[str, Tensor | None], golden: Array, stride: int) -> Comparison:
    ours = found.get(name)
    if ours is None:
        return Comparison(name=name, error=float("inf"), limit=LIMIT)
    kept, theirs = torch.from_numpy(thinned(name, ours.numpy(), stride)).double(), torch.from_numpy(np.asarray(golden)).double()
    if kept.shape != theirs.shape:
        return Comparison(name=name, error=float("inf"), limit=LIMIT)
    error = float((kept - theirs).abs().mean() / theirs.abs().mean().clamp(min=1e-30))
    return Comparison(name=name, error=error if np.isfinite(error) else float("inf"), limit=LIMIT)
