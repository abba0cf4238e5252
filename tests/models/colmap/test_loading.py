"""Loading the model leaves the program as it was."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_the_program_keeps_its_own_way_to_stop(tmp_path: Path) -> None:
    program = f"""
        import os, signal, sys, time
        from pathlib import Path

        def stop(*_):
            print("stopped in order", flush=True)
            sys.exit(7)

        signal.signal(signal.SIGTERM, stop)
        from amb3r_core.models.colmap import loading
        from amb3r_core.models.registry import ModelOptions
        from amb3r_core.progress import silent

        options = ModelOptions(device="cpu", dtype="auto", backend=True, weights=None, commercial_ok=False, long_side_px=None,
                               seed=0, scratch=Path({str(tmp_path)!r}))
        loading.load(options, silent)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "stopped in order\n", ended.stderr
    assert ended.returncode == 7
    assert ended.stderr == ""
