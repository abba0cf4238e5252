"""The trouble that only this plugin has."""

from amb3r_core import Amb3rError


class EmptyMeshError(Amb3rError):
    """Fusion or cleaning left no surface; the message says which setting to change."""
