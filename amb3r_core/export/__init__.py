"""Scenes written for other programs: one module per format, and the table of them."""

from amb3r_core.export.table import EXPORTERS, Exporter, export_scene, find_exporters

__all__ = ["EXPORTERS", "Exporter", "export_scene", "find_exporters"]
