"""The networks behind the models' common seam: batches of photos in, our conventions out."""

from collections.abc import Generator
from contextlib import contextmanager
from math import ceil
from typing import Literal

import torch
from torch import Tensor

from amb3r_core.errors import InputError
from amb3r_core.models.api import ImageBatch, InputSpec, Prediction
from amb3r_core.models.blocks.memory import lever_sentence, require_room, running_out_named, view_limit
from amb3r_core.models.blocks.patches import mean_token
from amb3r_core.models.blocks.precision import exact_products
from amb3r_core.models.blocks.watching import watched
from amb3r_core.models.da3.alignment import is_sky, metres_per_unit, metric_depth
from amb3r_core.models.da3.backbone import VIEWS_PER_CHUNK
from amb3r_core.models.da3.border import (
    ASSUMED_FOCAL_RATIO,
    Answer,
    Cameras,
    assumed_camera,
    decoded_cameras,
    known_cameras,
    to_prediction,
)
from amb3r_core.models.da3.config import AnyViewConfig, BackboneConfig, Da3Config, SingleViewConfig, Variant, branches
from amb3r_core.models.da3.heads import N_LEVELS, DenseMaps
from amb3r_core.models.da3.known import KnownCameras
from amb3r_core.models.da3.memory import Da3Load
from amb3r_core.models.da3.network import AnyViewNetwork, AnyViews, Da3Network, NestedNetwork, Outputs, SingleViewNetwork
from amb3r_core.models.da3.precision import compute_dtype
from amb3r_core.models.da3.rays import cameras_from_rays
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.reconstruction import WeightsInfo

PUBLISHED_LONG_SIDE_PX = 504
PoseSource = Literal["decoder", "rays"]
"""Where cameras come from: the camera decoder, or the ray map, which costs the head's second branch."""
SOME_POSES = "{given} of {n} views came with a known pose: the network takes all poses or none, so these were not used"
NO_CONFIDENCE = "the network gives no confidence: every depth has the same weight"
ASSUMED_FOCAL = f"the focal length is unknown, {ASSUMED_FOCAL_RATIO:g} times the longer side was assumed: the unit is relative"
FAILED_SCALE = "no pixel could tell the scale: the unit is relative"


class Da3Model:
    """A loaded network as a `ReconstructionModel` that `DescribesImages`.

    The network has its weights, device and dtype already. variant: which one it is; METRIC-LARGE and MONO-LARGE take one
    view at a time. memory_bytes: what weights and work may take together; it limits the views of a call, None means no limit.
    """

    def __init__(
        self,
        network: Da3Network,
        config: Da3Config,
        *,
        variant: Variant,
        weights: WeightsInfo | None = None,
        poses: PoseSource = "decoder",
        long_side_px: int | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self.network = network.eval()
        self._config = config
        self._name = variant
        self._weights = weights
        self._poses: PoseSource = poses
        self._memory_bytes = memory_bytes
        side = long_side_px or PUBLISHED_LONG_SIDE_PX
        limit = 0 if memory_bytes is None else max(view_limit(self._load(1, side, side), memory_bytes), 1)
        self._input_spec = InputSpec(
            long_side_px=side,
            multiple_px=self._backbone.patch_size,
            max_views=1 if isinstance(config, SingleViewConfig) else limit,
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def input_spec(self) -> InputSpec:
        return self._input_spec

    @property
    def weights(self) -> WeightsInfo | None:
        return self._weights

    def predict(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Prediction:
        """Depth and cameras of the batch; the first registered view is the world, unless all poses are known.

        METRIC-LARGE and the nested pair answer in metres. Raises `ResourceError` when memory runs out.
        """
        if self._memory_bytes is not None:
            require_room(self.name, self._load(batch.n_views, *batch.grid), self._memory_bytes)
        model, images = self.network.model, self._images(batch)
        with self._at_work(batch, monitor, "predict", self._steps(batch.n_views)):
            if isinstance(model, SingleViewNetwork):
                answer = self._single(batch, model(images))
            elif isinstance(model, NestedNetwork):
                answer = self._pair(batch, self._any_view(batch, images, model.da3), model.da3_metric(images))
            else:
                answer = self._any_view(batch, images, model)
            return to_prediction(batch, answer)

    def describe(self, batch: ImageBatch) -> Tensor:
        """Descriptors (N, C) float32 of unit length: each view's mean token, before views know one another."""
        model = self.network.model
        backbone = (model.da3 if isinstance(model, NestedNetwork) else model).backbone.pretrained
        with self._at_work(batch, silent, "describe", 0):
            tokens = backbone.describe(self._images(batch))[0]
            return mean_token(tokens, batch.valid, self._backbone.patch_size).cpu()

    def _any_view(self, batch: ImageBatch, images: Tensor, model: AnyViewNetwork) -> Answer:
        n_posed = sum(frame.cam_to_world is not None for frame in batch.frames)
        known, found = known_cameras(batch, None), None
        if n_posed == batch.n_views and known is None:  # the first answer tells the fields of view that the second is given
            found = self._cameras(batch, self._views(images, model, None))
            known = known_cameras(batch, found)
        views = self._views(images, model, known)
        notes = (SOME_POSES.format(given=n_posed, n=batch.n_views),) if 0 < n_posed < batch.n_views else ()
        confidence = views.maps.confidence
        return Answer(
            depth=views.maps.depth[0],
            confidence=None if confidence is None else confidence[0],
            cameras=self._cameras(batch, views),
            known=known,
            notes=notes,
        )

    def _views(self, images: Tensor, model: AnyViewNetwork, known: KnownCameras | None) -> AnyViews:
        outputs = Outputs.RAYS if self._poses == "rays" else Outputs.CAMERAS
        return model(images, None if known is None else known.encoded().to(images.device), outputs=outputs)

    def _cameras(self, batch: ImageBatch, views: AnyViews) -> Cameras:
        maps = views.maps
        if views.poses is not None:
            return decoded_cameras(views.poses[0], batch.grid)
        assert maps.rays is not None
        assert maps.ray_confidence is not None
        poses, matrices = cameras_from_rays(maps.rays[0], maps.ray_confidence[0], batch.grid)
        found = poses.isfinite().flatten(1).all(1) & matrices.isfinite().flatten(1).all(1)
        reasons = tuple("" if bool(one) else "the network's rays are those of no camera" for one in found)
        return Cameras(cam_to_world=poses, intrinsics=matrices, reasons=reasons)

    def _pair(self, batch: ImageBatch, views: Answer, metric: DenseMaps) -> Answer:
        """The any-view answer with the scale and the sky of the metric network."""
        assert metric.sky is not None
        assert views.confidence is not None
        sky = is_sky(metric.sky[0])
        prediction = to_prediction(batch, views)
        depth_m = metric_depth(metric.depth[0], prediction.intrinsics.to(metric.depth))
        usable = ~sky & batch.valid.to(sky.device) & prediction.registered.to(sky.device)[:, None, None]
        scale = metres_per_unit(views.depth, views.confidence, depth_m, usable)
        notes = (*views.notes, FAILED_SCALE) if scale is None else views.notes
        return Answer(
            depth=views.depth,
            confidence=views.confidence,
            cameras=views.cameras,
            sky=sky,
            metric_scale=scale,
            known=views.known,
            notes=notes,
        )

    def _single(self, batch: ImageBatch, maps: DenseMaps) -> Answer:
        assert maps.sky is not None
        if batch.n_views != 1:
            raise InputError(f"{self.name} takes one view at a time, not {batch.n_views}: it can not place views", option="model")
        cameras, is_told = assumed_camera(batch)
        metres_per_depth = float(metric_depth(torch.ones(1, 1, 1), cameras.intrinsics.float()))
        return Answer(
            depth=maps.depth[0],
            cameras=cameras,
            sky=is_sky(maps.sky[0]),
            metric_scale=metres_per_depth if self.name == "da3-metric" and is_told else None,
            notes=(NO_CONFIDENCE,) if is_told else (NO_CONFIDENCE, ASSUMED_FOCAL),
        )

    def _load(self, n_views: int, height: int, width: int) -> Da3Load:
        return Da3Load(
            n_views=n_views,
            height=height,
            width=width,
            dtype=compute_dtype(self.network),
            device=self._device,
            config=self._config,
        )

    def _steps(self, n_views: int) -> int:
        """Blocks and fusions that one answer takes."""
        configs = branches(self._config)
        return sum(_branch_steps(config, n_views, self._poses) for config in configs)

    @property
    def _backbone(self) -> BackboneConfig:
        return branches(self._config)[0].backbone

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _images(self, batch: ImageBatch) -> Tensor:
        height, width = batch.grid
        patch = self._backbone.patch_size
        if height % patch or width % patch:
            raise InputError(f"the views are {width} x {height} pixels: {self.name} needs multiples of {patch}")
        return batch.pixels.to(self._device, torch.float32)[None]

    @contextmanager
    def _at_work(self, batch: ImageBatch, monitor: Monitor, stage: str, total: int) -> Generator[None]:
        dtype = compute_dtype(self.network)
        with (
            running_out_named(self.name, lambda: lever_sentence(self._device, dtype, batch.n_views)),
            torch.inference_mode(),
            exact_products(dtype),
            watched(self.network, monitor, stage=f"{self.name} {stage}", total=total),
        ):
            yield


def _branch_steps(config: AnyViewConfig | SingleViewConfig, n_views: int, poses: PoseSource) -> int:
    backbone = config.backbone
    alone = backbone.depth if backbone.joint_from is None else backbone.joint_from
    pyramids = 2 if poses == "rays" and isinstance(config, AnyViewConfig) else 1
    chunks = ceil(n_views / config.dense.frames_per_chunk)
    return alone * ceil(n_views / VIEWS_PER_CHUNK) + backbone.depth - alone + pyramids * N_LEVELS * chunks
