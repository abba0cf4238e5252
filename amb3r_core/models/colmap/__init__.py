"""The model that needs no weights: pycolmap poses and multi-view stereo depth."""
