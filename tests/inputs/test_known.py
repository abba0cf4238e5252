"""Known cameras and poses from the files people have."""

import json
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import FormatError, InputError
from amb3r_core.inputs.images import FrameList, frames_from_arrays
from amb3r_core.inputs.known import read_cameras, read_poses, with_known
from amb3r_core.options import parse_intrinsics
from amb3r_core.scene.conventions import invert, opencv_to_opengl, quaternion_from_rotation, rigid, rotation_from_quaternion


def frames(n: int = 3, size: tuple[int, int] = (80, 60)) -> FrameList:
    return frames_from_arrays([np.zeros((size[1], size[0], 3), np.uint8)] * n, [f"img{k}.jpg" for k in range(n)])


def poses_of(path: Path) -> dict[str, np.ndarray]:
    return read_poses(path, option="poses").matched(frames().frames)


def pose(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rigid(rotation_from_quaternion(rng.normal(size=4)), rng.normal(size=3))


def camera_of(text: str, source: FrameList | None = None) -> list[float]:
    camera = with_known(source or frames(), cameras=read_cameras(parse_intrinsics(text)))[1].camera
    assert camera is not None
    return [camera.fx, camera.fy, camera.cx, camera.cy]


def test_four_numbers_are_taken_as_they_are() -> None:
    assert camera_of("100,101,39.5,29.5") == [100, 101, 39.5, 29.5]


@pytest.mark.parametrize("text", ["100,101", "a,b,c,d", "missing.json"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="`intrinsics="):
        read_cameras(parse_intrinsics(text))


def test_json_counts_from_the_centre_unless_it_says_corner(tmp_path: Path) -> None:
    data = {"fx": 100, "fy": 100, "cx": 40, "cy": 30, "width": 80, "height": 60}
    (tmp_path / "k.json").write_text(json.dumps(data))
    assert camera_of(str(tmp_path / "k.json")) == [100, 100, 40, 30]
    (tmp_path / "k.json").write_text(json.dumps({**data, "pixel_origin": "corner"}))
    assert camera_of(str(tmp_path / "k.json")) == [100, 100, 39.5, 29.5]


def test_camera_of_a_larger_image_is_scaled(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(json.dumps({"fx": 200, "fy": 200, "cx": 79.5, "cy": 59.5, "width": 160, "height": 120}))
    assert camera_of(str(tmp_path / "k.json")) == [100, 100, 39.5, 29.5]


def test_camera_of_another_shape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text(json.dumps({"fx": 200, "fy": 200, "cx": 50, "cy": 50, "width": 100, "height": 100}))
    with pytest.raises(InputError, match="100x100 but the photo is 80x60"):
        camera_of(str(tmp_path / "k.json"))


def test_transforms_json_gives_cameras_and_poses(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    listed = [{"file_path": f"images/img{k}.jpg", "transform_matrix": opencv_to_opengl(pose(k)).tolist()} for k in range(3)]
    path.write_text(json.dumps({"fl_x": 90, "fl_y": 91, "cx": 40, "cy": 30, "w": 80, "h": 60, "frames": listed}))
    assert camera_of(str(path)) == [90, 91, 39.5, 29.5]
    assert np.allclose(poses_of(path)["img2.jpg"], pose(2))


def test_distorted_transforms_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"fl_x": 90, "w": 80, "h": 60, "k1": 0.1, "frames": [{"file_path": "img0.jpg"}]}))
    with pytest.raises(InputError, match="lens distortion"):
        read_cameras(path)


def test_colmap_text_gives_cameras_and_poses(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("# comment\n1 PINHOLE 80 60 90 91 40 30\n2 SIMPLE_PINHOLE 80 60 95 40 30\n")
    lines = ["# comment"]
    for k in range(3):
        world_to_cam = invert(pose(k))
        numbers = [*quaternion_from_rotation(world_to_cam[:3, :3]), *world_to_cam[:3, 3]]
        lines += [f"{k + 1} {' '.join(repr(float(x)) for x in numbers)} {1 + (k == 1)} img{k}.jpg", ""]
    (tmp_path / "images.txt").write_text("\n".join(lines) + "\n")
    assert camera_of(str(tmp_path / "cameras.txt")) == [95, 95, 39.5, 29.5]
    assert np.allclose(poses_of(tmp_path / "images.txt")["img0.jpg"], pose(0))


def write_tum(path: Path, times: list[float]) -> Path:
    rows = []
    for k, time_s in enumerate(times):
        w, x, y, z = quaternion_from_rotation(pose(k)[:3, :3])
        rows.append(" ".join(repr(float(v)) for v in (time_s, *pose(k)[:3, 3], x, y, z, w)))
    path.write_text("# timestamp tx ty tz qx qy qz qw\n" + "\n".join(rows))
    return path


def test_tum_lines_are_matched_by_photo_index(tmp_path: Path) -> None:
    poses = poses_of(write_tum(tmp_path / "poses.txt", [0, 2]))
    assert sorted(poses) == ["img0.jpg", "img2.jpg"]
    assert np.allclose(poses["img2.jpg"], pose(1))


def test_poses_of_other_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of its poses belongs"):
        poses_of(write_tum(tmp_path / "poses.txt", [100, 200]))


def test_a_broken_tum_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text("0 1 2 3 0 0 0 1\n1 2 3\n")
    with pytest.raises(FormatError, match=r"poses.txt:2"):
        poses_of(tmp_path / "poses.txt")


@pytest.mark.parametrize("name", ["poses.txt", "images.txt", "transforms.json"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00 binary \x80", b"hello world", b'{"frames": [{"file_path": 3}]}', b"[1, 2]"]
)
def test_a_poses_file_of_another_form_gets_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=name):
        read_poses(tmp_path / name, option="poses")


@pytest.mark.parametrize("name", ["cameras.txt", "cameras.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00 binary \x80", b"1 PINHOLE 80 60 90", b'{"per_image": [1]}', b"[1, 2]"])
def test_a_cameras_file_of_another_form_gets_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((FormatError, InputError), match=name):
        read_cameras(tmp_path / name)
