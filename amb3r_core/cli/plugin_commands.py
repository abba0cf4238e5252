"""Commands that plugins bring, found by name in this installation's entry points: the core imports no plugin."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution

GROUP = "amb3r.commands"
"""The entry point group; each entry is a function that tyro turns into a command and that imports its host when called."""


def plugin_commands() -> dict[str, Callable[..., object]]:
    """The plugins' commands by name; none when the sources were put on the path without being installed."""
    try:
        points = distribution("amb3r").entry_points
    except PackageNotFoundError:
        return {}
    return {point.name: point.load() for point in points.select(group=GROUP)}
