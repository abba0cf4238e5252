"""A copy can be edited alone, however it was made."""

import errno
import os
import sys
from pathlib import Path

import pytest

from amb3r_core.export.file_copy import copy_file


def test_an_edit_of_the_copy_leaves_the_original(tmp_path: Path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(bytes(range(256)) * 999)
    copy_file(source, target)
    assert target.read_bytes() == source.read_bytes()
    with target.open("r+b") as file:
        file.write(b"edited")
    assert source.read_bytes() == bytes(range(256)) * 999


def test_an_empty_file_and_one_that_is_replaced_are_copied(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"longer")
    copy_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's copy is Linux's")
def test_the_file_is_copied_where_the_kernel_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "no")

    for kernel in (refuse, lambda *_: 0):
        monkeypatch.setattr(os, "copy_file_range", kernel)
        (tmp_path / "a").write_bytes(b"photo")
        copy_file(tmp_path / "a", tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == b"photo"
