"""The features and cameras of a video's frames, found as they come and read back when they are needed."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import pycolmap

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm.cameras import camera_key, colmap_cameras
from amb3r_core.models.colmap.sfm.features import FeatureConfig, Features, feature_path, find_features, read_features
from amb3r_core.progress import Monitor

KEPT_FRAMES = 200
"""Features of so many frames stay in memory, 0.4 MB each."""


class VideoFeatures(Sequence[Features]):
    """Features by frame; the folder may hold those of an earlier run."""

    def __init__(self, folder: Path, scratch: Path, config: FeatureConfig, n_processes: int) -> None:
        """scratch: for what the workers are given."""
        self.frames: list[Frame] = []
        """All that came, also those whose features are not found yet."""
        self.cameras: list[pycolmap.Camera] = []
        """Of the frames whose features are found; frames of one camera share its id."""
        self._camera_ids: dict[object, int] = {}
        self._folder, self._scratch, self._config, self._n_processes = folder, scratch, config, n_processes
        self._kept: OrderedDict[int, Features] = OrderedDict()

    def __len__(self) -> int:
        return len(self.cameras)

    @property
    def n_waiting(self) -> int:
        """Frames whose features are not found yet."""
        return len(self.frames) - len(self.cameras)

    def find(self, monitor: Monitor) -> None:
        """Finds the features of all frames that wait for it."""
        first = len(self)
        new = self.frames[first:]
        paths = [self._path(frame) for frame in new]
        found = find_features(new, paths, self._config, self._scratch, self._n_processes, monitor)
        for index, (frame, features) in enumerate(zip(new, found, strict=True), first):
            self._keep(index, features)
            (camera,) = colmap_cameras([frame], [features])
            camera.camera_id = self._camera_ids.setdefault(camera_key(frame), len(self._camera_ids) + 1)
            self.cameras.append(camera)

    @overload
    def __getitem__(self, index: int) -> Features: ...
    @overload
    def __getitem__(self, index: slice) -> list[Features]: ...
    def __getitem__(self, index: int | slice) -> Features | list[Features]:
        if isinstance(index, slice):
            return [self[frame] for frame in range(*index.indices(len(self)))]
        found = self._kept.get(index)
        if found is None:
            found = read_features(self._path(self.frames[index]))
            self._keep(index, found)
        else:
            self._kept.move_to_end(index)
        return found

    def name(self, index: int) -> str:
        """Of a frame's features among all of one job."""
        return self._path(self.frames[index]).stem

    def _path(self, frame: Frame) -> Path:
        return feature_path(self._folder, frame, self._config)

    def _keep(self, index: int, features: Features) -> None:
        self._kept[index] = features
        if len(self._kept) > KEPT_FRAMES:
            self._kept.popitem(last=False)
