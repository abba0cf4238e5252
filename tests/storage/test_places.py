"""What is refused before any work, and where hidden files live."""

import os
import sys
from pathlib import Path

import pytest

from amb3r_core.errors import InputError
from amb3r_core.storage.places import KINDS, Place, checked_target, folder_place, is_empty
from tests.storage.mounts import bind_mount, small_disk


def test_hidden_files_lie_beside_a_target_that_is_not_there(tmp_path: Path):
    place = folder_place(tmp_path / "scene")
    assert place.hidden("partial") == tmp_path / ".scene.partial"


def test_hidden_files_lie_inside_an_empty_folder(tmp_path: Path):
    (tmp_path / "scene").mkdir()
    assert folder_place(tmp_path / "scene").hidden("partial") == tmp_path / "scene" / ".amb3r.partial"


def test_a_folder_that_holds_something_stays_and_is_worked_on_from_beside(tmp_path: Path):
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "scene.amb3r").write_text("old")
    assert not folder_place(tmp_path / "scene").is_inside
    assert (tmp_path / "scene" / "scene.amb3r").read_text() == "old"


def test_hidden_files_lie_inside_a_mounted_folder_that_holds_something(tmp_path: Path):
    with bind_mount(tmp_path / "source", tmp_path / "out") as out:
        (out / "scene.amb3r").write_text("old")
        assert folder_place(out).is_inside


def test_hidden_files_lie_inside_a_folder_whose_parent_is_read_only(tmp_path: Path):
    with small_disk(tmp_path / "disk", 100) as disk:
        (disk / "scene").mkdir()
        (disk / "scene" / "scene.amb3r").write_text("old")
        os.system(f"mount -o remount,ro '{disk}'")
        assert folder_place(disk / "scene").is_inside


def test_what_systems_put_into_a_folder_does_not_count(tmp_path: Path):
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".amb3r.work").mkdir()
    assert is_empty(tmp_path)
    (tmp_path / "photo.jpg").touch()
    assert not is_empty(tmp_path)


@pytest.mark.parametrize("name", ["s" * 250, "s" * 255, "é" * 127, "s"])
@pytest.mark.parametrize("kind", KINDS)
def test_hidden_names_fit_every_disk(tmp_path: Path, name: str, kind):
    hidden = Place(target=tmp_path / name).hidden(kind)
    hidden.touch()
    assert hidden != Place(target=tmp_path / ("x" + name[1:])).hidden(kind)


def test_a_link_to_a_folder_is_followed(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert checked_target(tmp_path / "link") == (tmp_path / "real").resolve()


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path):
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(InputError, match="link: a link to gone, which does not exist"):
        checked_target(tmp_path / "link")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop: a link to loop"):
        checked_target(tmp_path / "loop")


def test_a_target_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"file is not a folder, so nothing can be written below it"):
        checked_target(tmp_path / "file" / "deep" / "scene")


def test_a_name_too_long_for_a_disk_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="more than 255 bytes"):
        checked_target(tmp_path / ("é" * 128))


@pytest.mark.skipif(sys.platform == "win32", reason="names are UTF-16 there")
def test_a_name_that_is_no_text_is_refused_with_a_message_that_can_be_printed(tmp_path: Path):
    with pytest.raises(InputError, match="this name is not UTF-8") as refused:
        checked_target(Path(os.fsdecode(os.fsencode(tmp_path) + b"/sc\xe9ne")))
    assert "sc\\xe9ne" in str(refused.value).encode().decode()
