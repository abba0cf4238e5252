"""Every export is made of the depth that the user's choice keeps; our own scene folder holds all of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.export import EXPORTERS, SceneExports, export_scene
from amb3r_core.export import points as points_module
from amb3r_core.export import table as table_module
from amb3r_core.export.scene_dir import load_cloud, load_scene, save_scene
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import CLOUD, KEEPS, LEAST_WEIGHT, Keep, kept
from tests.fakes import calibrated, fake_room

FIRST_COLUMN: dict[Keep, int] = {"trusted": 36, "most": 12, "all": 0}
WIDTH = 60


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    return calibrated(fake_room(4, WIDTH, 45, images_folder=tmp_path_factory.mktemp("photos")).reconstruction)


def written(scene: Reconstruction, folder: Path, name: str, keep: Keep) -> dict[str, bytes]:
    """The bytes of an export's files by name; of zipped ones, and of those that name a moment, the arrays."""
    target = folder / f"{name}-{keep}" / EXPORTERS[name].default_name
    target.parent.mkdir(exist_ok=True)
    files = export_scene(scene, target, name, keep=keep, overwrite=True)
    return {str(file.relative_to(target.parent)): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", [name for name in EXPORTERS if name not in ("scene", "tum", "npz")])
def test_an_export_is_that_of_the_cut_scene(scene: Reconstruction, tmp_path: Path, name: str) -> None:
    by_choice = {keep: written(scene, tmp_path, name, keep) for keep in KEEPS}
    of_cut = export_scene(kept(scene, "most"), tmp_path / "cut" / EXPORTERS[name].default_name, name, keep="all")
    place = tmp_path / "cut"
    assert by_choice["most"] == {str(file.relative_to(place)): file.read_bytes() for file in of_cut}
    assert by_choice["trusted"] == written(scene, tmp_path, name, "trusted"), "the same input gives the same bytes"
    assert by_choice["trusted"] != by_choice["most"] != by_choice["all"]


def test_arrays_are_those_of_the_cut_scene(scene: Reconstruction, tmp_path: Path) -> None:
    for keep in KEEPS:
        export_scene(scene, tmp_path / f"{keep}.npz", "npz", keep=keep)
        with np.load(tmp_path / f"{keep}.npz") as arrays:
            first = FIRST_COLUMN[keep]
            assert not arrays["depth"][:, :, :first].any()
            assert arrays["depth"][:, :, first:].all()
            assert arrays["weight_is_probability"]
            told = json.loads(str(arrays["provenance"]))["depth"]
        if keep == "all":
            assert told is None
        else:
            assert told == {"keep": keep, "least_weight": LEAST_WEIGHT[keep], "answered": 1.0, "kept": 1 - first / WIDTH}


@pytest.mark.parametrize("write", [save_scene, lambda scene, path, keep: export_scene(scene, path, "scene", keep=keep)])
def test_a_scene_folder_holds_all_depth_and_a_cloud_of_what_is_kept(
    scene: Reconstruction, tmp_path: Path, write: Callable[..., Any]
) -> None:
    sizes: list[int] = []
    for keep in KEEPS:
        write(scene, tmp_path / keep, keep=keep)
        again, cloud = load_scene(tmp_path / keep), load_cloud(tmp_path / keep)
        assert scene.dense is not None
        assert again.dense is not None
        assert cloud is not None
        np.testing.assert_array_equal(again.dense.depth, scene.dense.depth)
        np.testing.assert_array_equal(again.dense.confidence, scene.dense.confidence)
        told = again.provenance.config[CLOUD]
        assert isinstance(told, dict)
        assert told["keep"] == keep
        assert f'comment depth {{"keep": "{keep}"'.encode() in (tmp_path / keep / "points.ply").read_bytes()
        assert (cloud.confidence >= 1 / (1 - LEAST_WEIGHT[keep])).all()
        sizes.append(len(cloud))
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_where_nothing_is_trusted_only_cameras_are_exported(scene: Reconstruction, tmp_path: Path) -> None:
    doubtful = calibrated(fake_room(3, 10, 8).reconstruction)
    assert doubtful.dense is not None
    doubtful.dense.confidence[:] = 1.001
    assert export_scene(doubtful, tmp_path / "t.txt", "tum")
    for name in (name for name in EXPORTERS if name != "tum"):
        with pytest.raises(InputError, match="no depth of this scene is trusted"):
            export_scene(doubtful, tmp_path / name, name)
        assert not (tmp_path / name).exists()


def test_several_formats_share_one_cut_and_one_cloud(
    scene: Reconstruction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for module, name in ((table_module, "kept"), (points_module, "fuse"), (points_module, "visibility_tracks")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, f=original, name=name: made.append(name) or f(*args))
    exports = SceneExports(scene, "most")
    exports.write(tmp_path / "shared" / "trajectory.txt", "tum")
    assert not made, "cameras need no cut"
    names = [name for name in EXPORTERS if name not in ("tum", "npz")]
    shared = {name: exports.write(tmp_path / "shared" / EXPORTERS[name].default_name, name) for name in names}
    assert sorted(made) == ["fuse", "kept", "visibility_tracks"]
    for name in (name for name in names if name != "scene"):
        alone = written(scene, tmp_path, name, "most")
        assert alone == {str(file.relative_to(tmp_path / "shared")): file.read_bytes() for file in shared[name]}
    assert load_cloud(tmp_path / "shared" / "scene") is not None
