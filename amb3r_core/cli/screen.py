"""What a user or another program sees while a command works and when it ends."""

import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from amb3r_core.cli.flags import CORE_FLAGS, as_flags
from amb3r_core.errors import Amb3rError, OptionError
from amb3r_core.progress import NOTICE, Cancelled, Monitor, Progress, silent

ProgressStyle = Literal["bar", "json", "none"]
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130
_CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
WARNING = "warning: "
"""What a row of a table begins with that is to catch the eye."""
LONGEST_STAGE = 12
"""Characters a narrow window leaves to the stages' names, which say more than the notes beside them."""


def exit_code(
    command: Callable[[], int | None],
    arguments: Sequence[str],
    *,
    flags: Mapping[str, str] = CORE_FLAGS,
    trouble: tuple[type[Exception], ...] = (Amb3rError,),
) -> int:
    """What a command exits with: its own code or 0; 1 for an error the user can mend, told in one line; 2 for an
    option that is wrong in itself; 130 cancelled.

    arguments: the command line, which may ask for JSON. flags: the command's flag by option, in which an error names options.
    trouble: what is told in one line; everything else is a bug and goes up.
    """
    as_json = "--progress json" in " ".join(arguments).replace("=", " ")
    try:
        return command() or 0
    except trouble as error:
        option = error.option if isinstance(error, Amb3rError) else None
        report_error(type(error).__name__, as_flags(str(error), flags), option=option, as_json=as_json)
        return EXIT_USAGE if isinstance(error, OptionError) else EXIT_ERROR
    except (Cancelled, KeyboardInterrupt):
        report_error("Cancelled", "cancelled; the output was not written", as_json=as_json)
        return EXIT_CANCELLED


@contextmanager
def watching(style: ProgressStyle) -> Generator[Monitor]:
    """A monitor for the block: a bar on the error stream, JSON lines on the output stream, or nothing."""
    if style == "bar":
        with _bar() as monitor:
            yield monitor
    else:
        yield json_line if style == "json" else silent


def json_line(progress: Progress, /) -> None:
    """Prints one JSON object: {"event": "progress", "stage", "done", "total", "progress" in [0, 1] or null, "message"}."""
    share = progress.done / progress.total if progress.total else None
    emit("progress", stage=progress.stage, done=progress.done, total=progress.total, progress=share, message=progress.message)


def emit(event: str, **fields: object) -> None:
    """One JSON line on the output stream."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def report_error(kind: str, message: str, *, as_json: bool, option: str | None = None) -> None:
    """One line on the error stream, red on a terminal; with `as_json` also an "error" event on the output stream.

    option: the one at fault, by its name in Python.
    """
    from rich.console import Console

    line = _printable(" ".join(message.split()))
    if as_json:
        emit("error", kind=kind, message=line, option=option)
    told = line if kind == "Cancelled" else f"error: {line}"
    Console(stderr=True).print(told, style="bold red", markup=False, highlight=False, soft_wrap=True)


def print_line(text: str) -> None:
    """One line on the output stream."""
    from rich.console import Console

    Console().print(text, markup=False, highlight=False, soft_wrap=True)


def print_table(title: str, rows: Mapping[str, str]) -> None:
    """A two-column table on the output stream; a value that begins with `WARNING` is yellow on a terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(_printable(name), _printable(value), style="yellow" if value.startswith(WARNING) else None)
    Console().print(table, highlight=False, markup=False)


def _printable(text: str) -> str:
    """The text with control characters spelt out: one in a stranger's file could steer the terminal."""
    return text.translate(_CONTROL_CHARACTERS)


@contextmanager
def _bar() -> Generator[Monitor]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=LONGEST_STAGE)),
        BarColumn(bar_width=20),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=7)),
        TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    bars = Bars(*columns, console=Console(stderr=True), expand=True)
    tasks: dict[str, TaskID] = {}

    def fill(last: list[Task]) -> None:
        """A stage that could not count its steps is done when the next one begins."""
        for task in last:
            if task.total is None:
                bars.update(task.id, total=max(task.completed, 1), completed=max(task.completed, 1))

    def show(progress: Progress, /) -> None:
        if progress.stage == NOTICE:
            bars.console.print(progress.message, markup=False, highlight=False, soft_wrap=True)
            return
        if not tasks:
            bars.start()  # an error before any work prints its line alone
        if progress.stage not in tasks:
            fill(bars.tasks[-1:])
            tasks[progress.stage] = bars.add_task(progress.stage, total=None, note="")
        bars.update(tasks[progress.stage], completed=progress.done, total=progress.total or None, note=progress.message)

    try:
        yield show
        fill(bars.tasks[-1:])
    finally:
        if tasks:
            bars.stop()
