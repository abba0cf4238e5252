"""Splatfacto that trains in metres and starts from surfaces. Imports Nerfstudio.

Splatfacto's thresholds and its learning rate of positions are absolute, made for scenes scaled to 1: here they are multiplied by
the extent of the cameras. gsplat resets opacities at step 0 already, which would throw a good start away: here it does not.
"""

# Torch and Nerfstudio leave the types of some methods open.
# pyright: reportUnknownMemberType=false

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.models.splatfacto import SplatfactoModel, SplatfactoModelConfig
from nerfstudio.utils.rich_utils import CONSOLE

from amb3r_core.export.ply import Vertices, read_vertices
from amb3r_nerfstudio.dataparser import START_KEY, Start
from amb3r_nerfstudio.to_metric import Similarity, moved_splat

NO_START = Start(splats=None, transform=((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)), scale=1.0, extent=1.0, is_metric=False)
"""For datasets of other data parsers."""


@dataclass
class Amb3rSplatfactoModelConfig(SplatfactoModelConfig):
    """Splatfacto, aware of the scene's extent."""

    _target: type = field(default_factory=lambda: Amb3rSplatfactoModel)
    """target class to instantiate"""
    start_from_splats: bool = True
    """Start from the dataset's splat_init.ply (sizes, rotations and opacities of the surfaces) where it has one."""
    camera_optimizer: CameraOptimizerConfig = field(default_factory=lambda: CameraOptimizerConfig(mode="SO3xR3"))
    """Refines the poses, which a network gives nearly right; mode off keeps them."""


@dataclass(frozen=True)
class PoseCorrection:
    """How far training moved the cameras: lengths in the dataset's unit, angles in degrees."""

    mean_length: float
    largest_length: float
    mean_deg: float
    largest_deg: float

    def sentence(self, *, is_metric: bool) -> str:
        """The correction in words, in centimetres for a metric dataset."""
        factor, unit = (100.0, "cm") if is_metric else (1.0, "units")
        return (
            f"poses were corrected by {self.mean_length * factor:.3g} {unit} and {self.mean_deg:.3g} degrees on average, "
            f"at most {self.largest_length * factor:.3g} {unit} and {self.largest_deg:.3g} degrees"
        )


class Amb3rSplatfactoModel(SplatfactoModel):
    """Splatfacto whose thresholds fit the scene's extent and whose gaussians may start as surfaces."""

    config: Amb3rSplatfactoModelConfig  # pyright: ignore[reportIncompatibleVariableOverride]  (Nerfstudio's own idiom)

    def populate_modules(self) -> None:
        super().populate_modules()
        metadata = cast(dict[str, object], self.kwargs.get("metadata") or {})
        start = cast(Start, metadata.get(START_KEY, NO_START))
        self.start = start
        self.strategy_state = self.strategy.initialize_state(scene_scale=start.extent)
        self.starts_from_splats = self.config.start_from_splats and not self.config.random_init and start.splats is not None
        if self.starts_from_splats and start.splats is not None:
            parameters = splat_parameters(start.splats, start, n_rest=self.features_rest.shape[1])
            for name, value in parameters.items():
                self.gauss_params[name] = torch.nn.Parameter(value)
            CONSOLE.log(f"starting from {len(parameters['means']):,} gaussians of {start.splats.name}")

    def step_post_backward(self, step: int) -> None:
        """As upstream, but without the reset of opacities at step 0 when they are worth keeping."""
        if step == 0 and self.starts_from_splats:
            return
        super().step_post_backward(step)

    def get_training_callbacks(self, training_callback_attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        if training_callback_attributes.optimizers is not None:
            scale_learning_rate(training_callback_attributes.optimizers, "means", self.start.extent)
        report = TrainingCallback([TrainingCallbackLocation.AFTER_TRAIN], self.report_correction)
        return [*super().get_training_callbacks(training_callback_attributes), report]

    def pose_correction(self) -> PoseCorrection | None:
        """How far the cameras were moved; None when they were kept."""
        if self.config.camera_optimizer.mode == "off":
            return None
        moved = self.camera_optimizer.get_correction_matrices().detach().cpu().double()
        lengths = moved[:, :, 3].norm(dim=-1) / self.start.scale
        cosines = (moved[:, :, :3].diagonal(dim1=-2, dim2=-1).sum(dim=-1) - 1) / 2
        angles = torch.rad2deg(torch.arccos(cosines.clamp(-1, 1)))
        return PoseCorrection(*(float(x) for x in (lengths.mean(), lengths.max(), angles.mean(), angles.max())))

    def report_correction(self, step: int) -> None:
        """Says how far the cameras were moved."""
        correction = self.pose_correction()
        if correction is not None:
            CONSOLE.print(correction.sentence(is_metric=self.start.is_metric))


def scale_learning_rate(optimizers: Optimizers, name: str, factor: float) -> None:
    """Sets a group's learning rate to its configured one times `factor`, now and for its schedule; again changes nothing."""
    wanted = optimizers.config[name]["optimizer"].lr * factor
    groups = cast(list[dict[str, Any]], optimizers.optimizers[name].param_groups)
    for group in groups:
        group["lr"] *= wanted / group.get("initial_lr", group["lr"])
        group["initial_lr"] = wanted
    scheduler = cast(Any, optimizers.schedulers.get(name))
    if scheduler is not None:
        scheduler.base_lrs = [wanted] * len(scheduler.base_lrs)


def splat_parameters(path: Path, start: Start, *, n_rest: int) -> dict[str, torch.Tensor]:
    """Splatfacto's parameters of a splat file, in the coordinates of the training; n_rest: harmonics beyond the constant one."""
    transform = np.array(start.transform, dtype=np.float64)
    similarity = Similarity(start.scale, transform[:, :3], start.scale * transform[:, 3])
    vertices = moved_splat(read_vertices(path), similarity, str(path))
    rest = np.zeros((len(vertices), n_rest, 3), dtype=np.float32)
    n_stored = sum(field.startswith("f_rest_") for field in vertices.dtype.names or ()) // 3
    for channel in range(3):
        for index in range(min(n_rest, n_stored)):
            rest[:, index, channel] = vertices[f"f_rest_{channel * n_stored + index}"]
    return {
        "means": _columns(vertices, "x", "y", "z"),
        "scales": _columns(vertices, "scale_0", "scale_1", "scale_2"),
        "quats": _columns(vertices, "rot_0", "rot_1", "rot_2", "rot_3"),
        "features_dc": _columns(vertices, "f_dc_0", "f_dc_1", "f_dc_2"),
        "features_rest": torch.from_numpy(rest),
        "opacities": _columns(vertices, "opacity"),
    }


def _columns(vertices: Vertices, *names: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([vertices[name] for name in names], axis=-1).astype(np.float32))
