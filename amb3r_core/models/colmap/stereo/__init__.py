"""Depth from photos with known cameras: plane sweep, semi-global aggregation, refinement, confidence.

The model imports it; it knows nothing of how cameras were found.
"""
