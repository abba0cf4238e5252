"""The extension in real Blender: the cases of `blender_cases/`, each group in its own process with a fresh user folder.

Runs with the `bpy` of this Python, and with others whose interpreters AMB3R_BPY45_PYTHON and AMB3R_BPY52_PYTHON name (they need
bpy, numpy and pytest).
"""

import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.paths import ROOT, SAMPLE

HERE = Path(__file__).resolve().parent
CASES = HERE / "blender_cases"
GROUPS = sorted(path.stem.removeprefix("cases_") for path in CASES.glob("cases_*.py"))
INTERPRETERS = {"here": "", "4.5": "AMB3R_BPY45_PYTHON", "5.2": "AMB3R_BPY52_PYTHON"}
TIMEOUT_S = 240
REAL_ENGINE_TIMEOUT_S = 580


def _interpreter(version: str) -> str:
    variable = INTERPRETERS[version]
    if not variable:
        if importlib.util.find_spec("bpy") is None:
            pytest.skip("bpy is not installed in this Python")
        return sys.executable
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no Python with bpy {version}")
    return python


def _engine() -> str:
    """The real `amb3r` command of this environment."""
    command = Path(sys.executable).with_name("amb3r")
    return str(command) if command.is_file() else f'"{sys.executable}" -m amb3r_core.cli'


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built zip."""
    folder = tmp_path_factory.mktemp("extension")
    command = [_interpreter("here"), str(ROOT / "plugins" / "blender" / "tools" / "build.py"), "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.zip"))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 12 frames at 10 frames per second."""
    import av

    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("version", INTERPRETERS)
def test_cases_pass_in_blender(version: str, group: str, archive: Path, clip: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "AMB3R_TEST_ZIP": str(archive),
        "AMB3R_TEST_CLIP": str(clip),
        "AMB3R_TEST_ENGINE_PYTHON": sys.executable,
        "AMB3R_TEST_ENGINE": _engine(),
        "AMB3R_TEST_SAMPLE": str(SAMPLE / "images"),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(CASES)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    inner = ["-c", str(CASES / "inner.ini"), "-p", "blender_host", "-p", "no:cacheprovider", "-q", "-rPs"]
    command = [
        _interpreter(version),
        "-m",
        "pytest",
        *inner,
        "--basetemp",
        str(tmp_path / "inner"),
        str(CASES / f"cases_{group}.py"),
    ]
    timeout = REAL_ENGINE_TIMEOUT_S if group == "real" else TIMEOUT_S
    finished = subprocess.run(
        command, env=environment, cwd=CASES, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )
    sys.stdout.write("".join(line + "\n" for line in finished.stdout.splitlines() if "MEASURED" in line or "SKIPPED" in line))
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
