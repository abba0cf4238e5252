"""Scenes written for other programs: one module per format, the table of them, and our own scene folder.

Jobs, the command line and hosts import it; numpy alone, but for COLMAP models.
"""

from amb3r_core.export.table import EXPORTERS, Exporter, SceneExports, depth_for, export_scene, find_exporters

__all__ = ["EXPORTERS", "Exporter", "SceneExports", "depth_for", "export_scene", "find_exporters"]
