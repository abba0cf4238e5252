"""The sparse voxel back end: points with features in, features that have seen the whole scene out.

It knows voxels, curves and point features; no cameras, no images, no files, no model.
"""
