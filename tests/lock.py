"""Writes `tests/requirements.lock` from the environment that runs it: `make lock`, after the tests passed there."""

import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent / "requirements.lock"
HEADER = """\
# Every version in the test environment when the tests last passed (Python 3.11, Linux on x86-64), made by `make lock`.
# Used as constraints: what another system does not need is not installed there.
"""


def main() -> None:
    """Keeps plain `name==version` lines alone: no address, no path, nothing of this machine."""
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    frozen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    strange = [line for line in frozen if "@" in line or "==" not in line]
    if strange:
        raise SystemExit(f"not from a registry, so another machine cannot install it: {', '.join(strange)}")
    LOCK.write_text(HEADER + "".join(f"{line}\n" for line in sorted(frozen, key=str.lower)), encoding="utf-8")


if __name__ == "__main__":
    main()
