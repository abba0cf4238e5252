"""The program's own way to stop, kept where a library takes it over."""

import signal
import threading


def keep_own_stop() -> None:
    """Puts Python's handler of SIGTERM back; to be called after importing pycolmap, whose own prints a stack."""
    on_terminate = signal.getsignal(signal.SIGTERM)
    if on_terminate is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_terminate)
