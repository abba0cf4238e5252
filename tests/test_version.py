"""One version, in every place that tells it."""

import re
import tomllib

from tests.paths import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_blender_extension_has_the_version_of_the_core() -> None:
    manifest = ROOT / "plugins" / "blender" / "amb3r_blender" / "blender_manifest.toml"
    assert tomllib.loads(manifest.read_text(encoding="utf-8"))["version"] == VERSION
    readme = (ROOT / "plugins" / "blender" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"dist/amb3r-([\d.]+)\.zip", readme) == [VERSION]


def test_the_changelog_opens_with_this_version_and_its_date() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(VERSION)} - \d{{4}}-\d\d-\d\d|Unreleased", headings[0])
    assert any(heading.startswith(f"{VERSION} - ") for heading in headings)
