"""Nerfstudio's data parser `amb3r-data`: keeps metres, and where the scene lies. Imports Nerfstudio.

Nerfstudio imports this module while it is itself being imported, so nothing here may import a trainer, a datamanager or a method.
"""

# Torch and Nerfstudio leave the types of some methods open.
# pyright: reportUnknownMemberType=false

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import numpy as np
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import Nerfstudio, NerfstudioDataParserConfig
from nerfstudio.plugins.registry_dataparser import DataParserSpecification
from numpy.typing import NDArray

from amb3r_nerfstudio.seed import camera_extent
from amb3r_nerfstudio.transforms_file import notes_of, read_transforms, splats_of

START_KEY = "amb3r_start"
"""Where the parser puts a `Start` among the outputs' metadata."""


@dataclass(frozen=True)
class Start:
    """What a splat's training may want to know about the dataset.

    splats: file of gaussians in the dataset's coordinates, None when there is none. transform (3, 4), scale: the parser's way
    from there, ``x_train = scale * (R x + t)``. extent: largest coordinate of a camera seen from their middle, as trained.
    is_metric: whether the dataset's unit is a metre.
    """

    splats: Path | None
    transform: tuple[tuple[float, ...], ...]
    scale: float
    extent: float
    is_metric: bool


@dataclass
class Amb3rDataParserConfig(NerfstudioDataParserConfig):
    """A Nerfstudio dataset as it is: never turned, moved or scaled unless asked, with its seed points."""

    _target: type = field(default_factory=lambda: Amb3rDataParser)
    """target class to instantiate"""
    orientation_method: Literal["pca", "up", "vertical", "none"] = "none"
    """The method to use for orientation."""
    center_method: Literal["poses", "focus", "none"] = "none"
    """The method to use to center the poses."""
    auto_scale_poses: bool = False
    """Whether to scale the poses to fit in +/- 1; True gives up metres (ns-amb3r-to-metric brings them back)."""
    load_3D_points: bool = True
    """Whether to load the seed points."""


@dataclass
class Amb3rDataParser(Nerfstudio):
    """Nerfstudio's own parser, which also says where a splat's training may start."""

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        read_transforms(transforms_path(self.config.data))  # Nerfstudio itself takes a focal length of NaN
        outputs = cast(DataparserOutputs, super()._generate_dataparser_outputs(split))
        outputs.metadata[START_KEY] = start_of(self.config.data, outputs)
        return outputs


def start_of(data: Path, outputs: DataparserOutputs) -> Start:
    """The start of a dataset (folder or transforms.json) that was parsed into these outputs."""
    path = transforms_path(data)
    document = read_transforms(path)
    told = document.get("applied_transform")
    applied = np.vstack([np.eye(4)[:3] if told is None else np.array(told, dtype=np.float64)[:3], [0, 0, 0, 1]])
    parsed = np.vstack([outputs.dataparser_transform.numpy().astype(np.float64)[:3], [0, 0, 0, 1]])
    transform = (parsed @ np.linalg.inv(applied))[:3]
    centres = cast(NDArray[np.float32], outputs.cameras.camera_to_worlds[:, :3, 3].numpy())
    return Start(
        splats=splats_of(document, path),
        transform=tuple(tuple(row) for row in transform.tolist()),
        scale=float(outputs.dataparser_scale),
        extent=camera_extent(centres),
        is_metric=notes_of(document, path).get("scale") == "metric",
    )


def transforms_path(data: Path) -> Path:
    """The file of a dataset that is named by its folder or by the file."""
    return data if data.suffix == ".json" else data / "transforms.json"


amb3r_data = DataParserSpecification(
    config=Amb3rDataParserConfig(), description="Datasets of ns-process-amb3r, and any other, in their own metres."
)
