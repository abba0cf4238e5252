"""Tests of the sparse voxel back end."""
