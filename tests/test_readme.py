"""The README's commands and code do what it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import environment
from tests.paths import ROOT, SAMPLE

pytestmark = pytest.mark.slow

README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/, three single photos and clip.mp4, as the README's reader would have."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "photos").mkdir()
    images = [Image.open(path).resize((320, 240)) for path in sorted((SAMPLE / "images").glob("*.jpg"))[:5]]
    for k, image in enumerate(images):
        image.save(folder / "photos" / f"{k}.jpg", quality=95)
    for name, image in zip("abc", images, strict=False):
        image.save(folder / f"{name}.jpg", quality=95)
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=2)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 8_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
        container.mux(stream.encode())
    return folder


def commands() -> list[str]:
    blocks = re.findall(r"```\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("amb3r ")]


def test_the_commands_of_the_readme_run(place: Path) -> None:
    assert len(commands()) >= 5
    for number, line in enumerate(commands()):
        words = shlex.split(line)[1:]
        if words[0] == "reconstruct":
            words[words.index("-o") + 1] = f"scene{number}"
            words += ["--model", "colmap", "--progress", "none"]
        elif "scene" in words:
            words[words.index("scene")] = "scene0"
        done = subprocess.run(
            [sys.executable, "-m", "amb3r_core.cli", *words],
            cwd=place,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)


def test_the_python_of_the_readme_runs(place: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(code.splitlines()) <= 10
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=place, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 relative")
    assert (place / "scene.glb").is_file()
