"""Online visual odometry: frames as they come, a camera path and dense maps out.

The choice of the pipeline imports it.
"""
