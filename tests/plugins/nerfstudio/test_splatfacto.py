"""Real splatfacto on a CPU: what our seeds, our splats and our method are worth.

The PSNR numbers are of the exact room at 64x48; its chequered walls are a few pixels per square.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
from amb3r_nerfstudio.seed import SeedConfig
from amb3r_nerfstudio.to_metric import Similarity, moved_splat, restore

from amb3r_core.export.gaussians import GAUSSIAN_DTYPE
from amb3r_core.export.nerfstudio import z_up_from_world
from amb3r_core.export.ply import read_vertices
from amb3r_core.scene.conventions import invert, opencv_to_opengl, rotation_from_quaternion
from amb3r_core.scene.gravity import levelled
from tests.fakes import Room, fake_room

torch = pytest.importorskip("torch")
pytest.importorskip("nerfstudio")
pytest.importorskip("gsplat")

pytestmark = [
    pytest.mark.slow,
    # Nerfstudio 1.1.5 and what it imports use names that torch, numpy and pkg_resources have deprecated
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from tests.plugins.nerfstudio.training import splatfacto_on_cpu, write_untrained_alexnet

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    os.environ["TORCH_COMPILE_DISABLE"] = "1"
    with splatfacto_on_cpu(write_untrained_alexnet(tmp_path_factory.mktemp("torch home"))):
        yield
    del os.environ["TORCH_COMPILE_DISABLE"]
    torch.set_num_threads(n_threads)


def metric_parser(**changes: object):
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig

    return Amb3rDataParserConfig(**changes)


def test_our_seeds_are_worth_four_decibels_after_sixty_iterations(exact_dataset: Path, tmp_path: Path):
    from tests.plugins.nerfstudio.training import stock_config, train

    seeded = train(stock_config(), exact_dataset, tmp_path / "a", 60, data=metric_parser())
    random = train(stock_config(), exact_dataset, tmp_path / "b", 60, data=metric_parser(), random_init=True, num_random=4000)
    assert seeded.psnr() >= random.psnr() + 4


def test_our_splats_are_worth_three_decibels_more_after_forty(exact_room: Room, exact_dataset: Path, tmp_path: Path, capsys):
    from tests.plugins.nerfstudio.training import our_config, stock_config, train

    seeded = train(stock_config(), exact_dataset, tmp_path / "a", 40, data=metric_parser())
    rich = train(our_config(), exact_dataset, tmp_path / "b", 40)
    assert rich.psnr() >= seeded.psnr() + 3
    assert "poses were corrected by" in capsys.readouterr().out
    correction = rich.model.pose_correction()
    assert 0 < correction.mean_length < 0.01
    rich.trainer.save_checkpoint(40)
    rich.trainer.pipeline.datamanager.train_dataparser_outputs.save_dataparser_transform(
        rich.trainer.base_dir / "dataparser_transforms.json"
    )
    out = tmp_path / "metric.ply"
    restore(ply=None, load_config=rich.trainer.base_dir / "config.yml", transforms=None, dataset=exact_dataset, output=out)
    splat = read_vertices(out)
    assert np.abs(splat["x"] - rich.model.means[:, 0].detach().numpy()).max() < 1e-5
    restore(ply=None, load_config=rich.trainer.base_dir / "config.yml", transforms=None, dataset=None, output=tmp_path / "s.ply")
    scene = read_vertices(tmp_path / "s.ply")
    points = np.stack([scene[axis] for axis in "xyz"], axis=-1)
    assert np.median(exact_room.distance_to_surface(points)) < 0.02


def test_thresholds_and_learning_rate_follow_the_extent(exact_room: Room, exact_dataset: Path, tmp_path: Path):
    from tests.plugins.nerfstudio.training import our_config, train

    metric = train(our_config(), exact_dataset, tmp_path / "a", 2)
    scaled = train(
        our_config(), exact_dataset, tmp_path / "b", 0, data=metric_parser(auto_scale_poses=True, center_method="poses")
    )
    extent = metric.model.start.extent
    centres = metric.trainer.pipeline.datamanager.train_dataset.cameras.camera_to_worlds[:, :, 3]
    assert extent == pytest.approx(float((centres - centres.mean(0)).abs().max()), rel=1e-5)
    assert metric.model.strategy_state["scene_scale"] == extent
    rates = [run.trainer.optimizers.schedulers["means"].base_lrs[0] for run in (metric, scaled)]
    assert rates[0] == pytest.approx(1.6e-4 * extent)
    assert rates[0] / rates[1] == pytest.approx(extent / scaled.model.start.extent)
    assert float(torch.sigmoid(metric.model.opacities).median()) == pytest.approx(0.9, abs=0.02)
    before = scaled.trainer.optimizers.optimizers["means"].param_groups[0]["lr"]
    scaled.model.get_training_callbacks(_callback_attributes(scaled.trainer))
    assert scaled.trainer.optimizers.optimizers["means"].param_groups[0]["lr"] == before
    scale = scaled.model.start.scale
    ratio = scaled.model.scales.detach().exp().median() / metric.model.scales.detach().exp().median()
    assert float(ratio) == pytest.approx(scale, rel=0.02)


def _callback_attributes(trainer):
    from nerfstudio.engine.callbacks import TrainingCallbackAttributes

    return TrainingCallbackAttributes(optimizers=trainer.optimizers, grad_scaler=None, pipeline=trainer.pipeline, trainer=trainer)


def test_our_splats_show_views_they_have_not_seen_without_training(tmp_path: Path):
    """Every third camera is held out: neither its photo nor its depth is in the dataset."""
    from nerfstudio.cameras.cameras import Cameras

    from tests.plugins.nerfstudio.training import our_config, stock_config, train

    room = fake_room(13, 128, 96, original_scale=1.0, images_folder=tmp_path / "photos")
    scene, dense = room.reconstruction, room.reconstruction.dense
    kept = [index for index in range(13) if index % 3 != 1]
    part = replace(dense, depth=dense.depth[kept], confidence=dense.confidence[kept], rgb=dense.rgb[kept])
    seen = replace(scene, views=tuple(scene.views[index] for index in kept), dense=part)
    write_dataset(seen, tmp_path / "data", DatasetConfig(seed=SeedConfig(points=20_000, splats=40_000)))
    start = train(our_config(), tmp_path / "data", tmp_path / "a", 0)
    default = train(stock_config(), tmp_path / "data", tmp_path / "b", 0, data=metric_parser())
    found = []
    for model in (start.model.eval(), default.model.eval()):
        errors = []
        for index in set(range(13)) - set(kept):
            view = scene.views[index]
            pose = opencv_to_opengl(z_up_from_world(levelled(seen)[0]) @ view.cam_to_world)[:3].astype(np.float32)
            camera = Cameras(
                torch.from_numpy(pose)[None], view.camera.fx, view.camera.fy, view.camera.cx + 0.5, view.camera.cy + 0.5, 128, 96
            )
            with torch.no_grad():
                shown = model.get_outputs_for_camera(camera)["rgb"].numpy()
            errors.append(((shown - dense.rgb[index] / 255) ** 2).mean())
        found.append(-10 * np.log10(np.mean(errors)))
    print(f"held-out PSNR without training: ours {found[0]:.2f} dB, default {found[1]:.2f} dB")
    assert found[0] >= found[1] + 8


def test_a_restored_splat_looks_the_same_from_the_restored_camera():
    from tests.plugins.nerfstudio.cpu_gsplat import rasterization

    random = np.random.default_rng(0)
    splat = np.zeros(500, dtype=GAUSSIAN_DTYPE)
    for name in GAUSSIAN_DTYPE.names:
        splat[name] = random.normal(size=500) * (0.3 if name.startswith("f_") else 1.0)
    splat["z"] += 5
    for axis in range(3):
        splat[f"scale_{axis}"] = random.uniform(-3, -1.5, 500)
    rotation = rotation_from_quaternion(random.normal(size=4))
    forth = Similarity(0.37, rotation, np.array([0.4, -1.0, 0.3]))
    back = Similarity(1 / 0.37, rotation.T, -rotation.T @ forth.translation / 0.37)
    restored = moved_splat(moved_splat(splat, forth), back)

    def shown(vertices: np.ndarray, cam_to_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        def columns(*names: str):
            return torch.from_numpy(np.stack([vertices[name] for name in names], axis=-1).copy())

        rest = columns(*(f"f_rest_{index}" for index in range(45))).reshape(500, 3, 15).transpose(1, 2)
        image, _, _ = rasterization(
            means=columns("x", "y", "z"),
            quats=columns("rot_0", "rot_1", "rot_2", "rot_3"),
            scales=columns("scale_0", "scale_1", "scale_2").exp(),
            opacities=torch.sigmoid(columns("opacity"))[:, 0],
            colors=torch.cat([columns("f_dc_0", "f_dc_1", "f_dc_2")[:, None], rest], dim=1),
            viewmats=torch.tensor(invert(cam_to_world), dtype=torch.float32)[None],
            Ks=torch.tensor([[[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]]),
            width=64,
            height=48,
            near_plane=1e-4,
            far_plane=1e10,
            render_mode="RGB+ED",
            sh_degree=3,
            absgrad=False,
        )
        return image[0, ..., :3].numpy(), image[0, ..., 3].numpy()

    turned = np.eye(4)
    turned[:3, :3], turned[:3, 3] = forth.rotation, forth.translation
    colours, depth = shown(splat, np.eye(4))
    trained, trained_depth = shown(moved_splat(splat, forth), turned)
    assert np.abs(shown(restored, np.eye(4))[0] - colours).max() <= 1e-4
    assert np.abs(trained - colours).max() <= 1e-3
    assert np.median(np.abs(trained_depth / 0.37 - depth)) <= 1e-4
    assert colours.std() > 0.05


def test_splat_init_opens_in_open3d_and_has_what_viewers_require(exact_dataset: Path):
    names = set(read_vertices(exact_dataset / "splat_init.ply").dtype.names)
    assert names >= {"x", "y", "z", "opacity", *(f"{name}_{i}" for name in ("scale", "f_dc") for i in range(3))}
    assert names >= {f"rot_{i}" for i in range(4)}
    open3d = pytest.importorskip("open3d")
    wish = getattr(open3d.io, "CONTAINS_GAUSSIAN_SPLATS", None) or getattr(open3d.t.io, "CONTAINS_GAUSSIAN_SPLATS", None)
    cloud = open3d.t.io.read_point_cloud(str(exact_dataset / "splat_init.ply"))
    assert len(cloud.point.positions) > 3000
    if wish is not None:
        assert open3d.io.read_file_geometry_type(str(exact_dataset / "splat_init.ply")) & wish
