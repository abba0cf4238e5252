"""Binary PLY of a scene's points; the format itself is `scene_folder.ply`, whose names stand here too."""

from pathlib import Path

from amb3r_core.export.notes import comment_lines
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene_folder.ply import Vertices, count_vertices, read_cloud, read_vertices, write_cloud, write_vertices

__all__ = ["Vertices", "count_vertices", "export_ply", "read_cloud", "read_vertices", "write_cloud", "write_vertices"]


def export_ply(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes the scene's fused points in world coordinates."""
    write_cloud(path, (points or ScenePoints(reconstruction)).required(), comment_lines(reconstruction))
    return [path]
