"""Binary PLY of a scene's points; the format itself is `scene_folder.ply`, whose names stand here too."""

from pathlib import Path

from amb3r_core.export.notes import comment_lines
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene_folder.ply import Vertices, count_vertices, read_cloud, read_vertices, write_cloud, write_vertices

__all__ = ["Vertices", "count_vertices", "export_ply", "read_cloud", "read_vertices", "write_cloud", "write_vertices"]


def export_ply(reconstruction: Reconstruction, path: Path, cloud: PointCloud | None = None) -> list[Path]:
    """Writes the scene's fused points in world coordinates."""
    write_cloud(path, fuse(reconstruction) if cloud is None else cloud, comment_lines(reconstruction))
    return [path]
