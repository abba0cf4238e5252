"""The network behind the models' common seam: batches of photos in, metres and our pixel convention out."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.errors import InputError
from amb3r_core.models.amb3r.amb3r import Amb3rNetwork, Outputs, Pass
from amb3r_core.models.amb3r.border import to_prediction
from amb3r_core.models.amb3r.memory import Load, naming_levers
from amb3r_core.models.amb3r.precision import compute_dtype
from amb3r_core.models.api import Draft, ImageBatch, InputSpec, Prediction
from amb3r_core.models.blocks.memory import require_room, view_limit
from amb3r_core.models.blocks.patches import mean_token
from amb3r_core.models.blocks.precision import exact_products
from amb3r_core.models.blocks.watching import watched
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.reconstruction import WeightsInfo

PUBLISHED_LONG_SIDE_PX = 518
ANSWER = Outputs.CAMERAS | Outputs.DEPTH
"""What a prediction is made of; the point map serves the back end alone."""


@dataclass(frozen=True, kw_only=True)
class Amb3rDraft:
    """The first pass over a batch: its prediction, and what the back end needs to refine it."""

    batch: ImageBatch
    first: Pass
    prediction: Prediction


class Amb3rModel:
    """A loaded network as a `RefinableModel` that `DescribesImages`.

    The network has its weights, device and dtype already. Without a back end, asked for or not there, `refine` gives the draft's
    prediction. Without a scale head the prediction's unit is relative. memory_bytes: what weights and work may take together;
    it limits the views of a call, None means no limit.
    """

    def __init__(
        self,
        network: Amb3rNetwork,
        *,
        name: str = "amb3r",
        weights: WeightsInfo | None = None,
        use_backend: bool = True,
        long_side_px: int | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self.network = network.eval()
        self._name = name
        self._weights = weights
        self._use_backend = use_backend and network.backend is not None
        self._memory_bytes = memory_bytes
        side = long_side_px or PUBLISHED_LONG_SIDE_PX
        limit = 0 if memory_bytes is None else max(view_limit(self._load(1, side, side), memory_bytes), 1)
        self._input_spec = InputSpec(long_side_px=side, multiple_px=network.config.patch_size, max_views=limit)

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
        """Depth and cameras of the batch, in metres where the network knows them; the first registered view is the world.

        The same numbers as `refine(draft(batch))`, without the heads of the first pass that nothing reads.
        Raises `ResourceError` when memory runs out.
        """
        if not self._use_backend:
            return to_prediction(self._first_pass(batch, ANSWER, monitor), batch)
        return self._refined(batch, self._first_pass(batch, Outputs.POINTS, monitor), monitor)

    def draft(self, batch: ImageBatch, *, monitor: Monitor = silent) -> Amb3rDraft:
        """The front end's answer. Raises `ResourceError` when memory runs out."""
        first = self._first_pass(batch, Outputs.ALL if self._use_backend else ANSWER, monitor)
        return Amb3rDraft(batch=batch, first=first, prediction=to_prediction(first, batch))

    def refine(self, draft: Draft, *, monitor: Monitor = silent) -> Prediction:
        """The answer after the back end and a second pass. Raises `ResourceError` when memory runs out."""
        if not isinstance(draft, Amb3rDraft):
            raise TypeError(f"a draft of {self.name} is needed, not {type(draft).__name__}")
        return self._refined(draft.batch, draft.first, monitor) if self._use_backend else draft.prediction

    def describe(self, batch: ImageBatch) -> Tensor:
        """Descriptors (N, C) float32 of unit length: the mean encoder token of each view's valid patches."""
        with self._at_work(batch, silent, "describe", 0):
            tokens = self.network.encode(self._images(batch)).patches[0]
            return mean_token(tokens, batch.valid, self.network.config.patch_size).cpu()

    def _first_pass(self, batch: ImageBatch, outputs: Outputs, monitor: Monitor) -> Pass:
        if self._memory_bytes is not None:
            require_room(self.name, self._load(batch.n_views, *batch.grid), self._memory_bytes)
        with self._at_work(batch, monitor, "draft", self._encoder_steps + self._decoder_steps):
            return self.network.draft(self._images(batch), outputs)

    def _refined(self, batch: ImageBatch, first: Pass, monitor: Monitor) -> Prediction:
        with self._at_work(batch, monitor, "refine", self._decoder_steps):
            refined = self.network.refine(first, ANSWER, valid=batch.valid.to(self._device)[None])
            return to_prediction(refined, batch)

    def _load(self, n_views: int, height: int, width: int) -> Load:
        return Load(
            n_views=n_views,
            height=height,
            width=width,
            dtype=compute_dtype(self.network),
            device=self._device,
            use_backend=self._use_backend,
            config=self.network.config,
        )

    @property
    def _encoder_steps(self) -> int:
        return self.network.config.encoder_depth

    @property
    def _decoder_steps(self) -> int:
        return 2 * self.network.config.decoder_depth

    @property
    def _device(self) -> torch.device:
        return self.network.front_end.model.aggregator.camera_token.device

    def _images(self, batch: ImageBatch) -> Tensor:
        height, width = batch.grid
        patch = self.network.config.patch_size
        if height % patch or width % patch:
            raise InputError(f"the views are {width} x {height} pixels: {self.name} needs multiples of {patch}")
        return batch.pixels.to(self._device, torch.float32)[None]

    @contextmanager
    def _at_work(self, batch: ImageBatch, monitor: Monitor, stage: str, total: int) -> Generator[None]:
        with (
            naming_levers(self.network, self.name, batch.n_views),
            torch.inference_mode(),
            exact_products(compute_dtype(self.network)),
            watched(self.network, monitor, stage=f"{self.name} {stage}", total=total),
        ):
            yield
