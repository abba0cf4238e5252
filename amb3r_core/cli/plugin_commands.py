"""Commands that plugins bring, found by name in this installation's entry points: the core imports no plugin."""

from collections.abc import Callable, Container
from importlib.metadata import PackageNotFoundError, distribution

GROUP = "amb3r.commands"
"""The entry point group; each entry is a function that tyro turns into a command and that imports its host when called."""


def plugin_commands(taken: Container[str] = ()) -> dict[str, Callable[..., object]]:
    """The plugins' commands by name; none when the sources were put on the path without being installed.

    taken: names that the core has itself; an older installation may say that a plugin brings one of them.
    """
    try:
        points = distribution("amb3r").entry_points
    except PackageNotFoundError:
        return {}
    return {point.name: point.load() for point in points.select(group=GROUP) if point.name not in taken}
