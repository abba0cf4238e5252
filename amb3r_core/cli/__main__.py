"""`amb3r` and `python -m amb3r_core.cli`: the first lines of the command, which an interrupt may meet at any moment."""

import os
import signal
import sys

STOPPED = b"cancelled; the output was not written\n"
EXIT_CANCELLED = 130


def main() -> None:
    """Runs the command. Until all that it needs is imported nothing is begun, and a signal to stop ends it at once."""
    on_interrupt = signal.getsignal(signal.SIGINT)
    if on_interrupt is not signal.SIG_IGN:  # a shell has it ignored by what runs in the background
        signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    from amb3r_core.cli.main import run

    signal.signal(signal.SIGINT, on_interrupt)
    code = run(sys.argv[1:])
    if code == EXIT_CANCELLED:
        sys.stdout.flush()
        os._exit(code)  # everything is closed by now, and taking a loaded torch down takes most of a second
    sys.exit(code)


def _leave(_signal: int, _frame: object) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, STOPPED)
    os._exit(EXIT_CANCELLED)


if __name__ == "__main__":
    main()
