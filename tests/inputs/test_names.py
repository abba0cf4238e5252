"""What photos are called in a scene, and where they are looked for."""

import os
from pathlib import Path

import pytest

from amb3r_core.inputs.names import images_below, natural_key, photo_names, shown, without_twins


def test_digits_that_are_no_decimals_are_letters() -> None:
    assert sorted(["²1.jpg", "1.jpg", "10.jpg", "٣.jpg"], key=natural_key) == ["1.jpg", "٣.jpg", "10.jpg", "²1.jpg"]


def test_a_name_is_the_files_own_where_that_is_unique() -> None:
    assert photo_names([Path("/a/1.jpg"), Path("/b/2.jpg")]) == ["1.jpg", "2.jpg"]


def test_names_take_as_many_folders_as_tell_them_apart() -> None:
    paths = [Path("/home/session1/images/1.jpg"), Path("/home/session2/images/1.jpg"), Path("/home/session1/images/2.jpg")]
    assert photo_names(paths) == ["session1/images/1.jpg", "session2/images/1.jpg", "session1/images/2.jpg"]


def test_paths_with_dots_give_names_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert photo_names([Path("a.jpg"), Path("../a.jpg")]) == ["here/a.jpg", f"{tmp_path.name}/a.jpg"]


def test_a_file_in_the_root_stays_below_the_scene() -> None:
    assert photo_names([Path("/a.jpg"), Path("/x/a.jpg")]) == ["a.jpg", "x/a.jpg"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("two\nlines.jpg", "two%0Alines.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf%E9.jpg"),
        ("..\\..\\etc.jpg", "..%5C..%5Cetc.jpg"),
        ("line\u2028separator.jpg", "line%E2%80%A8separator.jpg"),
        ("Straße 1 – é.jpg", "Straße 1 – é.jpg"),
    ],
)
def test_what_breaks_a_line_or_a_path_is_written_as_its_code(name: str, clean: str) -> None:
    assert photo_names([Path("/p") / name]) == [clean]
    assert clean.encode("utf-8")


def test_a_path_is_shown_on_one_line_that_can_be_printed() -> None:
    path = Path("/p") / os.fsdecode(b"caf\xe9\n.jpg")
    assert shown(path) == "/p/caf%E9%0A.jpg"
    assert shown(path).encode("utf-8")


def test_names_that_clean_to_the_same_stay_apart() -> None:
    paths = [Path("/p/a\n.jpg"), Path("/p/a%0A.jpg")]
    assert photo_names(paths) == ["p/a%0A.jpg", "p/a%0A_2.jpg"]


def test_one_file_spelt_twice_is_one_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    spellings = [Path("here/a.jpg"), Path("here/../here/a.jpg"), tmp_path / "here" / "a.jpg"]
    assert without_twins(spellings) == [Path("here/a.jpg")]


def test_photos_are_found_in_folders_of_folders_but_not_among_their_masks(tmp_path: Path) -> None:
    wanted = ["left/1.jpg", "rig/right/2.JPG"]
    others = ["masks/1.jpg", "masks_white/1.jpg", ".hidden/1.jpg", "left/notes.txt", "left/._1.jpg", "scene/images/1.jpg"]
    for name in [*wanted, *others, "scene/scene.amb3r"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in images_below(tmp_path, {".jpg"})] == wanted


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").touch()
    (tmp_path / "in" / "back").symlink_to(tmp_path)
    assert [path.name for path in images_below(tmp_path, {".jpg"})] == ["a.jpg"]
