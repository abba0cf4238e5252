"""The scene file's reader: what it gives, and one message for every field that is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amb3r_blender.points_file import PointsTable
from amb3r_blender.scene_file import read_scene
from amb3r_blender.scene_text import SceneFileError

from amb3r_core.export.scene_dir import save_scene
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.reconstruction import (
    Dense,
    Provenance,
    Reconstruction,
    Scale,
    UnregisteredView,
    VideoSource,
    View,
    WeightsInfo,
)
from tests.plugins.blender import kit

Edit = Callable[[dict[str, Any]], object]


def _set(*path: str | int, to: object) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return edit


def _drop(*path: str | int) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return edit


CORNER = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
MIRROR = [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
K = [[500.0, 0.0, 310.0], [0.0, 520.0, 250.0], [0.0, 0.0, 1.0]]
BAD_FIELDS: list[tuple[Edit, str]] = [
    (_drop("format"), "format: missing"),
    (_set("format", to="scene"), "format: is 'scene', wanted 'amb3r-scene'"),
    (_set("format_version", to=3), "format_version: is 3, but this extension reads versions 1 to 2"),
    (_set("format_version", to="1"), "format_version: is text, wanted a whole number"),
    (_drop("up"), "up_world: missing"),
    (_set("unit", to="unit"), "unit: is 'unit', wanted 'metre'"),
    (_set("metric", to=False), "metric: disagrees with scale.kind 'metric'"),
    (_set("metric", to=1), "metric: is a number, wanted true or false"),
    (_set("scale", "kind", to="big"), "scale.kind: is 'big', wanted 'metric' or 'relative'"),
    (_set("scale", "source", to=None), "scale.source: is null, wanted text"),
    (_set("scale", "relative_spread", to="small"), "scale.relative_spread: is text, wanted a number"),
    (_set("frame", to="opengl"), "frame: is 'opengl', wanted 'opencv'"),
    (_set("pixel_origin", to="center"), "pixel_origin: is 'center', wanted 'corner'"),
    (_set("up", to=[0, -1]), "up: has 2 items, wanted 3"),
    (_set("up", to=[0, -2, 0]), "up: is not a direction of length 1"),
    (_set("views", to={}), "views: is an object, wanted a list"),
    (_set("views", 1, "name", to=""), "views[1].name: is empty"),
    (_set("views", 1, "name", to="photo_000.png"), "views[1].name: 'photo_000.png' is the name of another view too"),
    (_set("views", 0, "image", to="../secret.png"), "views[0].image: ../secret.png leaves the scene folder"),
    (_set("views", 0, "image", to="images\\a.png"), "views[0].image: images\\a.png leaves the scene folder"),
    (_set("views", 0, "image", to="a\0b"), "views[0].image: is no path"),
    (_set("views", 0, "mask", to=7), "views[0].mask: is a number, wanted text"),
    (_set("views", 0, "width", to=0), "views[0].width: is 0, wanted 1 or more"),
    (_set("views", 0, "height", to=480.5), "views[0].height: is a number, wanted a whole number"),
    (_set("views", 0, "K", to=K[:2]), "views[0].K: has 2 items, wanted 3"),
    (_set("views", 0, "K", 0, 1, to=0.1), "views[0].K: wanted [[fx, 0, cx]"),
    (_set("views", 0, "K", 0, 0, to=-5), "views[0].K: focal lengths must be positive"),
    (_set("views", 0, "K", 0, 2, to="x"), "views[0].K[0][2]: is text, wanted a number"),
    (_set("views", 2, "c2w", to=MIRROR), "views[2].c2w: is no rigid transform"),
    (_set("views", 2, "c2w", 3, 3, to=2), "views[2].c2w: is no rigid transform"),
    (_set("views", 2, "c2w", 0, 3, to=10**400), "views[2].c2w[0][3]: is not a finite number"),
    (_set("views", 0, "crop", to=[0, 0, 65, 48]), "views[0].crop: leaves the dense grid of 64x48"),
    (_set("views", 0, "crop", to=[0, -1, 64, 48]), "views[0].crop[1]: is -1, wanted 0 or more"),
    (_set("views", 0, "time", to="now"), "views[0].time: is text, wanted a number"),
    (_set("views", 0, "keyframe", to=None), "views[0].keyframe: is null, wanted true or false"),
    (_drop("views", 0, "mask"), "views[0].mask: missing"),
    (_set("unregistered", to=[{"name": "a.png", "image": None}]), "unregistered[0].reason: missing"),
    (_set("dense", "depth", to="dense/none.npy"), "dense.depth: the file dense/none.npy is missing"),
    (_set("dense", "width", to=0), "dense.width: is 0, wanted 1 or more"),
    (_set("points", "file", to="/etc/hostname"), "points.file: /etc/hostname leaves the scene folder"),
    (_set("points", "count", to=-1), "points.count: is -1, wanted 0 or more"),
    (_set("points", "has_confidence", to=1), "points.has_confidence: is a number, wanted true or false"),
    (_set("video", to={"path": "clip.mp4", "fps": 0}), "video.fps: is 0, wanted a positive number"),
    (_set("video", to={"path": "clip.mp4"}), "video.frames_per_second: missing"),
    (_set("engine", to=[]), "engine: is a list, wanted an object"),
    (_set("engine", "weights", to={}), "engine.weights.name: missing"),
    (_set("engine", "weights_licence", to="MIT"), "engine.weights_licence: disagrees with engine.weights.licence"),
    (_set("engine", "notes", to=[1]), "engine.notes[0]: is a number, wanted text"),
    (_set("engine", "seconds", to={"predict": None}), "engine.seconds.predict: is null, wanted a number"),
]


@pytest.mark.parametrize(("edit", "message"), BAD_FIELDS, ids=[message for _, message in BAD_FIELDS])
def test_every_bad_field_has_its_own_message(tmp_path: Path, edit: Edit, message: str) -> None:
    path = kit.simple_scene(tmp_path)
    document = json.loads(path.read_text())
    edit(document)
    kit.write_scene(tmp_path, document)
    with pytest.raises(SceneFileError) as error:
        read_scene(tmp_path)
    assert f"{path}: {message}" in str(error.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "is a list, wanted an object"),
        (b'{"up": NaN}', "NaN is not a finite number"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_file_that_is_no_scene_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "scene.amb3r").write_bytes(data)
    with pytest.raises(SceneFileError, match=message):
        read_scene(tmp_path)


def test_a_folder_without_a_scene_is_named(tmp_path: Path) -> None:
    with pytest.raises(SceneFileError, match=r"there is no scene\.amb3r here"):
        read_scene(tmp_path)


def _reconstruction(photo: Path) -> Reconstruction:
    random = np.random.default_rng(0)
    views: list[View] = []
    for index in range(3):
        camera = PinholeCamera(width=80, height=60, fx=70.1 + index, fy=71.3, cx=38.7, cy=30.2)
        views.append(
            View(
                name=f"bücher/{index}.jpg",
                camera=camera,
                cam_to_world=kit.random_pose(random),
                letterbox=Letterbox(x=1, y=2, width=40, height=30),
                path=str(photo),
                timestamp_s=0.25 * index,
            )
        )
    shape = (3, 40, 48)
    dense = Dense(
        depth=np.full(shape, 2.0, np.float32), confidence=np.full(shape, 5.0, np.float32), rgb=np.zeros((*shape, 3), np.uint8)
    )
    return Reconstruction(
        views=tuple(views),
        scale=Scale(kind="metric", source="two views 0.52 m apart", relative_spread=0.01),
        provenance=Provenance(
            model="amb3r",
            version="0.1.0",
            weights=WeightsInfo(name="amb3r", sha256="00", licence="CC-BY-NC-4.0", source="imported"),
            notes=("a doubt",),
        ),
        dense=dense,
        unregistered=(UnregisteredView(name="lost.jpg", reason="too few matches"),),
        up_world=(0.0, -1.0, 0.0),
        video=VideoSource(path=str(photo.with_name("clip.mp4")), frames_per_second=29.97),
    )


def test_what_amb3r_writes_is_read_in_full(tmp_path: Path) -> None:
    photo = tmp_path / "photos" / "a.png"
    kit.write_png(photo, np.zeros((60, 80, 3), np.uint8))
    given = _reconstruction(photo)
    cloud = PointCloud(
        points=np.ones((7, 3), np.float32),
        colors=np.zeros((7, 3), np.uint8),
        confidence=np.ones(7, np.float32),
        view_index=np.zeros(7, np.int32),
        radius=np.ones(7, np.float32),
    )
    save_scene(given, tmp_path / "scene", cloud)
    scene = read_scene(tmp_path / "scene")
    for view, wanted in zip(scene.views, given.views, strict=True):
        assert view.name == wanted.name
        assert np.array_equal(view.cam_to_world, wanted.cam_to_world)
        assert view.camera.matrix == pytest.approx(wanted.camera.K + CORNER, abs=1e-12)
        assert (view.camera.width, view.camera.height, view.crop) == (80, 60, (1, 2, 40, 30))
        assert (view.image, view.time_s, view.is_keyframe) == (photo, wanted.timestamp_s, True)
    assert scene.is_timed
    assert scene.is_metric
    assert (scene.scale_source, scene.scale_spread) == ("two views 0.52 m apart", 0.01)
    assert (scene.engine.model, scene.engine.weights_licence, scene.engine.notes) == ("amb3r", "CC-BY-NC-4.0", ("a doubt",))
    assert [(view.name, view.reason) for view in scene.lost] == [("lost.jpg", "too few matches")]
    assert scene.video is not None
    assert scene.video.fps == 29.97
    assert scene.points is not None
    assert len(PointsTable(scene.points.path)) == scene.points.count == 7
    assert scene.name == "scene"


def test_the_digest_tells_two_scenes_apart(tmp_path: Path) -> None:
    first = read_scene(kit.simple_scene(tmp_path / "a"))
    same = read_scene(kit.simple_scene(tmp_path / "b"))
    other = read_scene(kit.simple_scene(tmp_path / "c", n_views=4))
    assert first.digest == same.digest != other.digest
