"""One JSON line per run of a benchmark, appended to a file, so that a history can be kept and compared.

    parser = argparse.ArgumentParser(...)
    add_json_option(parser)
    arguments = parser.parse_args()
    with recorded("scene", arguments) as results:
        results.append({"seconds": 12.3})

Without `--json FILE` nothing is written. A run that fails leaves no line. `python benchmarks/records.py FILE` prints a history.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

Results = list[dict[str, object]]
ROOT = Path(__file__).resolve().parent.parent


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--json FILE`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="append one JSON line about this run to FILE")


@contextmanager
def recorded(name: str, arguments: argparse.Namespace) -> Generator[Results]:
    """A list for the block's results, one dictionary each; written as one line when the block ends well."""
    results: Results = []
    started, load, head = time.perf_counter(), load_average(), commit()
    yield results
    if arguments.json is None:
        return
    line = {
        "name": name,
        "commit": head,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine() | {"load_at_start": load},
        "arguments": {key: plain(value) for key, value in vars(arguments).items() if key != "json"},
        "seconds": round(time.perf_counter() - started, 3),
        "results": [{key: plain(value) for key, value in result.items()} for result in results],
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    with arguments.json.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def commit() -> str | None:
    """The commit of the tree, with `-changed` when files differ from it; None where there is no git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return f"{head}-changed" if _git("status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> dict[str, object]:
    """What a time depends on: processor, cores, memory, system, and versions of python and, where it is loaded, torch."""
    facts: dict[str, object] = {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts |= {"torch": str(torch.__version__), "threads": torch.get_num_threads()}
        facts["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return facts


def cpu_model() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for row in info.read_text(encoding="utf-8").splitlines():
            if row.startswith("model name"):
                return row.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_gb() -> float | None:
    """Memory of the machine; None where the system does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def load_average() -> float | None:
    """How busy the machine is: processes that want to run, over the last minute."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def plain(value: object) -> object:
    """The value as JSON can hold it; numbers to six digits."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if hasattr(value, "item"):  # a number of numpy or torch
        return plain(value.item())
    return float(f"{value:.6g}") if isinstance(value, float) else str(value)


def print_history(path: Path) -> None:
    """One row per result of every line."""
    for text in path.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        machine = line["machine"]
        print(f"{line['time']}  {line['commit']}  {line['name']}  {machine['cores']} x {machine['cpu']}")
        for result in line["results"]:
            print("    " + "  ".join(f"{key} {value}" for key, value in result.items()))


if __name__ == "__main__":
    print_history(Path(sys.argv[1]))
