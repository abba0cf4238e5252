"""The scene as values and what follows from them: cameras, views, depth, clouds, poses.

Numpy and the standard library alone, so that it runs inside Blender; everything may import it.
"""
