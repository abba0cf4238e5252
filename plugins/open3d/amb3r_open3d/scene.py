"""A reconstruction as Open3D's objects, each made when it is first asked for."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import open3d as o3d

from amb3r_core import (
    Dense,
    FusionConfig,
    InputError,
    Keep,
    PinholeCamera,
    PointCloud,
    Reconstruction,
    View,
    fuse,
    kept,
    load_rgb,
)
from amb3r_core.export.gaussians import normals_world
from amb3r_core.scene.arrays import Float32, Float64, UInt8
from amb3r_open3d.alignment import Alignment
from amb3r_open3d.cameras import IntrinsicUse, to_intrinsic, to_trajectory
from amb3r_open3d.clouds import all_pixels, to_legacy_cloud, to_tensor_cloud
from amb3r_open3d.pose_graph import build_pose_graph

Grid = Literal["depth", "image"]
Points = Literal["fused", "pixels"]
Frame = Literal["world", "camera"]


class Scene:
    """One reconstruction. Views are numbered as in `reconstruction.views`; only placed views are among them.

    World points and poses are in the reconstruction's unit (metres when `reconstruction.scale.is_metric`). alignment: how the
    scene was brought into its present world by `AlignTo`, None when it was not.
    """

    def __init__(self, reconstruction: Reconstruction, alignment: Alignment | None = None) -> None:
        if not reconstruction.views:
            lost = "; ".join(f"{view.name}: {view.reason}" for view in reconstruction.unregistered[:3])
            raise InputError(f"no view of this reconstruction could be placed{' (' + lost + ')' if lost else ''}")
        self.reconstruction = reconstruction
        self.alignment = alignment
        self._fused: dict[tuple[float, float | None, Keep], PointCloud] = {}
        self._kept: dict[Keep, Scene] = {}

    def __len__(self) -> int:
        return self.reconstruction.n_views

    def __repr__(self) -> str:
        return f"Scene({len(self)} views, {self.reconstruction.scale.kind})"

    @property
    def names(self) -> list[str]:
        """The views' names."""
        return [view.name for view in self.reconstruction.views]

    @property
    def pose_trust(self) -> float | None:
        """The probability that the camera path as a whole is right, None: not judged; of a view: `view(...).pose_trust`."""
        return self.reconstruction.pose_trust

    @property
    def dense(self) -> Dense:
        """The depth, confidence and colour maps; `InputError` when the reconstruction holds cameras only."""
        if self.reconstruction.dense is None:
            raise InputError("this scene holds cameras only, no depth: nothing can be fused or unprojected")
        return self.reconstruction.dense

    def index_of(self, view: int | str) -> int:
        """The number of a view given by number or name; `InputError` for one that is not there or was not placed."""
        if isinstance(view, int):
            if not -len(self) <= view < len(self):
                raise InputError(f"view {view} is asked for, but the scene has {len(self)} placed views")
            return view % len(self)
        if view in self.names:
            return self.names.index(view)
        reasons = {lost.name: lost.reason for lost in self.reconstruction.unregistered}
        told = f"could not be placed: {reasons[view]}" if view in reasons else "is not in this scene"
        raise InputError(f"view {view!r} {told}")

    def view(self, view: int | str) -> View:
        """One view of the reconstruction."""
        return self.reconstruction.views[self.index_of(view)]

    def camera(self, view: int | str, grid: Grid = "depth") -> PinholeCamera:
        """The core's camera of the depth grid or of the original image."""
        if grid == "image":
            return self.view(view).camera
        return self.view(view).dense_camera(self.dense.width, self.dense.height)

    def intrinsic(
        self, view: int | str, for_: IntrinsicUse = "unproject", grid: Grid | None = None
    ) -> o3d.camera.PinholeCameraIntrinsic:
        """The intrinsics that one use needs (see `cameras`): "colmap" of the original image, the others of the depth map.

        grid: "depth" or "image" to choose another one.
        """
        return to_intrinsic(self.camera(view, grid or ("image" if for_ == "colmap" else "depth")), for_)

    def extrinsic(self, view: int | str) -> Float64:
        """World-to-camera (4, 4), as Open3D's functions take it."""
        return self.view(view).world_to_cam

    def trajectory(self, for_: IntrinsicUse = "unproject") -> o3d.camera.PinholeCameraTrajectory:
        """The original images' cameras and world-to-camera poses, one entry per view."""
        return to_trajectory(self.reconstruction.views, for_)

    def pose_graph(self) -> o3d.pipelines.registration.PoseGraph:
        """Camera-to-world nodes, and edges between neighbours and overlapping views with information matrices."""
        return o3d.pipelines.registration.PoseGraph(self._pose_graph)

    @cached_property
    def _pose_graph(self) -> o3d.pipelines.registration.PoseGraph:
        return build_pose_graph(self.reconstruction)

    def depth(self, view: int | str) -> o3d.t.geometry.Image:
        """Depth (H, W, 1) float32 along the optical axis, 0 = unknown; shares memory with the reconstruction."""
        return _image(self._depth_array(self.index_of(view)))

    def confidence(self, view: int | str) -> o3d.t.geometry.Image:
        """Confidence (H, W, 1) float32 as a weight in [0, 1)."""
        return _image(self.dense.weight(self.index_of(view)))

    def color(self, view: int | str, grid: Grid = "depth") -> o3d.t.geometry.Image:
        """RGB uint8 on the depth grid, or of the original image when its file is there (else the depth grid's again)."""
        return _image(self.color_array(view, grid))

    def color_array(self, view: int | str, grid: Grid = "depth") -> UInt8:
        """RGB (H, W, 3) uint8, as `color` gives it."""
        index = self.index_of(view)
        path = self.reconstruction.views[index].path
        if grid == "image" and path is not None and Path(path).is_file():
            return load_rgb(Path(path))
        return np.asarray(self.dense.rgb[index])

    def color_camera(self, view: int | str, grid: Grid = "depth") -> PinholeCamera:
        """The core's camera of what `color` gives."""
        path = self.view(view).path
        has_file = path is not None and Path(path).is_file()
        return self.camera(view, "image" if grid == "image" and has_file else "depth")

    def rgbd(self, view: int | str) -> o3d.t.geometry.RGBDImage:
        """Colour and depth on the depth grid. Depth is float in scene units: pass depth_scale=1 and a depth_max of your own."""
        return o3d.t.geometry.RGBDImage(self.color(view), self.depth(view))

    def rgbd_legacy(self, view: int | str) -> o3d.geometry.RGBDImage:
        """The legacy twin of `rgbd`: colour kept, no depth cut off, scale 1."""
        index = self.index_of(view)
        color = o3d.geometry.Image(np.ascontiguousarray(self.dense.rgb[index]))  # pyright: ignore[reportArgumentType, reportCallIssue]
        depth = o3d.geometry.Image(np.ascontiguousarray(self._depth_array(index)))  # pyright: ignore[reportArgumentType, reportCallIssue]
        return o3d.geometry.RGBDImage.create_from_color_and_depth(
            color, depth, depth_scale=1.0, depth_trunc=float("inf"), convert_rgb_to_intensity=False
        )

    def vertex_map(self, view: int | str, frame: Frame = "world") -> o3d.core.Tensor:
        """Points (H, W, 3) float32 in pixel order; NaN where depth is unknown. frame: "world" or "camera"."""
        index = self.index_of(view)
        if frame == "camera":
            points = self.camera(index).unproject(np.asarray(self.dense.depth[index]))
        else:
            points = self.reconstruction.points_world(index)
        return o3d.core.Tensor.from_numpy(np.ascontiguousarray(points))

    def point_cloud(
        self,
        *,
        points: Points = "fused",
        min_weight: float = 0.0,
        voxel_size: float | None = None,
        keep: Keep = "trusted",
        normals: bool = False,
        device: str = "CPU:0",
    ) -> o3d.t.geometry.PointCloud:
        """World points with `colors` float32 in [0, 1], `confidence` (weight in [0, 1)) and `frame_id`, all (M, 1) or (M, 3).

        points: "fused" keeps what other views confirm, one point per voxel; "pixels" every pixel with depth, in view and row
        order. min_weight: least weight in [0, 1). voxel_size in scene units, None: from the data. keep: how much depth, see
        `amb3r_core.kept`. normals: also unit normals that face the cameras.
        """
        cloud = self.core_cloud(points, min_weight, voxel_size, keep)
        return to_tensor_cloud(cloud, self._normals(cloud, keep) if normals else None).to(o3d.core.Device(device))

    def point_cloud_legacy(
        self,
        *,
        points: Points = "fused",
        min_weight: float = 0.0,
        voxel_size: float | None = None,
        keep: Keep = "trusted",
        normals: bool = False,
    ) -> o3d.geometry.PointCloud:
        """The legacy twin of `point_cloud`: points, colours and normals in float64; it has no place for the rest."""
        cloud = self.core_cloud(points, min_weight, voxel_size, keep)
        return to_legacy_cloud(cloud, self._normals(cloud, keep) if normals else None)

    def core_cloud(
        self, points: Points = "fused", min_weight: float = 0.0, voxel_size: float | None = None, keep: Keep = "trusted"
    ) -> PointCloud:
        """The core's cloud behind `point_cloud`; a fused one stays for the next call."""
        if not 0.0 <= min_weight < 1.0:
            raise InputError(f"min_weight is a weight in [0, 1): {min_weight}")
        if points == "pixels":
            if voxel_size is not None:
                raise InputError('voxel_size thins fused points; with points="pixels" every pixel is kept')
            return all_pixels(self.kept(keep).reconstruction, self.kept(keep).dense, min_weight)
        key = (min_weight, voxel_size, keep)
        if key not in self._fused:
            config = FusionConfig(min_weight=min_weight, voxel_size=voxel_size)
            self._fused[key] = fuse(self.kept(keep).reconstruction, config)
        return self._fused[key]

    def kept(self, keep: Keep = "trusted") -> "Scene":
        """The scene with depth only where `keep` trusts it, made once; itself where nothing is cut. See `amb3r_core.kept`."""
        if keep not in self._kept:
            cut = kept(self.reconstruction, keep)
            self._kept[keep] = self if cut is self.reconstruction else Scene(cut, self.alignment)
        return self._kept[keep]

    def to_splats(self, max_gaussians: int = 300_000, keep: Keep = "trusted") -> o3d.t.geometry.PointCloud:
        """3D Gaussians (thin discs on the surfaces) in Open3D's splat attributes; see `splats`."""
        from amb3r_open3d.splats import splat_cloud

        return splat_cloud(self.kept(keep).reconstruction, self.core_cloud(keep=keep), max_gaussians)

    def with_reconstruction(self, change: Callable[[Reconstruction], Reconstruction]) -> "Scene":
        """The scene of a changed reconstruction; the alignment is kept."""
        return Scene(change(self.reconstruction), self.alignment)

    def _depth_array(self, index: int) -> Float32:
        return np.asarray(self.dense.depth[index])

    def _normals(self, cloud: PointCloud, keep: Keep) -> Float32:
        return normals_world(self.kept(keep).reconstruction, cloud)


def _image(array: "Float32 | UInt8") -> o3d.t.geometry.Image:
    return o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(np.ascontiguousarray(array)))
