"""The sparse voxel back end's operations and layers, in plain torch or by spconv.

Models import it; it knows no cameras, files or images.
"""
