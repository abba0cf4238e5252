"""3D Gaussians for Open3D (0.20 and later draw them with the `gaussianSplat` material and write .ply, .splat, .spz).

Attributes of the tensor cloud, all float32: positions, normals, f_dc (spherical harmonic of degree 0), opacity (logit), scale
(standard deviations in scene units: Open3D takes the logarithm when it writes), rot
(w x y z). To move such a cloud use `AlignTo` on the scene: `PointCloud.rotate` of Open3D 0.20.0 spoils splats.
"""

import numpy as np
import open3d as o3d

from amb3r_core import PointCloud, Reconstruction
from amb3r_core.export.gaussians import gaussian_vertices, normals_world
from amb3r_core.scene.thinning import thinned

_ATTRIBUTES = {
    "normals": ("nx", "ny", "nz"),
    "f_dc": ("f_dc_0", "f_dc_1", "f_dc_2"),
    "opacity": ("opacity",),
    "scale": ("scale_0", "scale_1", "scale_2"),
    "rot": ("rot_0", "rot_1", "rot_2", "rot_3"),
}


def splat_cloud(reconstruction: Reconstruction, cloud: PointCloud, max_gaussians: int) -> o3d.t.geometry.PointCloud:
    """One thin disc per point, as large as the spacing; at most `max_gaussians`, evenly spread."""
    some = thinned(cloud, max_gaussians)
    vertices = gaussian_vertices(some, normals_world(reconstruction, some))
    splats = o3d.t.geometry.PointCloud(o3d.core.Tensor.from_numpy(some.points.copy()))
    for name, columns in _ATTRIBUTES.items():
        values = np.stack([vertices[column] for column in columns], axis=1)
        values = np.exp(values) if name == "scale" else values
        splats.point[name] = o3d.core.Tensor.from_numpy(np.ascontiguousarray(values))
    return splats
