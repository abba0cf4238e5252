"""The AMB3R network, its weights, and its place behind the models' seam.

The registry loads it by name; nothing else in the core imports it.
"""
