"""Our own scene folder as files: the text of `scene.amb3r`, the dense maps, the coloured points, and their one reader.

Numpy and the standard library alone: hosts that cannot install packages carry this folder and `scene/` with them. It imports
nothing of ours but `scene/` and `errors`; exports, jobs and hosts import it.
"""
