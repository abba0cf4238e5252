"""Parts that networks are built of and run with, shared by all that follow the same formula.

Transformer blocks, patches, the dense prediction head, pose encodings; and around a network its number type, its memory and
its progress. A part knows no network: it is given sizes, never a whole configuration.
"""
