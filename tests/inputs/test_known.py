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
from amb3r_core.scene.lens import Lens


def frames(n: int = 3, size: tuple[int, int] = (80, 60)) -> FrameList:
    return frames_from_arrays([np.zeros((size[1], size[0], 3), np.uint8)] * n, [f"img{k}.jpg" for k in range(n)])


def poses_of(path: Path) -> dict[str, np.ndarray]:
    return read_poses(path, option="poses").matched(frames().frames)[0]


def pose(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rigid(rotation_from_quaternion(rng.normal(size=4)), rng.normal(size=3))


def camera_of(text: str, source: FrameList | None = None) -> list[float]:
    photos = source or frames()
    camera = with_known(photos, cameras=read_cameras(parse_intrinsics(text)).joined(photos.frames)[0])[1].camera
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


def test_a_photo_that_its_known_lens_bends_is_straightened(tmp_path: Path) -> None:
    """A straight edge, bent as the lens would, comes back straight; pixels the lens does not show are masked."""
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"fl_x": 60, "w": 80, "h": 60, "k1": 0.3, "frames": [{"file_path": "img1.jpg"}]}))
    cameras, notes = read_cameras(path).joined(frames().frames)
    camera = cameras["img1.jpg"]
    assert camera.lens == Lens(model="OPENCV", coefficients=(0.3, 0.0, 0.0, 0.0))
    assert notes == ("cameras of transforms.json: 1 of 3 photos matched by path; none for img0.jpg, img2.jpg",)
    columns, rows = np.meshgrid(np.arange(80.0), np.arange(60.0))
    seen = camera.undistort(np.stack([columns, rows], axis=-1))
    bent = np.where(seen[..., :1] < 30.0, 0, 255).astype(np.uint8).repeat(3, axis=-1)
    photos = frames_from_arrays([bent] * 3, [f"img{k}.jpg" for k in range(3)])
    frame = with_known(photos, cameras=cameras)[1]
    straight = frame.decode()
    assert frame.decode_mask is not None
    usable = frame.decode_mask()
    wrong = (straight[..., 0] > 127) != (columns >= 30.0)
    assert not (wrong & usable & (np.abs(columns - 29.5) > 1)).any()
    assert 0.5 < usable.mean() < 1.0
    assert with_known(photos, cameras=cameras)[0] is photos[0]


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


def test_poses_by_time_need_photos_that_tell_theirs(tmp_path: Path) -> None:
    path = write_tum(tmp_path / "poses.txt", [1, 2, 3])
    with pytest.raises(InputError, match=r'nothing tells the time of img0\.jpg, img1\.jpg, img2\.jpg; .*`poses_by="order"`'):
        poses_of(path)


def test_photos_named_by_their_time_get_the_poses_of_those_times(tmp_path: Path) -> None:
    names = [f"13050311{k:02d}.175304.png" for k in (5, 6, 7)]
    photos = frames_from_arrays([np.zeros((6, 8, 3), np.uint8)] * 3, names)
    path = write_tum(tmp_path / "poses.txt", [1305031105.17, 1305031105.67, 1305031106.17, 1305031106.67, 1305031107.17])
    poses, joined = read_poses(path, option="poses").matched(photos.frames)
    assert [np.allclose(poses[name], pose(k)) for name, k in zip(names, (0, 2, 4), strict=True)] == [True] * 3
    assert joined.sentence.startswith("poses of poses.txt: 3 of 3 photos matched by time; no photo for ")


def test_poses_are_taken_in_order_when_the_user_says_so(tmp_path: Path) -> None:
    known = read_poses(write_tum(tmp_path / "poses.txt", [7, 8, 9]), option="poses", by="order")
    assert np.allclose(known.matched(frames().frames)[0]["img2.jpg"], pose(2))
    with pytest.raises(InputError, match="3 for 4 photos; by order there must be one for each"):
        known.matched(frames(4).frames)


def test_poses_of_other_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"frames": [{"file_path": "a/other.jpg", "transform_matrix": pose(0).tolist()}]}))
    told = r"none belongs to one of the 3 images \(the file says 'a/other\.jpg', the photos 'img0\.jpg'"
    with pytest.raises(InputError, match=told):
        poses_of(path)


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


def test_four_numbers_that_fit_no_photo_of_this_size_are_refused() -> None:
    """Of the full-size photo, or of a turned one."""
    with pytest.raises(InputError, match=r"at \(2000, 1500\), which is not near the middle of img0\.jpg \(80x60\)"):
        camera_of("3000,3000,2000,1500")
    with pytest.raises(InputError, match="not near the middle"):
        camera_of("90,90,29.5,59.5", frames(size=(120, 60)))


def test_an_angle_of_view_is_a_focal_length_on_any_photo(tmp_path: Path) -> None:
    """NeRF-synthetic: no size in the file, names without suffix."""
    path = tmp_path / "transforms_train.json"
    listed = [{"file_path": f"./train/img{k}", "transform_matrix": pose(k).tolist()} for k in range(3)]
    path.write_text(json.dumps({"camera_angle_x": float(2 * np.arctan(0.5)), "frames": listed}))
    assert np.allclose(camera_of(str(path)), [80, 80, 39.5, 29.5])


def test_a_colmap_model_is_read_in_every_form(tmp_path: Path) -> None:
    """Binary, its folder, text without lines of points, names with blanks, a camera model whose coefficients are all zero."""
    import pycolmap

    names = ["img0.jpg", "img 1 (2).jpg", "img2.jpg"]
    photos = frames_from_arrays([np.zeros((60, 80, 3), np.uint8)] * 3, names)
    lines = []
    for k, name in enumerate(names):
        world_to_cam = invert(pose(k))
        numbers = [*quaternion_from_rotation(world_to_cam[:3, :3]), *world_to_cam[:3, 3]]
        lines.append(f"{k + 1} {' '.join(repr(float(x)) for x in numbers)} 1 {name}")
    compact, full, binary = tmp_path / "compact", tmp_path / "full", tmp_path / "model" / "sparse" / "0"
    for folder in (compact, full, binary):
        folder.mkdir(parents=True)
    for folder in (compact, full):
        (folder / "cameras.txt").write_text("1 OPENCV 80 60 90 91 40 30 0 0 0 0\n")
    (compact / "images.txt").write_text("\n".join(lines) + "\n")
    (full / "images.txt").write_text("\n\n".join(lines) + "\n\n")
    (full / "points3D.txt").write_text("")
    model = pycolmap.Reconstruction(full)
    for image_id, image in model.images.items():
        image.name = names[image_id - 1]  # its own reader of text ends a name at the first blank
    model.write_binary(binary)
    for place in (compact / "images.txt", full, full / "images.txt", binary / "images.bin", binary, tmp_path / "model"):
        poses, joined = read_poses(place, option="poses").matched(photos.frames)
        assert len(poses) == 3
        assert np.allclose(poses[names[1]], pose(1))
        assert not joined.entries_left
        assert camera_of(str(place), photos) == [90, 91, 39.5, 29.5]


def matrix_in(place: str) -> list[list[float]]:
    matrix = pose(0).tolist()
    if place == "mirrored":
        matrix[0] = [-value for value in matrix[0]]
    if place == "sheared":
        matrix[0][0] += 0.5
    if place == "zero":
        matrix[0][:3] = matrix[1][:3] = matrix[2][:3] = [0.0, 0.0, 0.0]
    if place == "transposed":
        matrix = np.array(matrix).T.tolist()
    if place == "far":
        matrix[0][3] = 1e300
    return matrix


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("mirrored", "the rotation is mirrored"),
        ("sheared", "the rotation stretches by"),
        ("zero", "the rotation is all zeros"),
        ("transposed", "the last row is .*: is the matrix transposed"),
        ("far", "the position .* is out of any range"),
    ],
)
def test_a_matrix_that_is_no_pose_is_named_with_its_frame(place: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    good = {"file_path": "img0.jpg", "transform_matrix": pose(1).tolist()}
    path.write_text(json.dumps({"frames": [good, {"file_path": "img1.jpg", "transform_matrix": matrix_in(place)}]}))
    with pytest.raises(FormatError, match=rf"frames\[1\]\.transform_matrix \(img1\.jpg\): {message}"):
        read_poses(path, option="poses")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Infinity", "Infinity is not a finite number"),
        ("null", r"frames\[0\]\.transform_matrix: is null"),
        ('"abc"', "is text, wanted a list"),
        ("[[1, 2], [3]]", "3 or 4 rows of 4 numbers"),
        ("[[1,0,0,0],[0,1,0,0],[0,0,1,1e999]]", "not a finite number"),
        ("[[1,0,0,0],[0,1,0,0],[0,0,1,true]]", "is true or false, wanted a number"),
    ],
)
def test_values_that_are_no_numbers_get_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    path.write_text('{"frames": [{"file_path": "img0.jpg", "transform_matrix": ' + text + "}]}")
    with pytest.raises(FormatError, match=message):
        read_poses(path, option="poses")


def test_a_quaternion_of_no_length_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text("0 1 2 3 0 0 0 1\n1 1 2 3 0 0 0 0\n")
    with pytest.raises(FormatError, match=r"poses\.txt:2: the quaternion 0 0 0 0 has length 0, wanted 1"):
        read_poses(tmp_path / "poses.txt", option="poses")


def test_poses_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    (tmp_path / "poses.txt").write_text("".join(f"{k} 1 2 3 0 0 0 1\n" for k in range(4)))
    with pytest.raises(FormatError, match="all 4 poses are the same"):
        read_poses(tmp_path / "poses.txt", option="poses")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    photos = frames_from_arrays([np.zeros((6, 8, 3), np.uint8)], ["K\u00fcche.jpg"])
    listed = [{"file_path": "images/K\u00fcche.jpg", "transform_matrix": opencv_to_opengl(pose(0)).tolist()}]
    text = json.dumps({"frames": listed}, ensure_ascii=False)
    (tmp_path / "transforms.json").write_bytes(text.encode(encoding))
    poses, _ = read_poses(tmp_path / "transforms.json", option="poses").matched(photos.frames)
    assert np.allclose(poses["K\u00fcche.jpg"], pose(0))


def test_open3d_and_kitti_and_tables_are_read(tmp_path: Path) -> None:
    kitti = "\n".join(" ".join(repr(float(v)) for v in pose(k)[:3].ravel()) for k in range(3))
    log = "\n".join(f"{k} {k} 3\n" + "\n".join(" ".join(repr(float(v)) for v in row) for row in pose(k)) for k in range(3))
    for name, text in (("kitti.txt", kitti), ("trajectory.log", log)):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match="neither names nor times"):
            poses_of(tmp_path / name)
        ordered = read_poses(tmp_path / name, option="poses", by="order").matched(frames().frames)[0]
        assert np.allclose(ordered["img1.jpg"], pose(1))
    rows = ["filename,qw,qx,qy,qz,tx,ty,tz"]
    for k in range(3):
        numbers = [*quaternion_from_rotation(pose(k)[:3, :3]), *pose(k)[:3, 3]]
        rows.append(f"img{k}.jpg," + ",".join(repr(float(v)) for v in numbers))
    (tmp_path / "poses.csv").write_text("\n".join(rows))
    assert np.allclose(poses_of(tmp_path / "poses.csv")["img2.jpg"], pose(2))
