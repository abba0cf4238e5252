"""Models: images in, depth, confidence and cameras out. See `api` for the seam."""
