"""Cameras and poses in the JSON files of NeRF tools and capture apps.

`transforms.json` of Nerfstudio, NeRF-synthetic (`camera_angle_x`), instant-ngp and Polycam's export; the `metadata` of Record3D;
Open3D's camera trajectory. The form tells the convention: OpenGL axes for all but Open3D, whose extrinsics are OpenCV's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import tan
from pathlib import Path

from amb3r_core.errors import FormatError
from amb3r_core.inputs.camera_values import FileCamera
from amb3r_core.inputs.pose_values import FilePose, pose_of_matrix, pose_of_quaternion
from amb3r_core.inputs.text_files import read_text
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER, invert, opencv_to_opengl
from amb3r_core.scene.lens import STRAIGHT, Lens
from amb3r_core.scene_folder.json_text import Node, parse_json

COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
"""In the order of COLMAP's FULL_OPENCV."""
FISHEYE_MODELS = ("OPENCV_FISHEYE", "FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
MIN_ANGLE_RAD, MAX_ANGLE_RAD = 1e-3, 3.1
"""A horizontal angle of view at or beyond half a turn fits no pinhole; the longest telescopes see a few thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonScene:
    """What a JSON file tells of photos."""

    poses: tuple[FilePose, ...]
    cameras: tuple[FileCamera, ...]


def read_json_scene(path: Path, *, option: str | None = None) -> JsonScene:
    """The cameras and poses of a JSON file of any of the forms above. Raises `InputError`, and `FormatError` naming the field."""
    root = parse_json(read_text(path, option=option), str(path))
    fields = root.mapping()
    if "frames" in fields:
        return _transforms(root)
    if "parameters" in fields:
        return _open3d_trajectory(root)
    if "poses" in fields:
        return _record3d(root)
    return JsonScene(poses=(), cameras=_plain_cameras(root))


def _transforms(root: Node) -> JsonScene:
    poses: list[FilePose] = []
    cameras: list[FileCamera] = []
    for frame in root.required("frames").items():
        name = frame.required("file_path").text()
        camera = _camera_of_frame(root, frame, name)
        if camera is not None:
            cameras.append(camera)
        matrix = frame.get("transform_matrix")
        if matrix is not None:
            place = f"{frame.file}: {matrix.place} ({name})"
            poses.append(FilePose(cam_to_world=opencv_to_opengl(pose_of_matrix(_rows(matrix), place)), name=name))
    if not poses and not cameras:
        root.required("frames").fail("no frame has a transform_matrix or a focal length")
    return JsonScene(poses=tuple(poses), cameras=tuple(cameras))


def _camera_of_frame(root: Node, frame: Node, name: str) -> FileCamera | None:
    """The camera of one frame: its own numbers, else those of the whole file; None when neither tells a focal length."""
    told = {**_numbers(root), **_numbers(frame)}
    place = f"{frame.file}: {frame.place} ({name})"
    width, height = told.get("w", 0.0), told.get("h", 0.0)
    fx, angle = told.get("fl_x", 0.0), told.get("camera_angle_x", 0.0)
    if fx == 0.0 and angle == 0.0:
        return None
    if fx == 0.0 and not MIN_ANGLE_RAD < angle < MAX_ANGLE_RAD:
        raise FormatError(f"{place}: camera_angle_x is {angle:g} rad, which no pinhole sees")
    return FileCamera(
        fx=fx or 0.5 / tan(angle / 2.0),
        fy=told.get("fl_y", 0.0) or fx or 0.5 / tan(angle / 2.0),
        cx=told["cx"] - CORNER_MINUS_CENTER if "cx" in told else None,
        cy=told["cy"] - CORNER_MINUS_CENTER if "cy" in told else None,
        width=width,
        height=height,
        focal_unit="pixel" if fx else "width",
        lens=_lens(told, _model(root, frame), place),
        name=name,
        place=place,
    )


def _lens(told: Mapping[str, float], model: str, place: str) -> Lens:
    values = tuple(told.get(name, 0.0) for name in COEFFICIENTS)
    if model in FISHEYE_MODELS:
        k1, k2, k3, k4 = (told.get(name, 0.0) for name in ("k1", "k2", "k3", "k4"))
        return Lens(model="OPENCV_FISHEYE", coefficients=(k1, k2, k3, k4))
    if model == "EQUIRECTANGULAR":
        raise FormatError(f"{place}: camera_model EQUIRECTANGULAR is no perspective camera")
    if not any(values):
        return STRAIGHT
    return Lens(model="FULL_OPENCV", coefficients=values) if any(values[4:]) else Lens(model="OPENCV", coefficients=values[:4])


def _model(root: Node, frame: Node) -> str:
    node = frame.get("camera_model") or root.get("camera_model")
    return node.text() if node is not None and not node.is_null else ""


def _numbers(node: Node) -> dict[str, float]:
    """The numbers of an object's camera fields; a field that is null counts as not there."""
    wanted = ("w", "h", "fl_x", "fl_y", "cx", "cy", "camera_angle_x", "camera_angle_y", *COEFFICIENTS)
    found = {name: node.get(name) for name in wanted}
    return {name: field.number() for name, field in found.items() if field is not None and not field.is_null}


def _rows(matrix: Node) -> list[list[float]]:
    return [[value.number() for value in row.items()] for row in matrix.items()]


def _plain_cameras(root: Node) -> tuple[FileCamera, ...]:
    """fx, fy, cx, cy at the top, for all photos, or `per_image`; pixels count from the first one's centre, or as it says."""
    cameras: list[FileCamera] = []
    per_image = root.get("per_image")
    for name, node in per_image.mapping().items() if per_image is not None else ():
        cameras.append(_plain_camera(root, node, name))
    if root.get("fx") is not None:
        cameras.append(_plain_camera(root, root, ""))
    if not cameras:
        root.fail("no cameras and no poses in it; wanted frames, or fx, fy, cx, cy, or per_image")
    return tuple(cameras)


def _plain_camera(root: Node, node: Node, name: str) -> FileCamera:
    origin = node.get("pixel_origin") or root.get("pixel_origin")
    if origin is not None and origin.text() not in ("center", "corner"):
        origin.fail(f'is {origin.text()!r}, wanted "center" or "corner"')
    shift = CORNER_MINUS_CENTER if origin is not None and origin.text() == "corner" else 0.0
    fx, fy, cx, cy = (node.required(key).number() for key in ("fx", "fy", "cx", "cy"))
    sizes = [node.get(key) or root.get(key) for key in ("width", "height")]
    width, height = (0.0 if size is None else size.number() for size in sizes)
    place = f"{node.file}: {node.place}" if node.place else node.file
    return FileCamera(fx=fx, fy=fy, cx=cx - shift, cy=cy - shift, width=width, height=height, name=name, place=place)


def _open3d_trajectory(root: Node) -> JsonScene:
    """Open3D's `PinholeCameraTrajectory`: matrices column by column, no names; pixels count from the first one's centre."""
    poses: list[FilePose] = []
    cameras: list[FileCamera] = []
    for node in root.required("parameters").items():
        extrinsic = node.required("extrinsic")
        values = [value.number() for value in extrinsic.items(16)]
        rows = [values[row::4] for row in range(4)]
        poses.append(FilePose(cam_to_world=invert(pose_of_matrix(rows, f"{node.file}: {extrinsic.place}"))))
        camera = node.required("intrinsic")
        k = [value.number() for value in camera.required("intrinsic_matrix").items(9)]
        place = f"{node.file}: {camera.place}"
        width, height = camera.required("width").number(), camera.required("height").number()
        cameras.append(FileCamera(fx=k[0], fy=k[4], cx=k[6], cy=k[7], width=width, height=height, place=place))
    shared = cameras[:1] if cameras and all(_same(camera, cameras[0]) for camera in cameras) else []
    return JsonScene(poses=tuple(poses), cameras=tuple(shared))


def _record3d(root: Node) -> JsonScene:
    """Record3D's metadata: a pose a frame as qx, qy, qz, qw, x, y, z, no names; K column by column."""
    poses: list[FilePose] = []
    for node in root.required("poses").items():
        qx, qy, qz, qw, *position = (value.number() for value in node.items(7))
        pose = pose_of_quaternion((qw, qx, qy, qz), position, f"{node.file}: {node.place}")
        poses.append(FilePose(cam_to_world=opencv_to_opengl(pose)))
    matrix = root.get("K")
    if matrix is None:
        return JsonScene(poses=tuple(poses), cameras=())
    k = [value.number() for value in matrix.items(9)]
    width, height = root.required("w").number(), root.required("h").number()
    place = f"{root.file}: {matrix.place}"
    camera = FileCamera(fx=k[0], fy=k[4], cx=k[6], cy=k[7], width=width, height=height, place=place)
    return JsonScene(poses=tuple(poses), cameras=(camera,))


def _same(a: FileCamera, b: FileCamera) -> bool:
    return (a.fx, a.fy, a.cx, a.cy, a.width, a.height) == (b.fx, b.fy, b.cx, b.cy, b.width, b.height)
