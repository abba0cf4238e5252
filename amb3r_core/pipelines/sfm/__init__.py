"""Structure from motion for large sets: groups of images, registered one after another and refined together.

The choice of the pipeline imports it.
"""
