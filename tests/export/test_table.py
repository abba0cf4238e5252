"""Every format by its name, whole or not at all."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from amb3r_core.errors import InputError
from amb3r_core.export import EXPORTERS, export_scene, find_exporters
from amb3r_core.scene.fusion import fuse
from tests.fakes import fake_room

SCENE = fake_room(3).reconstruction
CLOUD = fuse(SCENE)
NEEDS_PYCOLMAP = pytest.mark.skipif(find_spec("pycolmap") is None, reason="pycolmap is not installed")
FORMATS = [pytest.param(name, marks=NEEDS_PYCOLMAP) if "colmap" in name else name for name in EXPORTERS]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_what_it_lists(tmp_path: Path, name: str):
    target = tmp_path / EXPORTERS[name].default_name
    files = export_scene(SCENE, target, name, cloud=CLOUD)
    assert files
    assert all(path.is_file() and (path == target or target in path.parents) for path in files)
    assert target.is_dir() == EXPORTERS[name].is_folder
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    everything = {path for path in target.rglob("*") if path.is_file()} if target.is_dir() else {target}
    assert set(files) == everything


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_written_again_over_itself(tmp_path: Path, name: str):
    target = tmp_path / EXPORTERS[name].default_name
    export_scene(SCENE, target, name, cloud=CLOUD)
    with pytest.raises(InputError, match="exists already"):
        export_scene(SCENE, target, name, cloud=CLOUD)
    assert export_scene(SCENE, str(target), name, cloud=CLOUD, overwrite=True)


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_scene_gives_the_same_bytes(tmp_path: Path, name: str):
    first = export_scene(SCENE, tmp_path / "a", name, cloud=CLOUD)
    second = export_scene(SCENE, tmp_path / "b", name, cloud=CLOUD)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_every_format_says_what_it_is():
    assert all(exporter.description and exporter.extra == "" for exporter in EXPORTERS.values())
    names = [exporter.default_name for exporter in EXPORTERS.values()]
    assert len(set(names)) == len(names)


def test_an_unknown_format_is_named_beside_the_known(tmp_path: Path):
    with pytest.raises(InputError, match="obj is no export format; there are ply, glb, colmap"):
        export_scene(SCENE, tmp_path / "a.obj", "obj")
    with pytest.raises(InputError, match="no export format was named"):
        find_exporters([])
    assert list(find_exporters(["tum", "ply"])) == ["tum", "ply"]
