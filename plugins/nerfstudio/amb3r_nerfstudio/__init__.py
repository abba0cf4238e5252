"""AMB3R for Nerfstudio: datasets in metres, a data parser that keeps them, and splats that start from surfaces.

Writing a dataset (`dataset.write_dataset`) needs no Nerfstudio; the modules that do say so in their first line.
"""
