"""The map that visual odometry and structure from motion build window by window, and its files.

The two pipelines import it; it imports neither of them.
"""
