"""Nerfstudio's data parser `amb3r-data`: keeps metres, and where the scene lies. Imports Nerfstudio.

Nerfstudio imports this module while it is itself being imported, so nothing here may import a trainer, a datamanager or a method.
"""

from dataclasses import dataclass
from typing import Literal

from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.plugins.registry_dataparser import DataParserSpecification


@dataclass
class Amb3rDataParserConfig(NerfstudioDataParserConfig):
    """A Nerfstudio dataset as it is: never turned, moved or scaled unless asked, with its seed points."""

    orientation_method: Literal["pca", "up", "vertical", "none"] = "none"
    """The method to use for orientation."""
    center_method: Literal["poses", "focus", "none"] = "none"
    """The method to use to center the poses."""
    auto_scale_poses: bool = False
    """Whether to scale the poses to fit in +/- 1; True gives up metres (ns-amb3r-to-metric brings them back)."""
    load_3D_points: bool = True
    """Whether to load the seed points."""


amb3r_data = DataParserSpecification(
    config=Amb3rDataParserConfig(), description="Datasets of ns-process-amb3r, and any other, in their own metres."
)
