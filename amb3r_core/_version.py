"""The version of the installed package, in a module of its own so that any other may read it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("amb3r")
except PackageNotFoundError:  # the sources were put on the path without being installed
    __version__ = "0+unknown"
