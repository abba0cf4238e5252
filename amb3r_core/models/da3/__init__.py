"""Depth Anything 3 (arXiv 2511.10647): any number of views, or one, to depth and cameras.

The method is its authors'; facts were taken from the paper and from running their package `depth-anything-3` 0.1.1 (Apache-2.0).
The code here is our own. Module names are those of the published checkpoints, so that these load as they are.
"""
