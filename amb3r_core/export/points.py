"""The cloud an exporter writes when the caller has none at hand."""

from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.thinning import empty_cloud


def cloud_of(reconstruction: Reconstruction, cloud: PointCloud | None) -> PointCloud:
    """The given cloud, else the fused one, else (a scene without depth) an empty one."""
    if cloud is not None:
        return cloud
    return empty_cloud() if reconstruction.dense is None else fuse(reconstruction)
