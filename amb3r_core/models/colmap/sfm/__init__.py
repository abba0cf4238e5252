"""Cameras and sparse points from photos: features, matches, several attempts at a model, and the choice among them.

The model imports it; it knows nothing of stereo.
"""
