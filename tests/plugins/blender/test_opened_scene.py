"""A scene folder as an import needs it."""

from pathlib import Path

import numpy as np
import pytest
from amb3r_blender.opened_scene import open_scene

from amb3r_core.errors import FormatError, InputError
from tests.paths import ROOT
from tests.plugins.blender import kit


def test_a_scene_tells_its_name_its_numbers_and_whether_it_is_timed(tmp_path: Path) -> None:
    lost = [{"name": "lost.jpg", "reason": "blurred", "image": None}]
    kit.simple_scene(tmp_path / "shot", times=[0.0, 0.5, 1.0], unregistered=lost)
    scene = open_scene(tmp_path / "shot")
    assert (scene.name, len(scene.views), scene.n_photos, scene.n_points) == ("shot", 3, 4, 500)
    assert scene.is_timed
    assert scene.path == tmp_path / "shot" / "scene.amb3r"
    kit.simple_scene(tmp_path / "photos", n_points=0)
    assert not open_scene(tmp_path / "photos").is_timed
    assert open_scene(tmp_path / "photos").n_points == 0


def test_a_scene_of_version_1_opens() -> None:
    scene = open_scene(ROOT / "tests" / "data" / "scene_v1")
    assert (len(scene.views), scene.n_points) == (3, 2057)
    assert scene.open_dense().depth.shape == (3, 36, 48)


def test_photos_and_depth_that_were_taken_away_do_not_keep_it_from_opening(tmp_path: Path) -> None:
    kit.simple_scene(tmp_path)
    (tmp_path / "images" / "photo_001.png").unlink()
    (tmp_path / "dense" / "depth.npy").unlink()
    scene = open_scene(tmp_path)
    assert scene.views[1].path == str(tmp_path / "images" / "photo_001.png")
    with pytest.raises(FormatError, match=r"dense\.depth: the file dense/depth.npy is missing"):
        scene.open_dense()


def test_a_scene_without_depth_or_without_a_file_says_so(tmp_path: Path) -> None:
    K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    kit.write_scene(tmp_path, kit.scene_document([kit.view_document("a.jpg", (64, 48), K, np.eye(4))]))
    with pytest.raises(FormatError, match=r"dense: is null, so there is no depth"):
        open_scene(tmp_path).open_dense()
    with pytest.raises(InputError, match=r"there is no scene\.amb3r here"):
        open_scene(tmp_path / "nowhere")


def test_the_digest_tells_two_scenes_apart(tmp_path: Path) -> None:
    first = open_scene(kit.simple_scene(tmp_path / "a"))
    same = open_scene(kit.simple_scene(tmp_path / "b"))
    other = open_scene(kit.simple_scene(tmp_path / "c", n_views=4))
    assert first.digest == same.digest != other.digest
