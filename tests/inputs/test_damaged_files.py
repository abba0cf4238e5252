"""Camera and pose files that are damaged, or made to do damage, are refused in one line that names the file."""

import json
import random
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import Amb3rError, FormatError, InputError
from amb3r_core.export.colmap import export_colmap, export_colmap_text
from amb3r_core.export.nerfstudio import export_nerfstudio
from amb3r_core.export.tum import export_tum
from amb3r_core.inputs.camera_values import PINHOLES, count_params
from amb3r_core.inputs.colmap_binary import MODELS
from amb3r_core.inputs.images import frames_from_arrays
from amb3r_core.inputs.known import read_cameras, read_poses
from amb3r_core.scene.lens import N_COEFFICIENTS
from tests.fakes import fake_room

EYE = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
N_CASES = 60
"""For each kind of file."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good file of each kind, in its place."""
    folder = tmp_path_factory.mktemp("whole")
    scene = fake_room(3, 16, 12).reconstruction
    for export, name in ((export_colmap_text, "text"), (export_colmap, "binary"), (export_nerfstudio, "nerf")):
        export(scene, folder / name, None)
    export_tum(scene, folder / "path.tum", None)
    rows = [[" ".join(map(repr, row)) for row in view.cam_to_world.tolist()] for view in scene.views]
    (folder / "path.log").write_text("\n".join(f"{k} {k} {k + 1}\n" + "\n".join(matrix) for k, matrix in enumerate(rows)))
    (folder / "path.csv").write_text("name,tx,ty,tz,qx,qy,qz,qw\n" + "".join(f"p{k}.png,{k},0,0,0,0,0,1\n" for k in range(3)))
    camera = {"fx": 50, "fy": 50, "cx": 31, "cy": 20}
    (folder / "plain.json").write_text(json.dumps({**camera, "per_image": {"photo_000.png": camera}}))
    (folder / "record3d.json").write_text(
        json.dumps({"poses": [[0, 0, 0, 1, k, 0, 0] for k in range(3)], "K": [50, 0, 0, 0, 50, 0, 20, 20, 1], "w": 40, "h": 40})
    )
    return folder


def tried(path: Path) -> list[str]:
    """What reading the file, and joining it with photos, is refused with."""
    photos = frames_from_arrays([np.zeros((24, 32, 3), np.uint8)] * 3, [f"photo_{k:03d}.png" for k in range(3)]).frames
    refusals: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read_poses(path, option="poses").matched(photos)
        except Amb3rError as error:
            refusals.append(str(error))
        try:
            read_cameras(path).joined(photos)
        except Amb3rError as error:
            refusals.append(str(error))
    return refusals


FILES = (
    ("text/sparse/0/images.txt", "text/sparse/0"),
    ("text/sparse/0/cameras.txt", "text/sparse/0"),
    ("binary/sparse/0/images.bin", "binary/sparse/0"),
    ("binary/sparse/0/cameras.bin", "binary/sparse/0"),
    ("nerf/transforms.json", "nerf/transforms.json"),
    ("path.tum", "path.tum"),
    ("path.log", "path.log"),
    ("path.csv", "path.csv"),
    ("plain.json", "plain.json"),
    ("record3d.json", "record3d.json"),
)


@pytest.mark.parametrize(("name", "opened"), FILES)
def test_random_damage_is_read_or_refused(whole: Path, name: str, opened: str) -> None:
    file = whole / name
    good, chance = file.read_bytes(), random.Random(name)
    try:
        for _ in range(N_CASES):
            data = bytearray(good[: chance.randrange(len(good))] if chance.random() < 0.15 else good)
            for _ in range(chance.choice((1, 1, 3, 10)) if data else 0):
                data[chance.randrange(len(data))] = chance.choice((chance.randrange(256), *b'0189"[]{},.-e \n'))
            file.write_bytes(data)
            assert not any("\n" in refusal for refusal in tried(whole / opened))
    finally:
        file.write_bytes(good)


HUGE, DEEP = "9" * 5000, "[" * 50_000
TRANSFORMS = '{"fl_x": 50, "w": 32, "h": 24, "frames": [{"file_path": "photo_000.png", "transform_matrix": %s}]}'
POSES = {
    "quaternion.tum": "0 0 0 0 1e200 1e200 1e200 1e200\n1 1 0 0 0 0 0 1\n",
    "nan_time.tum": "nan 0 0 0 0 0 0 1\nnan 1 0 0 0 0 0 1\n",
    "infinite_time.tum": f"{HUGE} 0 0 0 0 0 0 1\n1 1 0 0 0 0 0 1\n",
    "infinite_cell.csv": "time,tx,ty,tz,qx,qy,qz,qw\ninf,0,0,0,0,0,0,1\n1,1,0,0,0,0,0,1\n",
    "position.tum": "0 1e308 1e308 1e308 0 0 0 1\n1 1 0 0 0 0 0 1\n",
    "kitti.txt": "1e300 0 0 0 0 1e300 0 0 0 0 1e300 0\n" * 2,
    "huge.log": "0 0 1\n1e308 1e308 0 0\n1e308 1e308 0 0\n0 0 1e308 0\n0 0 0 1\n",
    "cell.csv": "name,tx,ty,tz,qx,qy,qz,qw\n" + "a" * 200_000 + ",0,0,0,0,0,0,1\n",
    "header.csv": '"' + "a" * 200_000 + "\n",
    "exponent.json": TRANSFORMS % "[[1e9999999, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]",
    "digits.json": TRANSFORMS % f"[[{HUGE}, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]",
    "deep.json": TRANSFORMS % DEEP,
    "deep_but_closed.json": TRANSFORMS % ("[" * 500 + "]" * 500),
    "half.json": TRANSFORMS.replace("photo_000", "\\ud800") % json.dumps(EYE),
    "null.json": TRANSFORMS % "null",
    "poses.json": '{"poses": 5}',
    "parameters.json": '{"parameters": [{"extrinsic": {}, "intrinsic": 3}]}',
}
CAMERAS = {
    "angle.json": '{"camera_angle_x": 5e-324, "frames": [{"file_path": "photo_000.png"}]}',
    "width.json": '{"fx": 50, "fy": 50, "cx": 1, "cy": 1, "width": 1e300, "height": 1e300}',
    "narrow.json": '{"fx": 50, "fy": 50, "cx": 1, "cy": 1, "width": 5e-324, "height": 5e-324}',
    "focal.json": '{"fx": 1e-310, "fy": 50, "cx": 1, "cy": 1}',
    "far.json": '{"fx": 1e308, "fy": 1e308, "cx": -1e308, "cy": 1e308}',
    "cameras.txt": "1 PINHOLE 1e400 nan 5 5 5 5\n",
    "rows.json": '{"poses": [[0, 0, 0, 1, 0, 0, 0]], "K": [[1]], "w": 3, "h": 3}',
    "origin.json": '{"fx": 1, "fy": 1, "cx": 1, "cy": 1, "pixel_origin": null}',
    "per_image.json": '{"per_image": {"photo_000.png": null}}',
}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quaternion.tum", ":1: the quaternion .* has length 2e"),
        ("nan_time.tum", ":1: the time nan is not a finite number"),
        ("infinite_time.tum", ":1: the time inf is not"),
        ("infinite_cell.csv", ":2: the time inf is not"),
        ("kitti.txt", ":1: the rotation stretches"),
        ("cell.csv", ":2: a line of 200014 characters is no pose"),
    ],
)
def test_the_line_and_the_value_are_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_text(POSES[name])
    with pytest.raises(FormatError, match=message):
        read_poses(tmp_path / name, option="poses")


@pytest.mark.parametrize("name", POSES)
def test_poses_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POSES[name])
    assert len(tried(tmp_path / name)) == 2


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CAMERAS[name])
    assert len(tried(tmp_path / name)) == 2


def binary_model(folder: Path, cameras: bytes, images: bytes) -> Path:
    (folder / "cameras.bin").write_bytes(cameras)
    (folder / "images.bin").write_bytes(images)
    return folder


CAMERA = struct.pack("<IiQQ4d", 1, 1, 32, 24, 30.0, 30.0, 16.0, 12.0)
IMAGE = struct.pack("<I7dI", 1, 1, 0, 0, 0, 0, 0, 0, 1) + b"photo_000.png\0" + struct.pack("<Q", 0)


@pytest.mark.parametrize(
    ("cameras", "images", "message"),
    [
        (struct.pack("<Q", 1 << 60) + CAMERA, struct.pack("<Q", 1) + IMAGE, "cameras.bin: cut short: it ends at byte 64"),
        (struct.pack("<Q", 1) + CAMERA, struct.pack("<Q", 1 << 60) + IMAGE, "images.bin: cut short"),
        (struct.pack("<Q", 1) + CAMERA, struct.pack("<Q", 1) + IMAGE[:-8] + struct.pack("<Q", 1 << 60), "images.bin: cut short"),
        (struct.pack("<Q", 1) + CAMERA, struct.pack("<Q", 1) + IMAGE[:64] + b"a" * 9000, "the name at byte 72 has no end"),
        (struct.pack("<QIiQQ", 1, 1, 99, 3, 3), struct.pack("<Q", 1) + IMAGE, "camera 1: camera model 99 is not known"),
        (struct.pack("<Q", 0), struct.pack("<Q", 1) + IMAGE, "photo_000.png: its camera 1 is missing"),
        (b"", b"", "cameras.bin: cut short"),
    ],
)
def test_a_binary_model_that_promises_more_than_it_holds_is_refused(
    tmp_path: Path, cameras: bytes, images: bytes, message: str
) -> None:
    with pytest.raises((FormatError, InputError), match=message):
        read_poses(binary_model(tmp_path, cameras, images), option="poses")


def test_a_whole_binary_model_is_read(tmp_path: Path) -> None:
    model = binary_model(tmp_path, struct.pack("<Q", 1) + CAMERA, struct.pack("<Q", 1) + IMAGE)
    assert tried(model) == []


def test_the_numbers_of_camera_models_are_those_of_colmap() -> None:
    pycolmap = pytest.importorskip("pycolmap")
    for number, name in enumerate(MODELS):
        model = pycolmap.CameraModelId(number)
        assert model.name == name
        if name in PINHOLES or name in N_COEFFICIENTS:
            assert count_params(name, "here") == len(pycolmap.Camera.create_from_model_id(1, model, 1.0, 1, 1).params)
