"""Models that turn images into depth and cameras, behind one seam (`api`), and the registry that finds them.

Pipelines import the seam, jobs the registry; models import neither.
"""
