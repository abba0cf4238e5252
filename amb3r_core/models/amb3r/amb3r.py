"""The AMB3R network (arXiv 2511.20343): a draft of the scene, voxels that reason over it, a second pass that knows them."""

from dataclasses import dataclass, replace
from enum import Flag, auto
from functools import partial

import torch
from torch import Tensor, nn

from amb3r_core.models.amb3r.config import ModelConfig
from amb3r_core.models.amb3r.decoder import Aggregator, DecoderTaps, Injection
from amb3r_core.models.amb3r.dense import DenseHead, DenseHeadOutput, depth_activation, point_activation
from amb3r_core.models.amb3r.encoder import EncoderTokens
from amb3r_core.models.amb3r.heads import CameraHead
from amb3r_core.models.amb3r.scale import ScaleHead
from amb3r_core.models.amb3r.track_head import TrackHead
from amb3r_core.models.blocks.patches import patch_grid
from amb3r_core.voxel.backend import VoxelBackend


class Outputs(Flag):
    """Which heads to run. DEPTH brings the metric scale along, where the network has that head."""

    CAMERAS = auto()
    DEPTH = auto()
    POINTS = auto()
    ALL = CAMERAS | DEPTH | POINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelMap:
    """values: depth (B, T, H, W) or points (B, T, H, W, 3), in the network's unit; confidence (B, T, H, W) >= 1."""

    values: Tensor
    confidence: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass over B scenes of T views: its tokens, and the outputs that were asked for.

    encoder: tokens of the views, (B, T, ...). decoder_patches (B, T, P, 2C). poses (rounds, B, T, 9): see `heads`; the last
    round is the answer. points are in the frame of the first view, approximately. median_depth_m (B, T): each view's median
    depth in metres as the scale head sees it.
    """

    grid: tuple[int, int]
    encoder: EncoderTokens
    decoder_patches: Tensor
    poses: Tensor | None = None
    depth: PixelMap | None = None
    points: PixelMap | None = None
    median_depth_m: Tensor | None = None


class Vggt(nn.Module):
    """The front end's transformer and heads: everything under `front_end.model.`, which is what a VGGT-1B checkpoint holds."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.aggregator = Aggregator(config)
        self.camera_head = CameraHead(config)
        self.depth_head = DenseHead(config, 2, depth_activation)
        self.point_head = DenseHead(config, 4, point_activation)
        self.track_head = TrackHead() if config.has_track_head else None


class FrontEnd(nn.Module):
    """Everything under `front_end.`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.model = Vggt(config)
        self.metric_scale_projector = (
            None if config.scale is None else ScaleHead(config.scale, config.dense.features // 2, config.width)
        )


class Amb3rNetwork(nn.Module):
    """The whole network; module names are those of the published checkpoint.

    B scenes of T views each. Construct it under `torch.device("meta")` and load weights with `assign=True` to hold every
    weight once. For training, `forward` is a draft and one refinement.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = FrontEnd(config)
        self.backend = None if config.backend is None else VoxelBackend(config.backend)

    def forward(self, images: Tensor, *, curve_seed: int | None = None) -> list[Pass]:
        """[draft, refined] of images (B, T, 3, H, W) in [0, 1]; the draft alone when there is no back end."""
        draft = self.draft(images)
        return [draft] if self.backend is None else [draft, self.refine(draft, curve_seed=curve_seed)]

    def draft(self, images: Tensor, outputs: Outputs = Outputs.ALL) -> Pass:
        """The first pass over images (B, T, 3, H, W) in [0, 1], H and W multiples of the patch size."""
        return self._decode(self.encode(images), patch_grid(images, self.config.patch_size), None, outputs)

    def refine(
        self, first: Pass, outputs: Outputs = Outputs.ALL, *, valid: Tensor | None = None, curve_seed: int | None = None
    ) -> Pass:
        """A further pass over a pass that has points; the encoder is not run again, and additions to its tokens pile up.

        valid (B, T, H, W) bool leaves pixels such as padding out of the voxels. curve_seed: see `VoxelBackend`.
        """
        if self.backend is None or first.points is None:
            raise ValueError("refining needs a network with a back end and a first pass with points")
        aligned = self.backend(
            first.encoder.patches, first.decoder_patches, first.points.values, valid=valid, curve_seed=curve_seed
        )
        patches = first.encoder.patches + self.backend.initial_injection(aligned)
        injection = partial(self.backend.injection, aligned=aligned)
        return self._decode(replace(first.encoder, patches=patches), first.grid, injection, outputs)

    def encode(self, images: Tensor) -> EncoderTokens:
        """Encoder tokens (B, T, ...) of images (B, T, 3, H, W) in [0, 1]."""
        scenes = images.shape[:2]
        tokens: EncoderTokens = self.front_end.model.aggregator.patch_embed(images.flatten(0, 1))
        return EncoderTokens(
            patches=torch.unflatten(tokens.patches, 0, scenes),
            cls=torch.unflatten(tokens.cls, 0, scenes),
            registers=torch.unflatten(tokens.registers, 0, scenes),
        )

    def _decode(self, tokens: EncoderTokens, grid: tuple[int, int], injection: Injection | None, outputs: Outputs) -> Pass:
        model = self.front_end.model
        scenes = tokens.patches.shape[:2]
        taps: DecoderTaps = model.aggregator(tokens.patches, grid, injection)
        patch_taps = [feature[:, :, taps.n_special :].flatten(0, 1) for feature in taps.features]
        result = Pass(grid=grid, encoder=tokens, decoder_patches=taps.patches)
        if Outputs.CAMERAS in outputs:
            result = replace(result, poses=model.camera_head(taps.camera))
        if Outputs.POINTS in outputs:
            result = replace(result, points=_pixel_map(model.point_head(patch_taps, grid), scenes))
        if Outputs.DEPTH in outputs:
            scale_head = self.front_end.metric_scale_projector
            summarize = None if scale_head is None else scale_head.depth_vectors
            maps: DenseHeadOutput = model.depth_head(patch_taps, grid, summarize=summarize)
            if scale_head is not None and maps.summary is not None:
                median_depth_m = scale_head(maps.summary, _scale_tokens(tokens)).unflatten(0, scenes)
                result = replace(result, median_depth_m=median_depth_m)
            depth = _pixel_map(maps, scenes)
            result = replace(result, depth=replace(depth, values=depth.values.squeeze(-1)))
        return result


def _scale_tokens(tokens: EncoderTokens) -> Tensor:
    """(B * T, P + 1 + R, C): everything the encoder says about a view."""
    return torch.cat([tokens.patches, tokens.cls[:, :, None], tokens.registers], dim=2).flatten(0, 1)


def _pixel_map(maps: DenseHeadOutput, scenes: tuple[int, ...]) -> PixelMap:
    values, confidence = (torch.unflatten(tensor, 0, scenes) for tensor in (maps.values, maps.confidence))
    return PixelMap(values=values, confidence=confidence)
