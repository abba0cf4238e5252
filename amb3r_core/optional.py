"""Optional packages: imported where they are used, with the command to type when they are missing."""

import importlib
import signal
import threading
from types import ModuleType

from amb3r_core.errors import DependencyError


def require(module: str, *, extra: str, purpose: str = "") -> ModuleType:
    """The imported module; `DependencyError` with the exact pip command when it is not installed.

    module is the dotted import name ("PIL.Image"); extra is the name of our extra that brings it ("" for a core dependency).
    """
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        top_level = module.split(".", maxsplit=1)[0]
        if error.name is not None and error.name.split(".", maxsplit=1)[0] != top_level:
            raise
        target = f"amb3r[{extra}]" if extra else "amb3r"
        reason = f" ({purpose})" if purpose else ""
        raise DependencyError(f'{top_level} is needed{reason} but not installed: pip install "{target}"') from error
    _keep_stop_signal()
    return found


def _keep_stop_signal() -> None:
    """Gives SIGTERM back to whoever had it in Python. Importing pycolmap takes it over, to print a stack and die."""
    on_terminate = signal.getsignal(signal.SIGTERM)
    if on_terminate is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_terminate)
