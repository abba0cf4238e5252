"""Follows a video with a sparse map of keyframes; depth is only computed for those, once their poses have settled.

The model `colmap` imports it; nothing else in the core does.
"""
