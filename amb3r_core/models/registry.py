"""The models by name, and which one `auto` means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from amb3r_core.errors import InputError, WeightsError
from amb3r_core.models.api import ReconstructionModel
from amb3r_core.options import DtypeName, FeatureChoice
from amb3r_core.progress import Monitor


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What a model is loaded with.

    device: torch device name. long_side_px: longer side of the grid, None for the model's own. weights: a checkpoint file,
    None for the imported one. scratch: folder for intermediate files that a later run may reuse.
    """

    device: str
    dtype: DtypeName
    backend: bool
    weights: Path | None
    commercial_ok: bool
    long_side_px: int | None
    seed: int
    scratch: Path
    features: FeatureChoice = "auto"
    """Which keypoints structure from motion matches; other models look for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a job will take, roughly: right within a factor of two on machines like those it was measured on."""

    seconds: float
    memory_bytes: float


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One model: how to load it, and what is missing to do so."""

    name: str
    summary: str
    module: str
    """Module with `load`, `missing` and `estimate`, whose arguments are those of the methods here; imported when asked for."""

    def load(self, options: ModelOptions, monitor: Monitor) -> ReconstructionModel:
        """The model, ready to predict; raises `WeightsError`, `DependencyError` or `ResourceError`."""
        loader: Callable[[ModelOptions, Monitor], ReconstructionModel] = import_module(self.module).load
        return loader(options, monitor)

    def missing(self, options: ModelOptions) -> str | None:
        """One phrase that says what keeps the model from being loaded, None when nothing does."""
        check: Callable[[ModelOptions], str | None] = import_module(self.module).missing
        return check(options)

    def estimate(self, options: ModelOptions, sizes: Sequence[tuple[int, int]], *, is_ordered: bool) -> "Estimate | None":
        """What one job over pictures of these (width, height) will take on this machine; None where the model does not know."""
        estimator: Callable[[ModelOptions, Sequence[tuple[int, int]], bool], Estimate | None]
        estimator = import_module(self.module).estimate
        return estimator(options, sizes, is_ordered)


MODELS: Mapping[str, ModelEntry] = {
    "amb3r": ModelEntry(
        name="amb3r",
        summary="feed-forward network with voxel back end and metric scale; needs weights",
        module="amb3r_core.models.amb3r.loading",
    ),
    "vggt": ModelEntry(
        name="vggt",
        summary="the network's front end alone with VGGT-1B weights; scale stays relative",
        module="amb3r_core.models.amb3r.loading_vggt",
    ),
    "colmap": ModelEntry(
        name="colmap",
        summary="structure from motion and multi-view stereo; needs no weights",
        module="amb3r_core.models.colmap.loading",
    ),
}
"""Best first: `auto` takes the first that can be loaded."""


def model_states(options: ModelOptions) -> dict[str, str]:
    """Each model with what it is, and what keeps it from running if anything does."""
    missing = {name: entry.missing(options) for name, entry in MODELS.items()}
    return {name: f"{MODELS[name].summary}; {f'cannot run: {why}' if why else 'ready'}" for name, why in missing.items()}


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """The chosen model and the reason, as a sentence for the user."""

    entry: ModelEntry
    reason: str


def choose_model(name: str, options: ModelOptions) -> ModelChoice:
    """The model of that name; `InputError` for an unknown one, `WeightsError` when it cannot be loaded."""
    if name == "auto":
        return _choose_best(options)
    entry = MODELS.get(name)
    if entry is None:
        raise InputError(f'`model="{name}"`: no such model; there are auto, {", ".join(MODELS)}', option="model")
    missing = entry.missing(options)
    if missing:
        raise WeightsError(f"model {name} cannot run: {missing}")
    return ModelChoice(entry=entry, reason=f"{name}, as asked")


def _choose_best(options: ModelOptions) -> ModelChoice:
    passed_over: list[str] = []
    for entry in MODELS.values():
        missing = entry.missing(options)
        if missing is None:
            why = f"; {passed_over[0]}" if passed_over else ""
            return ModelChoice(entry=entry, reason=f"{entry.name}, the best model whose weights are present{why}")
        passed_over.append(f"{entry.name}: {missing}")
    raise WeightsError("no model can run: " + "; ".join(passed_over))
