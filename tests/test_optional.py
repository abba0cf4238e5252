"""A missing package is answered with the command to type."""

import sys
from pathlib import Path

import pytest

from amb3r_core.errors import DependencyError
from amb3r_core.optional import require


def test_an_installed_module_is_handed_over():
    assert require("numpy.linalg", extra="") is sys.modules["numpy.linalg"]


def test_a_missing_module_is_answered_with_the_command_that_installs_it():
    with pytest.raises(DependencyError, match=r'no_such_thing is needed \(to fly\).*pip install "amb3r\[wings\]"'):
        require("no_such_thing.deep.inside", extra="wings", purpose="to fly")
    with pytest.raises(DependencyError, match='pip install "amb3r"'):
        require("no_such_thing", extra="")


def test_a_module_that_is_broken_inside_keeps_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "broken_inside.py").write_text("import another_missing_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_missing_thing"):
        require("broken_inside", extra="")
