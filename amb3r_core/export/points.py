"""What the exports of one scene have in common: its fused points, fewer of them, and their tracks, each made once."""

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.thinning import VoxelThinner, empty_cloud, spaced
from amb3r_core.scene.tracks import CANDIDATES_PER_POINT, TrackConfig, Tracks, no_tracks, visibility_tracks

T = TypeVar("T")


class ScenePoints:
    """The points of one scene as its exporters want them, made when the first of them asks.

    cloud: the fused points when they are at hand.
    """

    def __init__(self, reconstruction: Reconstruction, cloud: PointCloud | None = None) -> None:
        self.reconstruction = reconstruction
        self._given = cloud
        self._made: dict[Hashable, Any] = {}

    @property
    def are_known(self) -> bool:
        """Whether there are points at hand, or depth to make them of."""
        return self._given is not None or self.reconstruction.dense is not None

    @cached_property
    def cloud(self) -> PointCloud:
        """The given cloud, else the fused one, else (a scene without depth) an empty one."""
        if self._given is not None:
            return self._given
        return empty_cloud() if self.reconstruction.dense is None else fuse(self.reconstruction)

    def required(self) -> PointCloud:
        """The cloud; `InputError` for a scene that has neither points nor depth."""
        return self.cloud if self.are_known else fuse(self.reconstruction)

    def thinned(self, max_points: int) -> PointCloud:
        """At most `max_points` points, evenly spread."""
        if len(self.cloud) <= max_points:
            return self.cloud
        return self.once(("thinned", max_points), lambda: self._spaced.limited(max_points).cloud())

    @cached_property
    def _spaced(self) -> VoxelThinner:
        return spaced(self.cloud)

    @cached_property
    def tracks(self) -> Tracks:
        """Which views see which points; none in a scene without depth."""
        if self.reconstruction.dense is None:
            return no_tracks()
        config = TrackConfig()
        return visibility_tracks(self.reconstruction, self.thinned(CANDIDATES_PER_POINT * config.max_points), config)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made when it is first asked for under this key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
