"""The AMB3R network and its place behind the models' common seam."""
