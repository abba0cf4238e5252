"""The first stage: photos or a video to a scene."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import open3d as o3d

from amb3r_core import FocalAndCentre, InputError, Monitor, Reconstruction, ReconstructOptions, Scale, reconstruct, silent
from amb3r_open3d.cameras import core_device
from amb3r_open3d.inputs import Images, frame_list, with_intrinsic, with_trajectory
from amb3r_open3d.scene import Scene
from amb3r_open3d.stage import Stage
from amb3r_open3d.yaml_options import YamlOptions


@dataclass(frozen=True, kw_only=True)
class SceneOptions(ReconstructOptions, YamlOptions):
    """Every choice of the core, with Open3D's objects where a script has them.

    Known cameras count pixels from the centre of the top-left one and come back unchanged.
    """

    device: "str | o3d.core.Device" = "auto"  # pyright: ignore[reportIncompatibleVariableOverride] - turned into a str by `core`
    """CPU:0, CUDA:0, an `o3d.core.Device`, or one of the core's names (auto)."""
    intrinsic: o3d.camera.PinholeCameraIntrinsic | None = None
    """One known camera of all images."""
    trajectory: o3d.camera.PinholeCameraTrajectory | None = None
    """Known cameras and poses, one per image; with `poses_in_metres` the scene is metric."""
    output: Path | str | None = None
    """Scene folder to keep the result in, else it stays in memory."""
    overwrite: bool = False
    """Replace a scene that is there already."""

    def core(self) -> ReconstructOptions:
        """The same choices as the core takes them."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(ReconstructOptions)}
        values["device"] = core_device(self.device)
        # the trajectory's unit is told of the scene at the end; the core knows of no poses file
        values["poses_in_metres"] = self.poses_in_metres and self.poses is not None
        return ReconstructOptions(**values)


class Reconstruct(Stage[Images, Scene]):
    """A callable stage: a folder, paths, a video, RGB arrays or Open3D images in; a `Scene` out.

    monitor sees progress and stops the work by raising `amb3r_core.Cancelled`. Raises `amb3r_core.Amb3rError` with a message for
    the user.

    >>> Reconstruct(SceneOptions(device="CPU:0", model="colmap")).options.model
    'colmap'
    """

    def __init__(self, options: SceneOptions | None = None, monitor: Monitor = silent) -> None:
        self.options = options or SceneOptions()
        self.monitor = monitor
        if self.options.intrinsic is not None and self.options.trajectory is not None:
            raise InputError("give an intrinsic or a trajectory, not both: a trajectory holds the intrinsics too")

    def __call__(self, data: Images, /) -> Scene:
        options, core = self.options, self.options.core()
        inputs = frame_list(data, core)
        if isinstance(inputs, Path):
            core = self._for_video(core)
        elif options.trajectory is not None:
            inputs = with_trajectory(inputs, options.trajectory)
        elif options.intrinsic is not None:
            inputs = with_intrinsic(inputs, options.intrinsic)
        result = reconstruct(inputs, options=core, output=options.output, overwrite=options.overwrite, monitor=self.monitor)
        return Scene(self._with_known_scale(result))

    def run_inference(self, data: Images) -> dict[str, Any]:
        """The scene, its trajectory and its pose graph by name."""
        scene = self(data)
        return {"result": scene, "trajectory": scene.trajectory(), "pose_graph": scene.pose_graph()}

    def _for_video(self, core: ReconstructOptions) -> ReconstructOptions:
        """The options for a video, whose frames are not known yet."""
        if self.options.trajectory is not None:
            raise InputError("a trajectory belongs to images: take the frames out of the video first")
        if self.options.intrinsic is None:
            return core
        matrix = self.options.intrinsic.intrinsic_matrix
        fx, fy, cx, cy = (float(matrix[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))
        return replace(core, intrinsics=FocalAndCentre(fx=fx, fy=fy, cx=cx, cy=cy))

    def _with_known_scale(self, result: Reconstruction) -> Reconstruction:
        if self.options.trajectory is None or self.options.scale_from not in ("auto", "none"):
            return result
        if self.options.poses_in_metres:
            return replace(result, scale=Scale(kind="metric", source="known trajectory, in metres"))
        return replace(result, scale=Scale(kind="relative", source="unit of the known trajectory"))
