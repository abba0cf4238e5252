"""From trusted depth to a surface one can work on: a mesh, its texture, and files of both.

Open3D, xatlas and OpenUSD are optional (the extra `mesh`) and imported where they are used.
"""
