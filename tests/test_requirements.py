"""The locked test environment is whole, and the same from every machine."""

import re

from tests.paths import ROOT

FOLDER = ROOT / "tests"


def lines_of(name: str) -> list[str]:
    """The file's requirements, without comments."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_holds_names_and_versions_alone() -> None:
    for line in lines_of("requirements.lock"):
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_everything_that_is_asked_for_is_locked() -> None:
    locked = {normal(line.partition("==")[0]) for line in lines_of("requirements.lock")}
    for file in ("requirements.txt", "requirements-core.txt"):
        asked = [re.split(r"[\[<>=;]", line)[0] for line in lines_of(file) if not line.startswith("-r")]
        assert {normal(name) for name in asked} <= locked
