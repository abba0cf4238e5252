"""Nerfstudio datasets of ours, read back by the rules of its data parser (and by the parser itself where it is installed)."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.export.nerfstudio import depth_steps, export_nerfstudio, seed_cloud, z_up_from_world
from amb3r_core.export.png import write_png
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.fusion import fuse
from tests.fakes import fake_room, judged

PlyData = pytest.importorskip("plyfile").PlyData
Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory):
    return fake_room(4, mixed=True, pixel_aspect=1.2, images_folder=tmp_path_factory.mktemp("photos")).reconstruction


@pytest.fixture(scope="module")
def folder(scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dataset")
    files = export_nerfstudio(scene, out)
    assert all(path.is_file() for path in files)
    assert files[-1].name == "transforms.json"
    return out


def transforms(folder: Path) -> dict:
    return json.loads((folder / "transforms.json").read_text())


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_poses_are_opengl_in_a_world_with_z_up(scene, folder: Path):
    document = transforms(folder)
    applied = np.array(document["applied_transform"])
    assert document["orientation_override"] == "none"
    assert "applied_scale" not in document
    assert np.allclose(applied[:, :3] @ scene.up_world, [0, 0, 1])
    for frame, view in zip(document["frames"], scene.views, strict=True):
        opengl = np.array(frame["transform_matrix"])
        assert np.allclose(opengl[:3, 3], applied[:, :3] @ view.cam_to_world[:3, 3])
        assert np.allclose(opengl[:3, 1], -applied[:, :3] @ view.cam_to_world[:3, 1])
        assert np.allclose(opengl[:3, 2], -applied[:, :3] @ view.cam_to_world[:3, 2])


def test_every_frame_has_its_own_intrinsics_and_none_are_global(scene, folder: Path):
    document = transforms(folder)
    assert not {"fl_x", "cx", "w"} & set(document)
    for frame, view in zip(document["frames"], scene.views, strict=True):
        camera = view.camera
        assert (frame["fl_x"], frame["fl_y"], frame["w"], frame["h"]) == (camera.fx, camera.fy, camera.width, camera.height)
        assert np.allclose([frame["cx"], frame["cy"]], [camera.cx + 0.5, camera.cy + 0.5])
        with Image.open(folder / frame["file_path"]) as image:
            assert image.size == (camera.width, camera.height)


def test_depth_is_millimetres_over_the_whole_photo_without_the_padding(scene, folder: Path):
    for index, frame in enumerate(transforms(folder)["frames"]):
        letterbox = scene.views[index].letterbox
        depth = pixels(folder / frame["depth_file_path"])
        assert depth.shape == (letterbox.height, letterbox.width)
        assert np.abs(depth / 1000 - scene.dense.depth[index][letterbox.slices]).max() <= 0.0005 + 1e-6


def test_depth_that_sixteen_bits_cannot_hold_is_unknown():
    assert depth_steps(np.float32([[0.0, 65.535, 65.54, 0.0012]])).tolist() == [[0, 65535, 0, 1]]


def test_seed_points_lie_where_the_dataset_says_and_never_twice(scene, folder: Path):
    vertex = PlyData.read(folder / transforms(folder)["ply_file_path"])["vertex"]
    points = np.stack([vertex["x"], vertex["y"], vertex["z"]], axis=1)
    cloud = fuse(scene)
    assert np.allclose(points, cloud.points @ z_up_from_world(scene)[:3, :3].T, atol=1e-5)
    same = PointCloud(
        points=np.zeros((3, 3), np.float32),
        colors=np.zeros((3, 3), np.uint8),
        confidence=np.ones(3, np.float32),
        view_index=np.zeros(3, np.int32),
        radius=np.ones(3, np.float32),
    )
    assert len(seed_cloud(same, np.eye(4))) == 1
    assert len(seed_cloud(cloud, np.eye(4), max_points=100)) <= 100


def test_scale_and_licence_are_in_the_amb3r_block(folder: Path):
    block = transforms(folder)["amb3r"]
    assert (block["scale"], block["scale_source"], block["weights_licence"]) == ("metric", "made to measure", "CC-BY-4.0")


def test_the_amb3r_block_tells_how_far_the_poses_are_trusted(scene, folder: Path, tmp_path: Path):
    trusts = dict.fromkeys(range(scene.n_views), 0.9) | {0: 0.2}
    export_nerfstudio(judged(scene, 0.95, trusts), tmp_path)
    block = transforms(tmp_path)["amb3r"]
    assert block["poses"] == {"trust": 0.95, "word": "sure", "standing_out": [scene.views[0].name]}
    assert block["view_pose_trust"] == list(trusts.values())
    assert transforms(folder)["amb3r"]["poses"] is None
    assert "view_pose_trust" not in transforms(folder)["amb3r"]


def test_masks_are_on_all_frames_or_on_none(scene, folder: Path, tmp_path: Path):
    assert all("mask_path" not in frame for frame in transforms(folder)["frames"])
    half = np.zeros((48, 64), np.uint8)
    half[:, 32:] = 7
    write_png(tmp_path / "mask.png", half)
    masked = replace(scene.views[0], mask_path=str(tmp_path / "mask.png"))
    export_nerfstudio(replace(scene, views=(masked, *scene.views[1:])), tmp_path / "out")
    frames = transforms(tmp_path / "out")["frames"]
    masks = [pixels(tmp_path / "out" / frame["mask_path"]) for frame in frames]
    assert [mask.shape for mask in masks] == [(frame["h"], frame["w"]) for frame in frames]
    assert set(np.unique(masks[0])) == {0, 255}
    assert (masks[0] == 255).mean() == 0.5
    assert all((mask == 255).all() for mask in masks[1:])


def test_a_mask_that_cannot_be_read_is_named(scene, tmp_path: Path):
    masked = replace(scene.views[0], mask_path=str(tmp_path / "gone.png"))
    with pytest.raises(InputError, match=r"mask .*gone\.png cannot be read"):
        export_nerfstudio(replace(scene, views=(masked, *scene.views[1:])), tmp_path / "out")


def test_without_a_known_up_nerfstudio_may_orient_the_scene_itself(scene, tmp_path: Path):
    export_nerfstudio(replace(scene, up_world=None), tmp_path)
    document = transforms(tmp_path)
    assert "orientation_override" not in document
    assert "applied_transform" not in document


def test_cameras_alone_make_a_dataset_without_depth_or_seed(scene, tmp_path: Path):
    export_nerfstudio(replace(scene, dense=None), tmp_path)
    document = transforms(tmp_path)
    assert "ply_file_path" not in document
    assert all("depth_file_path" not in frame for frame in document["frames"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_nerfstudios_own_parser_finds_metric_poses_and_points(scene, folder: Path):
    parsers = pytest.importorskip("nerfstudio.data.dataparsers.nerfstudio_dataparser")
    config = parsers.NerfstudioDataParserConfig(
        data=folder, center_method="none", auto_scale_poses=False, eval_mode="all", load_3D_points=True, downscale_factor=1
    )
    outputs = config.setup().get_dataparser_outputs("train")
    world = z_up_from_world(scene)
    assert np.allclose(outputs.cameras.camera_to_worlds[2, :, 3], (world @ scene.views[2].cam_to_world)[:3, 3], atol=1e-5)
    assert np.allclose(outputs.cameras.cx.ravel(), [view.camera.cx + 0.5 for view in scene.views])
    cloud = fuse(scene)
    assert np.allclose(outputs.metadata["points3D_xyz"], cloud.points @ world[:3, :3].T, atol=1e-4)
    assert len(outputs.metadata["depth_filenames"]) == 4


def test_depth_that_cannot_be_is_unknown():
    depth = np.array([[-1.0, np.nan, np.inf, -1e30, 70.0, 0.5]], dtype=np.float32)
    assert depth_steps(depth).tolist() == [[0, 0, 0, 0, 0, 500]]
