"""Our datasets, read by Nerfstudio's own data parsers and datasets."""

import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
from amb3r_nerfstudio.seed import SeedConfig

from amb3r_core.export.nerfstudio import z_up_from_world
from amb3r_core.export.png import write_png
from amb3r_core.scene.conventions import opencv_to_opengl
from amb3r_core.scene.gravity import levelled
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import Room, calibrated, fake_room, judged

pytest.importorskip("nerfstudio")

pytestmark = [
    pytest.mark.slow,
    # Nerfstudio 1.1.5 and what it imports use names that torch, numpy and pkg_resources have deprecated
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

SEED = SeedConfig(points=3000, splats=1000)


def parse(folder: Path, **changes: object):
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig

    return (
        Amb3rDataParserConfig(data=folder, **{"eval_mode": "all", "downscale_factor": 1} | changes)
        .setup()
        .get_dataparser_outputs("train")
    )


def dataset_world(scene: Reconstruction) -> np.ndarray:
    """From the scene's world to the dataset's, (4, 4)."""
    return z_up_from_world(levelled(scene)[0])


def true_poses(room: Room) -> np.ndarray:
    world = dataset_world(room.reconstruction)
    return opencv_to_opengl(world @ room.reconstruction.cam_to_world)[:, :3]


def test_poses_come_back_in_metres_through_our_parser(exact_room: Room, exact_dataset: Path):
    outputs = parse(exact_dataset)
    poses, truth = outputs.cameras.camera_to_worlds.numpy(), true_poses(exact_room)
    assert np.abs(poses - truth).max() <= 1e-6
    baselines = np.linalg.norm(np.diff(poses[:, :, 3], axis=0), axis=1) / np.linalg.norm(np.diff(truth[:, :, 3], axis=0), axis=1)
    assert np.abs(baselines - 1).max() <= 1e-6
    assert outputs.dataparser_scale == 1.0
    assert np.allclose(outputs.dataparser_transform, dataset_world(exact_room.reconstruction)[:3], atol=1e-6)
    camera = exact_room.reconstruction.views[0].camera
    assert np.allclose(outputs.cameras.cx.numpy(), camera.cx + 0.5)
    assert len(outputs.metadata["points3D_xyz"]) == len(outputs.metadata["points3D_rgb"]) > 3000


def test_with_nerfstudios_defaults_metres_can_be_recovered(exact_room: Room, exact_dataset: Path):
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    config = NerfstudioDataParserConfig(data=exact_dataset, eval_mode="all", downscale_factor=1, load_3D_points=True)
    outputs = config.setup().get_dataparser_outputs("train")
    assert outputs.dataparser_scale != 1.0
    scale, transform = outputs.dataparser_scale, np.vstack([outputs.dataparser_transform.numpy(), [0, 0, 0, 1]]).astype(float)
    centres = outputs.cameras.camera_to_worlds.numpy()[:, :, 3] / scale
    recovered = (centres - transform[:3, 3]) @ transform[:3, :3]
    assert np.abs(recovered - exact_room.reconstruction.cam_to_world[:, :3, 3]).max() <= 1e-5
    points = (outputs.metadata["points3D_xyz"].numpy() / scale - transform[:3, 3]) @ transform[:3, :3]
    assert np.quantile(exact_room.distance_to_surface(points), 0.99) < 0.03


@pytest.mark.parametrize("scale_factor", [1.0, 0.37])
def test_depth_goes_through_the_real_depth_dataset(exact_room: Room, exact_dataset: Path, scale_factor: float):
    from nerfstudio.data.datasets.depth_dataset import DepthDataset

    dataset = DepthDataset(parse(exact_dataset, scale_factor=scale_factor))
    for index, truth in enumerate(exact_room.reconstruction.dense.depth):
        depth = dataset[index]["depth_image"].numpy()[..., 0]
        known = depth > 0
        assert 0.8 < known.mean() < 1.0
        assert np.median(np.abs(depth[known] / scale_factor - truth[known])) <= 0.0005


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_every_downscale_loads_with_depth_and_masks(exact_room: Room, factor: int, tmp_path: Path):
    from nerfstudio.data.datasets.depth_dataset import DepthDataset

    write_dataset(exact_room.reconstruction, tmp_path, DatasetConfig(seed=SEED, mask_radius=0.95))
    dataset = DepthDataset(parse(tmp_path, downscale_factor=factor))
    item = dataset[3]
    height, width = 48 // factor, 64 // factor
    assert item["image"].shape == (height, width, 3)
    assert item["depth_image"].shape == item["mask"].shape == (height, width, 1)
    truth = exact_room.reconstruction.dense.depth[3][::factor, ::factor]
    depth = item["depth_image"].numpy()[..., 0]
    assert np.median(np.abs(depth - truth)[depth > 0]) <= 0.0005


def test_mixed_sizes_one_view_and_odd_folder_names_are_read(tmp_path: Path):
    mixed = fake_room(4, mixed=True, images_folder=tmp_path / "fotos").reconstruction
    write_dataset(mixed, tmp_path / "mixed sizes ü", DatasetConfig(seed=SEED))
    assert sorted(set(parse(tmp_path / "mixed sizes ü").cameras.width.ravel().tolist())) == [72, 128]
    write_dataset(fake_room(1).reconstruction, tmp_path / "one", DatasetConfig(seed=SEED))
    assert len(parse(tmp_path / "one").cameras) == 1


def test_held_out_frames_are_the_parsers_validation_split(exact_room: Room, tmp_path: Path):
    names = frozenset(view.name for view in exact_room.reconstruction.views[::4])
    write_dataset(exact_room.reconstruction, tmp_path, DatasetConfig(seed=SEED, eval_names=names))
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig

    for mode in ("fraction", "filename"):
        parser = Amb3rDataParserConfig(data=tmp_path, eval_mode=mode).setup()
        assert [len(parser.get_dataparser_outputs(split).cameras) for split in ("train", "val")] == [7, 3]


def test_the_colmap_model_is_read_by_nerfstudios_colmap_parser(exact_room: Room, exact_dataset: Path):
    from nerfstudio.data.dataparsers.colmap_dataparser import ColmapDataParserConfig

    config = ColmapDataParserConfig(
        data=exact_dataset,
        colmap_path=Path("colmap/sparse/0"),
        orientation_method="none",
        center_method="none",
        auto_scale_poses=False,
        eval_mode="all",
        downscale_factor=1,
        assume_colmap_world_coordinate_convention=False,
    )
    outputs = config.setup().get_dataparser_outputs("train")
    truth = exact_room.reconstruction.cam_to_world[:, :3, 3]
    centres = outputs.cameras.camera_to_worlds.numpy()[:, :, 3]
    assert np.abs(np.linalg.norm(centres - centres[0], axis=1) - np.linalg.norm(truth - truth[0], axis=1)).max() < 1e-5
    assert len(outputs.metadata["points3D_xyz"]) > 1000


def verdicts(folder: Path) -> dict[str, str]:
    from amb3r_nerfstudio.check import check_dataset

    return {result.name: result.verdict for result in check_dataset(folder)}


def changed(source: Path, target: Path, change) -> Path:
    """A copy of the dataset whose document went through `change`."""
    shutil.copytree(source, target)
    path = target / "transforms.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return target


def test_the_checker_passes_our_dataset(exact_room: Room, exact_dataset: Path, tmp_path: Path):
    found = verdicts(exact_dataset)
    assert len(found) == 11
    assert set(found.values()) == {"pass"}
    split = DatasetConfig(seed=SEED, eval_names=frozenset({"photo_003.png"}))
    write_dataset(exact_room.reconstruction, tmp_path, split)
    assert set(verdicts(tmp_path).values()) == {"pass"}


def scale_points(document: dict) -> None:
    document["applied_scale"] = 2.0


def hide_intrinsics(document: dict) -> None:
    document["frames"][1] |= {"fl_x": 99.0}


def mirror(document: dict) -> None:
    for frame in document["frames"]:
        frame["transform_matrix"][0] = [-value for value in frame["transform_matrix"][0]]


def turn_cameras_round(document: dict) -> None:
    for frame in document["frames"]:
        frame["transform_matrix"] = opencv_to_opengl(np.array(frame["transform_matrix"])).tolist()


def lose_a_depth(document: dict) -> None:
    del document["frames"][0]["depth_file_path"]


def lose_a_photo(document: dict) -> None:
    document["frames"][0]["file_path"] = "images/gone.png"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (scale_points, "scale"),
        (hide_intrinsics, "intrinsics"),
        (mirror, "poses"),
        (turn_cameras_round, "cloud overlap"),
        (lose_a_depth, "files"),
        (lose_a_photo, "files"),
    ],
)
def test_the_checker_names_what_is_wrong_in_the_document(exact_dataset: Path, change, name: str, tmp_path: Path):
    assert verdicts(changed(exact_dataset, tmp_path / "out", change))[name] == "fail"


def test_the_checker_sees_depth_in_the_wrong_unit_and_doubled_points(exact_room: Room, tmp_path: Path):
    from PIL import Image

    from amb3r_core.export.ply import read_vertices, write_vertices

    write_dataset(exact_room.reconstruction, tmp_path, DatasetConfig(seed=SEED))
    for path in (tmp_path / "depth").iterdir():
        with Image.open(path) as image:
            steps = np.asarray(image)
        path.unlink()
        write_png(path, (steps // 10).astype(np.uint16))
    vertices = read_vertices(tmp_path / "sparse_pc.ply")
    write_vertices(tmp_path / "sparse_pc.ply", np.concatenate([vertices, vertices[:7]]))
    (tmp_path / "images_4" / "frame_00002.png").unlink()
    found = verdicts(tmp_path)
    failed = {name for name, verdict in found.items() if verdict == "fail"}
    assert failed == {"depth unit", "depth agreement", "duplicates", "downscales"}


def test_the_checker_warns_when_the_scale_is_not_metric(tmp_path: Path):
    write_dataset(fake_room(3, scale_kind="relative").reconstruction, tmp_path, DatasetConfig(seed=SEED))
    assert verdicts(tmp_path)["scale"] == "warn"


@pytest.mark.parametrize(("trust", "verdict"), [(0.95, "pass"), (0.7, "pass"), (0.31, "warn"), (None, "none")])
def test_the_checker_warns_where_the_poses_are_doubtful(trust: float | None, verdict: str, tmp_path: Path):
    write_dataset(judged(fake_room(3).reconstruction, trust), tmp_path, DatasetConfig(seed=SEED))
    assert verdicts(tmp_path)["pose trust"] == verdict


def test_the_checker_passes_over_a_trust_that_is_none(exact_dataset: Path, tmp_path: Path):
    for index, poses in enumerate(({"trust": "sure"}, {"trust": 2}, [0.9], {})):
        target = changed(exact_dataset, tmp_path / str(index), lambda document, told=poses: document["amb3r"].update(poses=told))
        assert verdicts(target)["pose trust"] == "none"


def test_nerfstudio_finds_our_parser_and_our_method_by_their_entry_points():
    """In a fresh process, where Nerfstudio imports both while it is being imported itself."""
    script = (
        "from nerfstudio.configs.method_configs import all_methods\n"
        "from nerfstudio.configs.dataparser_configs import all_dataparsers\n"
        "print('amb3r-splatfacto' in all_methods, 'amb3r-data' in all_dataparsers)"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=240)
    assert result.stdout.split()[-2:] == ["True", "True"]


def run_main(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "amb3r_nerfstudio", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)


def test_process_data_lists_amb3r_beside_nerfstudios_own_subcommands():
    result = run_main("process-data", "--help")
    assert result.returncode == 0
    for name in ("images", "video", "polycam", "record3d", "amb3r"):
        assert name in result.stdout


def test_a_scene_becomes_a_dataset_and_the_command_says_what_to_type_next(exact_room: Room, tmp_path: Path):
    from amb3r_core.export.scene_dir import save_scene

    save_scene(exact_room.reconstruction, tmp_path / "scene")
    out = tmp_path / "a dataset"
    result = run_main("process-data", "amb3r", "--data", str(tmp_path / "scene"), "--output-dir", str(out), "--points", "500")
    assert result.returncode == 0, result.stderr
    said = " ".join(result.stdout.split())
    for words in ("found for 100.0% of the images", "metric (made to measure", "ns-train amb3r-splatfacto --data"):
        assert words in said
    assert len(json.loads((out / "transforms.json").read_text())["frames"]) == 10
    assert run_main("check", str(out)).returncode == 0


def test_the_command_cuts_by_trust_and_what_is_left_goes_through_nerfstudio(tmp_path: Path):
    from nerfstudio.data.datasets.depth_dataset import DepthDataset

    from amb3r_core.export.scene_dir import save_scene

    scene = calibrated(fake_room(6, 60, 48, original_scale=1.0, images_folder=tmp_path / "photos").reconstruction)
    save_scene(scene, tmp_path / "scene")
    words = ("process-data", "amb3r", "--data", str(tmp_path / "scene"), "--points", "500")
    for flags, first in (((), 36), (("--keep", "most"), 12)):
        out = tmp_path / f"from {first}"
        result = run_main(*words, "--output-dir", str(out), *flags)
        assert result.returncode == 0, result.stderr
        said = " ".join(result.stdout.split())
        assert f"not trusted {first / 60:.1%}" in said
        assert f"{1 - first / 60:.0%} of the pixels" in said
        depth = DepthDataset(parse(out))[2]["depth_image"].numpy()[..., 0]
        assert not depth[:, :first].any()
        assert (depth[:, first:] > 0).mean() > 0.7
        assert run_main("check", str(out)).returncode == 0
        frames = json.loads((out / "transforms.json").read_text())["frames"]
        assert all((out / frame["confidence_file_path"]).is_file() for frame in frames)


def test_failures_are_one_red_line_and_not_success(tmp_path: Path):
    result = run_main("process-data", "amb3r", "--data", str(tmp_path / "gone"), "--output-dir", str(tmp_path / "out"))
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].endswith("no such file or folder")
    assert not (tmp_path / "out").exists()
    assert run_main("check", str(tmp_path)).returncode == 1


def test_photos_become_a_dataset_in_process(tmp_path: Path):
    """The whole way from photos, with held-out ones, on a known pair of cameras: no weights, no COLMAP binary, no ffmpeg."""
    from amb3r_nerfstudio.process import ProcessAMB3R
    from amb3r_nerfstudio.process_options import ProcessOptions
    from amb3r_nerfstudio.seed import SeedConfig

    from tests.paths import SAMPLE

    for name, folder in (("train", (1, 2, 3, 4, 5)), ("eval", (6,))):
        (tmp_path / name).mkdir()
        for number in folder:
            shutil.copy(SAMPLE / "images" / f"IMG_{number:04d}.jpg", tmp_path / name)
    for photo in (tmp_path / "train").iterdir():
        photo.chmod(0o444)
    ProcessAMB3R(
        data=tmp_path / "train",
        output_dir=tmp_path / "out",
        eval_data=tmp_path / "eval",
        options=ProcessOptions(model="colmap", long_side=160),
        seeds=SeedConfig(points=2000),
        crop_factor=(0.0, 0.1, 0.0, 0.0),
    ).main()
    document = json.loads((tmp_path / "out" / "transforms.json").read_text())
    assert document["h"] == 432
    assert document["val_filenames"] == ["images/frame_eval_00006.jpg"]
    assert list(document["amb3r"]["original_names"].values())[-1] == "eval/IMG_0006.jpg"
    assert "fail" not in verdicts(tmp_path / "out").values()


def test_wishes_that_contradict_each_other_are_refused(tmp_path: Path):
    from amb3r_nerfstudio.process import ProcessAMB3R

    from amb3r_core.errors import InputError

    (tmp_path / "a").mkdir()
    plain = ProcessAMB3R(data=tmp_path / "a", output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="have to be undistorted"):
        replace(plain, camera_type="fisheye").main()
    with pytest.raises(InputError, match="add `intrinsics`"):
        replace(plain, refine_intrinsics=False).main()


def test_the_command_takes_every_option_of_the_core(tmp_path: Path):
    import tyro
    from amb3r_nerfstudio.process import ProcessAMB3R
    from amb3r_nerfstudio.process_options import PROCESS_FLAGS, ProcessOptions

    from amb3r_core.cli.values import option_values
    from amb3r_core.options import FocalAndCentre, GpsScale, ReconstructOptions

    shown = run_main("process-data", "amb3r", "--help").stdout
    for field in fields(ReconstructOptions):
        assert PROCESS_FLAGS[field.name] in shown, field.name
    for flag in ("--num-frames-target", "--random-seed", "--fps", "--points", "--min-weight", "--gpu", "--crop-factor"):
        assert flag in shown, flag
    words = [
        "--data",
        "photos",
        "--output-dir",
        "out",
        "--num-frames-target",
        "7",
        "--random-seed",
        "3",
        "--no-backend",
        "--no-resume",
        "--skip-bad",
    ]
    words += [
        "--scale-from",
        "gps",
        "--intrinsics",
        "1,2,3,4",
        "--poses",
        "poses.txt",
        "--order",
        "video",
        "--points",
        "9",
        "--no-gpu",
    ]
    asked = tyro.cli(ProcessAMB3R, args=words, registry=option_values())
    assert asked.seeds.points == 9
    assert asked.options == ProcessOptions(
        max_frames=7,
        seed=3,
        backend=False,
        resume=False,
        skip_bad=True,
        scale_from=GpsScale(),
        intrinsics=FocalAndCentre(fx=1, fy=2, cx=3, cy=4),
        poses=Path("poses.txt"),
        order="video",
    )
    assert asked._options().device == "cpu"
    assert set(PROCESS_FLAGS) <= {field.name for field in (*fields(ProcessAMB3R), *fields(ReconstructOptions))}
