# SPDX-License-Identifier: GPL-3.0-or-later
"""The choices of an import, free of Blender so that scripts can make them."""

from dataclasses import dataclass

from .core import DEFAULT_KEEP, Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChoices:
    """How a scene file becomes a Blender scene. The names and meanings are those of the import operator's options."""

    cameras: str = "AUTO"
    backgrounds: str = "AUTO"
    background_alpha: float = 1.0
    points: bool = True
    max_points: int = 5_000_000
    min_weight: float = 0.0
    point_radius: float = 0.0
    viewport_share: float = 1.0
    relief: bool = False
    keep: Keep = DEFAULT_KEEP
    """How much depth the reliefs are made of."""
    up_axis: str = "AUTO"
    scale: float = 1.0
    timeline: str = "TIME"
    camera_size: float = 0.0
    match_colors: bool = True
    material_preview: bool = True
    set_render: bool = True
    set_timeline: bool = True
    replace: bool = True

    @property
    def wants_each(self) -> bool:
        """Whether every view gets a camera of its own."""
        return self.cameras in ("AUTO", "EACH", "BOTH")

    def wants_path(self, is_timed: bool) -> bool:
        """Whether one camera moves through all views."""
        return self.cameras in ("ANIMATED", "BOTH") or (self.cameras == "AUTO" and is_timed)
