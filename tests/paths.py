"""Where tests find their data."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "amb3r_core" / "jobs" / "sample_scene"
SHARED = ROOT.parent / "shared"


def shared_scene(name: str) -> Path:
    """A development scene with ground truth; skips the test where there is none."""
    folder = SHARED / "data" / "dev" / name
    if not folder.is_dir():
        pytest.skip(f"development scene {name} is not beside this checkout")
    return folder
