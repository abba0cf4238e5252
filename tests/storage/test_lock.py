"""One run at a time."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amb3r_core.errors import InputError
from amb3r_core.storage.lock import locked
from tests.paths import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from amb3r_core.storage.lock import locked
with locked(Path(sys.argv[1]), Path("scene")):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """A process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_run_is_told_which_process_is_the_first(holder: "subprocess.Popen[str]", tmp_path: Path):
    told = rf"scene: another run \(process {holder.pid}\) is writing this"
    with pytest.raises(InputError, match=told), locked(tmp_path / "lock", Path("scene")):
        pytest.fail("the block must not run")
    assert (tmp_path / "lock").exists(), "the loser takes nothing away"


def test_a_lock_goes_with_its_process(holder: "subprocess.Popen[str]", tmp_path: Path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(tmp_path / "lock", Path("scene")):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_runs_in_one_process_are_two(tmp_path: Path):
    first, second = (locked(tmp_path / "lock", Path("scene")) for _ in range(2))
    with first, pytest.raises(InputError, match="another run"), second:
        pytest.fail("the block must not run")


def test_a_lock_is_free_again_after_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="bug"), locked(tmp_path / "lock", Path("scene")):
        raise ValueError("bug")
    with locked(tmp_path / "lock", Path("scene")):
        pass
