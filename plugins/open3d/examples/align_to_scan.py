"""A reconstruction brought into the metres of a scanned point cloud, and how far it is from it.

python align_to_scan.py scene/ scan.ply aligned.ply
"""

# Open3D's stubs leave the types of some functions open.
# pyright: reportUnknownMemberType=false

import sys
from pathlib import Path

import amb3r_open3d as a3
import numpy as np
import open3d as o3d

from amb3r_core import load_scene


def main(scene_folder: str, scan_file: str, output: str) -> None:
    scan = o3d.io.read_point_cloud(Path(scan_file))
    scene = a3.Scene(load_scene(scene_folder))

    aligned = a3.AlignTo(scan)(scene)
    found = aligned.alignment
    assert found is not None
    print(f"scale {found.similarity.scale:.4f}, {found.fitness:.0%} of the points within reach, rmse {found.inlier_rmse:.4f} m")

    cloud = aligned.point_cloud_legacy(normals=True)
    distances = np.asarray(cloud.compute_point_cloud_distance(scan))
    print(f"median distance from the scan: {1000 * np.median(distances):.1f} mm")
    o3d.io.write_point_cloud(Path(output), cloud)


if __name__ == "__main__":
    main(*sys.argv[1:])
