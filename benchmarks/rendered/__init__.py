"""Places and objects made by numbers and photos, rendered with true cameras: what `pose_sets.py` writes sets of."""
