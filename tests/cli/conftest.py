"""Small photos of the sample scene, and the `amb3r` command as users start it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.paths import ROOT, SAMPLE

SMALL = (320, 240)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six neighbouring views of the sample at half size."""
    folder = tmp_path_factory.mktemp("photos")
    for path in sorted((SAMPLE / "images").glob("*.jpg"))[:6]:
        Image.open(path).resize(SMALL, Image.Resampling.BOX).save(folder / path.name, quality=95)
    return folder


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "amb3r_core.cli", *(str(argument) for argument in arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def amb3r(*arguments: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """The finished command."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=timeout, env=environment(), check=False)
