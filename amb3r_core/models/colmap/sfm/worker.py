"""The program a worker process runs: `python -m amb3r_core.models.colmap.sfm.worker REQUEST.json`."""

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amb3r_core.models.colmap.sfm import features, solve

TASKS: Mapping[str, Callable[..., None]] = {
    "features": features.extract_files,
    "attempt": solve.run_attempt,
    "finish": solve.run_finish,
}
ORPHAN_EXIT_CODE = 3
STANDARD_INPUT = 0


def main(request_path: str) -> None:
    """Runs the task the request names, with the arguments it holds."""
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    request: dict[str, Any] = json.loads(Path(request_path).read_text())
    TASKS[request["task"]](**request["arguments"])


def _exit_with_parent() -> None:
    """The parent holds the other end of standard input, so its end of file means that the parent is gone."""
    while os.read(STANDARD_INPUT, 1):
        pass
    os._exit(ORPHAN_EXIT_CODE)


if __name__ == "__main__":
    main(sys.argv[1])
