"""The settings of visual odometry, and what it knows between its steps."""

from dataclasses import dataclass, field, replace

from amb3r_core.errors import InputError
from amb3r_core.models.api import InputSpec
from amb3r_core.pipelines.mapping.arbitration import ArbitrationConfig
from amb3r_core.pipelines.mapping.keyframes import ResampleConfig
from amb3r_core.pipelines.mapping.scene_map import MapConfig

MIN_WINDOW = 4


@dataclass(frozen=True, kw_only=True)
class VoConfig:
    """Published values; distances in map units (one unit: median depth of the first window)."""

    first_window: int = 20
    """Frames that are seen together before there is a map."""
    patience: int = 4
    """While the first window holds no second keyframe, it waits and spreads over twice as many frames, up to this many times its
    size. Ours: from views that hardly differ, a model that triangulates finds neither depth nor focal length."""
    map_every: int = 8
    """New frames of every further window."""
    keyframe_spacing: float = 0.15
    """A keyframe is farther than this from all others: 27 degrees, or 0.15 units."""
    min_frame_weight: float = 0.05
    """Frames with a smaller mean weight (c - 1) / c are not placed. Ours, after the SfM's isolated frames."""
    resample: ResampleConfig = field(default_factory=ResampleConfig)
    arbitration: ArbitrationConfig = field(default_factory=ArbitrationConfig)
    map: MapConfig = field(default_factory=MapConfig)

    def fitted(self, spec: InputSpec) -> "VoConfig":
        """The same with windows that the model can take. Raises `InputError` when even the smallest are too large."""
        limit = spec.max_views
        if not limit or limit >= max(self.first_window, self.resample.max_active + self.map_every):
            return self
        if limit < MIN_WINDOW:
            raise InputError(
                f"visual odometry needs windows of {MIN_WINDOW} views, but the model takes {limit} at once: "
                "try a smaller `long_side`",
                option="long_side",
            )
        n_active = max(min(self.resample.n_active, limit // 2), 2)
        return replace(
            self,
            first_window=min(self.first_window, limit),
            map_every=min(self.map_every, limit - n_active),
            resample=replace(self.resample, n_active=n_active, max_active=n_active),
        )


@dataclass
class VoState:
    """The progress of a session, everything but the map. Frames are indices in the order they were fed."""

    n_mapped: int = 0
    """Frames that have been through a window or are `pending`."""
    pending: list[int] = field(default_factory=list[int])
    """Frames that the first window passed over, to be mapped next."""
    keyframes: list[int] = field(default_factory=list[int])
    active: list[int] = field(default_factory=list[int])
    lost: list[int] = field(default_factory=list[int])
    """Not placed yet, to be tried again at the end."""
    given_up: list[int] = field(default_factory=list[int])
