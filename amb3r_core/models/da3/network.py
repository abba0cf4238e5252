"""The networks whole: any views to depth and cameras, one view to depth and sky, and the pair of both."""

from dataclasses import dataclass
from enum import Flag, auto
from functools import partial

import torch
from torch import Tensor, nn

from amb3r_core.models.blocks.patches import patch_grid
from amb3r_core.models.da3.backbone import Backbone, BackboneTaps
from amb3r_core.models.da3.cameras import CameraDecoder, CameraEncoder
from amb3r_core.models.da3.config import AnyViewConfig, Da3Config, NestedConfig, SingleViewConfig
from amb3r_core.models.da3.heads import DenseMaps, DualHead, GaussianHead, SkyHead
from amb3r_core.models.da3.reference import ReferenceRule


class Outputs(Flag):
    """What an any-view network is asked for beside depth and its confidence."""

    NOTHING_MORE = 0
    CAMERAS = auto()
    RAYS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyViews:
    """What an any-view network says of B scenes of T views, in its own unit; maps are (B, T, ...), see `DenseMaps`.

    poses (B, T, 9): pose encodings, camera to world; the world is nearly the frame of the view `reference` (B,), or with known
    cameras that of the first.
    """

    maps: DenseMaps
    reference: Tensor
    poses: Tensor | None = None


class AnyViewNetwork(nn.Module):
    """Depth and cameras of any number of views."""

    def __init__(self, config: AnyViewConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        self.head = DualHead(config)
        self.cam_enc = CameraEncoder(config)
        self.cam_dec = CameraDecoder(config)
        if config.gaussian_channels is not None:
            self.gs_head = GaussianHead(config, config.gaussian_channels)

    def forward(
        self,
        images: Tensor,
        known_poses: Tensor | None = None,
        *,
        outputs: Outputs = Outputs.CAMERAS,
        rule: ReferenceRule = "balanced",
    ) -> AnyViews:
        """Answers for images (B, T, 3, H, W) in [0, 1]; known_poses (B, T, 9): see `known`, the first is the identity."""
        grid = patch_grid(images, self.config.backbone.patch_size)
        tokens = None if known_poses is None else self.cam_enc(known_poses)
        taps: BackboneTaps = self.backbone(images, tokens, rule)
        maps = self.head([tap.flatten(0, 1) for tap in taps.features], grid, with_rays=Outputs.RAYS in outputs)
        poses = self.cam_dec(taps.camera) if Outputs.CAMERAS in outputs else None
        return AnyViews(maps=per_scene(maps, images), reference=taps.reference, poses=poses)


class SingleViewNetwork(nn.Module):
    """Depth and sky of each view by itself. METRIC-LARGE's depth is in metres for a focal length of 300 pixels."""

    def __init__(self, config: SingleViewConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        self.head = SkyHead(config)

    def forward(self, images: Tensor) -> DenseMaps:
        """Maps (B, T, H, W) of images (B, T, 3, H, W) in [0, 1]."""
        taps: BackboneTaps = self.backbone(images)
        maps = self.head([tap.flatten(0, 1) for tap in taps.features], patch_grid(images, self.config.backbone.patch_size))
        return per_scene(maps, images)


class NestedNetwork(nn.Module):
    """The published pair: an any-view network, and METRIC-LARGE for its scale and its sky; see `alignment`."""

    def __init__(self, config: NestedConfig) -> None:
        super().__init__()
        self.config = config
        self.da3 = AnyViewNetwork(config.any_view)
        self.da3_metric = SingleViewNetwork(config.metric)

    def forward(self, images: Tensor) -> tuple[AnyViews, DenseMaps]:
        """What both say of images (B, T, 3, H, W) in [0, 1]."""
        return self.da3(images), self.da3_metric(images)


class Da3Network(nn.Module):
    """What a checkpoint holds: one of the networks under `model.`.

    Construct it under `torch.device("meta")` and load weights with `assign=True` to hold every weight once.
    """

    model: AnyViewNetwork | SingleViewNetwork | NestedNetwork

    def __init__(self, config: Da3Config) -> None:
        super().__init__()
        if isinstance(config, NestedConfig):
            self.model = NestedNetwork(config)
        else:
            self.model = AnyViewNetwork(config) if isinstance(config, AnyViewConfig) else SingleViewNetwork(config)


def per_scene(maps: DenseMaps, images: Tensor) -> DenseMaps:
    """Maps (B * T, ...) as (B, T, ...) of images (B, T, ...)."""
    shaped = partial(_unflattened, shape=images.shape[:2])
    return DenseMaps(
        depth=torch.unflatten(maps.depth, 0, images.shape[:2]),
        confidence=shaped(maps.confidence),
        rays=shaped(maps.rays),
        ray_confidence=shaped(maps.ray_confidence),
        sky=shaped(maps.sky),
    )


def _unflattened(values: Tensor | None, shape: torch.Size) -> Tensor | None:
    return None if values is None else torch.unflatten(values, 0, shape)
