"""The model that needs no weights: structure from motion (`sfm/`), then multi-view stereo (`stereo/`).

The registry loads it by name; nothing else in the core imports it.
"""
