"""Splats brought back to the scene's own coordinates."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from amb3r_nerfstudio.to_metric import Similarity, moved_splat, restore, scene_from_training

from amb3r_core.errors import FormatError, InputError
from amb3r_core.export.gaussians import GAUSSIAN_DTYPE
from amb3r_core.export.ply import read_vertices, write_vertices
from amb3r_core.scene.conventions import rotation_from_quaternion

RANDOM = np.random.default_rng(3)
TRAINING_FROM_SCENE = Similarity(
    0.37, rotation_from_quaternion(np.array([0.4, -0.2, 0.8, 0.3])), np.array([0.5, -1.0, 2.0]) * 0.37
)


def random_splat(count: int = 200, n_rest: int = 45) -> np.ndarray:
    names = [name for name in GAUSSIAN_DTYPE.names if not name.startswith("f_rest_") or int(name[7:]) < n_rest]
    splat = np.zeros(count, dtype=[(name, "<f4") for name in names])
    for name in names:
        splat[name] = RANDOM.normal(size=count)
    return splat


def write_training_transform(folder: Path) -> Path:
    rotation = TRAINING_FROM_SCENE.rotation
    shift = TRAINING_FROM_SCENE.translation / TRAINING_FROM_SCENE.scale
    document = {"transform": np.column_stack([rotation, shift]).tolist(), "scale": TRAINING_FROM_SCENE.scale}
    path = folder / "dataparser_transforms.json"
    path.write_text(json.dumps(document))
    return path


def covariances(splat: np.ndarray) -> np.ndarray:
    rotations = np.array([rotation_from_quaternion(np.array([float(g[f"rot_{i}"]) for i in range(4)])) for g in splat])
    scales = np.exp(np.stack([splat[f"scale_{i}"] for i in range(3)], axis=-1).astype(float))
    axes = rotations * scales[:, None, :]
    return axes @ np.swapaxes(axes, 1, 2)


@pytest.mark.parametrize("n_rest", [0, 9, 24, 45])
def test_a_trained_splat_comes_back_to_where_it_was(n_rest: int, tmp_path: Path):
    scene = random_splat(n_rest=n_rest)
    write_vertices(tmp_path / "splat.ply", moved_splat(scene, TRAINING_FROM_SCENE))
    write_training_transform(tmp_path)
    out = tmp_path / "metric.ply"
    similarity = restore(ply=tmp_path / "splat.ply", load_config=None, transforms=None, dataset=None, output=out)
    back = read_vertices(out)
    assert back.dtype == scene.dtype
    for name in scene.dtype.names:
        if not name.startswith("rot_"):
            assert np.abs(back[name] - scene[name]).max() <= 1e-5, name
    assert np.allclose(covariances(back), covariances(scene), rtol=1e-4, atol=1e-5)
    assert similarity.scale == pytest.approx(1 / 0.37)
    assert json.loads((tmp_path / "metric.json").read_text())["scale"] == similarity.scale


def test_covariances_are_moved_by_the_similarity():
    splat = random_splat(20)
    moved = moved_splat(splat, TRAINING_FROM_SCENE)
    rotation, scale = TRAINING_FROM_SCENE.rotation, TRAINING_FROM_SCENE.scale
    assert np.allclose(covariances(moved), scale**2 * rotation @ covariances(splat) @ rotation.T, rtol=1e-4)


def test_a_dataset_gives_its_own_upright_coordinates(tmp_path: Path):
    write_training_transform(tmp_path)
    write_vertices(tmp_path / "splat.ply", random_splat())
    upright = np.column_stack([rotation_from_quaternion(np.array([1.0, 1.0, 0, 0])), [0.0, 0.0, 1.5]])
    (tmp_path / "transforms.json").write_text(json.dumps({"applied_transform": upright.tolist(), "frames": []}))
    arguments = {"ply": tmp_path / "splat.ply", "load_config": None, "transforms": None}
    restore(**arguments, dataset=None, output=tmp_path / "scene.ply")
    restore(**arguments, dataset=tmp_path, output=tmp_path / "upright.ply")
    scene, turned = (read_vertices(tmp_path / name) for name in ("scene.ply", "upright.ply"))
    points = np.stack([scene[axis] for axis in "xyz"], axis=-1) @ upright[:, :3].T + upright[:, 3]
    assert np.allclose(np.stack([turned[axis] for axis in "xyz"], axis=-1), points, atol=1e-4)


def test_what_is_missing_is_named(tmp_path: Path):
    wish = {"ply": None, "load_config": None, "transforms": None, "dataset": None, "output": tmp_path / "out.ply"}
    with pytest.raises(InputError, match=r"`ply=.* or `load_config"):
        restore(**wish)
    with pytest.raises(InputError, match="name it with `transforms`"):
        restore(**wish | {"ply": tmp_path / "splat.ply"})
    write_training_transform(tmp_path)
    with pytest.raises(InputError, match="no checkpoint here"):
        restore(**wish | {"load_config": tmp_path / "config.yml"})
    write_vertices(tmp_path / "points.ply", np.zeros(3, dtype=[("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    with pytest.raises(FormatError, match=r"points\.ply: no splat"):
        restore(**wish | {"ply": tmp_path / "points.ply"})
    assert not (tmp_path / "out.ply").exists()


@pytest.mark.parametrize("text", ["[]", "{", '{"scale": 1}', '{"transform": [1], "scale": 1}'])
def test_a_damaged_transform_is_named(text: str, tmp_path: Path):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(FormatError, match=r"t\.json"):
        scene_from_training(tmp_path / "t.json")


def test_a_mirror_is_no_transform(tmp_path: Path):
    mirror = np.column_stack([np.diag([1.0, 1.0, -1.0]), np.zeros(3)])
    (tmp_path / "t.json").write_text(json.dumps({"transform": mirror.tolist(), "scale": 1.0}))
    with pytest.raises(FormatError, match="no rotation"):
        scene_from_training(tmp_path / "t.json")


@pytest.mark.slow
def test_a_million_splats_are_restored_in_half_a_minute():
    splat = random_splat(1_000_000)
    start = time.process_time()
    moved_splat(splat, TRAINING_FROM_SCENE)
    assert time.process_time() - start < 30
