"""No shoot overwrites another, and nothing lies inside the extension."""

from pathlib import Path

import pytest
from amb3r_blender.output_places import HOME_FOLDER, SOURCES_FILE, place_for, scene_name, scenes_folder


def shoot(folder: Path) -> str:
    folder.mkdir(parents=True)
    return str(folder)


def test_two_shoots_of_one_name_get_folders_of_their_own(tmp_path: Path):
    scenes = tmp_path / "scenes"
    first, second = shoot(tmp_path / "monday" / "photos"), shoot(tmp_path / "tuesday" / "photos")
    assert place_for(scenes, [first]) == scenes / "photos"
    assert place_for(scenes, [second]) == scenes / "photos_2"


def test_the_same_shoot_keeps_its_folder(tmp_path: Path):
    photos = shoot(tmp_path / "photos")
    place = place_for(tmp_path / "scenes", [photos])
    place.mkdir()
    assert place_for(tmp_path / "scenes", [photos + "/"]) == place


def test_a_folder_of_unknown_origin_is_left_alone(tmp_path: Path):
    scenes = tmp_path / "scenes"
    (scenes / "photos").mkdir(parents=True)
    assert place_for(scenes, [shoot(tmp_path / "photos")]) == scenes / "photos_2"


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"photos": 3}', "\0"])
def test_a_damaged_memory_costs_no_scene(text: str, tmp_path: Path):
    scenes, photos = tmp_path / "scenes", shoot(tmp_path / "photos")
    place_for(scenes, [photos]).mkdir()
    (scenes / SOURCES_FILE).write_text(text)
    assert place_for(scenes, [photos]) == scenes / "photos_2"


def test_a_name_is_of_letters_that_any_disk_takes(tmp_path: Path):
    assert scene_name([shoot(tmp_path / "My shoot: day 1?")]) == "My_shoot_day_1_"
    assert scene_name(["/clips/take 3.mp4"]) == "take_3"
    assert scene_name(["/shoot/a.jpg", "/shoot/b.jpg"]) == "shoot"
    assert scene_name(["/..."]) == "scene"


def test_unsaved_files_write_to_the_users_own_folders(tmp_path: Path):
    assert scenes_folder("/film/shot.blend", "", tmp_path) == Path("/film/amb3r")
    assert scenes_folder("", "/mnt/scenes", tmp_path) == Path("/mnt/scenes")
    assert scenes_folder("", "", tmp_path) == tmp_path / HOME_FOLDER
