"""Held-out PSNR of splats on one real scene after equal iterations: our dataset against plain COLMAP poses and sparse points.

    python benchmarks/nerfstudio_psnr.py DATASET [--iterations 200] [--factor 8]
    python benchmarks/nerfstudio_psnr.py large-room [--iterations 600]   # what training in metres costs in a large scene

DATASET is a folder of ns-process-amb3r. Plain COLMAP (pycolmap: SIFT, exhaustive matching, incremental mapping, one pinhole
camera) runs on the dataset's own images. Nerfstudio's trainer runs on the CPU with the tests' shims, on the downscaled images;
every fifth image is held out. Three runs: stock splatfacto on COLMAP's data, stock splatfacto on ours, amb3r-splatfacto on ours.

large-room is the tests' exact room, 40 m long, at 64x48. Four runs on one dataset: stock splatfacto scaled to 1 as Nerfstudio
does, stock splatfacto in metres, ours in metres from the same seed points with fixed poses, and ours as it is.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "plugins" / "nerfstudio"))

from benchmarks.records import Results, add_json_option, recorded

os.environ["TORCH_COMPILE_DISABLE"] = "1"

HELD_OUT_EVERY = 5
LARGE = 8.0
ROOM_VIEWS = 12

Run = tuple[str, Any, Path, Any, int, dict[str, Any]]
"""Name, trainer's config, dataset, data parser's config, downscale factor of the images, changes to the model's config."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the runs, from 0; all when not given")
    add_json_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, recorded("nerfstudio_psnr", arguments) as results:
        work = Path(place)
        if arguments.dataset == Path("large-room"):
            train_all(chosen(large_room_runs(work), arguments.only), work, arguments.iterations or 600, results)
            return
        plain = work / "plain"
        n_placed = write_plain_colmap(arguments.dataset, plain, work, arguments.factor)
        print(f"plain COLMAP places {n_placed} images")
        results.append({"plain_colmap_places": n_placed})
        runs = real_runs(arguments.dataset, plain, arguments.factor)
        train_all(chosen(runs, arguments.only), work, arguments.iterations or 200, results)


def chosen(runs: list[Run], only: list[int] | None) -> list[Run]:
    return runs if only is None else [runs[number] for number in only]


def write_plain_colmap(dataset: Path, folder: Path, work: Path, factor: int) -> int:
    """Writes a dataset from COLMAP's own result on the dataset's images, pointing at the downscaled ones; images placed."""
    import pycolmap

    from amb3r_core.export.ply import write_vertices
    from amb3r_core.scene.conventions import opencv_to_opengl

    folder.mkdir()
    database = work / "database.db"
    options = pycolmap.ImageReaderOptions(camera_model="PINHOLE")
    pycolmap.extract_features(database, dataset / "images", camera_mode=pycolmap.CameraMode.SINGLE, reader_options=options)
    pycolmap.match_exhaustive(database)
    models = pycolmap.incremental_mapping(database, dataset / "images", work / "sparse")
    model = max(models.values(), key=lambda found: found.num_reg_images())
    frames = []
    for image in model.images.values():
        pose = np.eye(4)
        pose[:3] = image.cam_from_world().inverse().matrix()
        fx, fy, cx, cy = (value / factor for value in image.camera.params)
        path = dataset.resolve() / f"images_{factor}" / image.name
        size = {"w": image.camera.width // factor, "h": image.camera.height // factor}
        intrinsics = {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy, **size}
        frames.append({"file_path": str(path), "transform_matrix": opencv_to_opengl(pose).tolist(), **intrinsics})
    vertices = np.zeros(
        len(model.points3D), dtype=[*((axis, "<f4") for axis in "xyz"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
    )
    for row, point in enumerate(model.points3D.values()):
        vertices[row] = (*point.xyz, *point.color)
    write_vertices(folder / "sparse_pc.ply", vertices)
    document = {"camera_model": "PINHOLE", "ply_file_path": "sparse_pc.ply", "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(document))
    print(f"plain COLMAP gives {len(vertices)} points")
    return len(frames)


def real_runs(ours: Path, plain: Path, factor: int) -> list[Run]:
    """Our dataset against plain COLMAP's."""
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    from tests.plugins.nerfstudio.training import our_config, stock_config

    stock = NerfstudioDataParserConfig(**held_out_split())
    return [
        ("COLMAP poses and points, splatfacto", stock_config(), plain, stock, 1, {}),
        ("our dataset, splatfacto", stock_config(), ours, stock, factor, {}),
        ("our dataset, amb3r-splatfacto", our_config(), ours, Amb3rDataParserConfig(**held_out_split()), factor, {}),
    ]


def large_room_runs(work: Path) -> list[Run]:
    """One exact dataset, scaled by Nerfstudio and in metres."""
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig
    from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
    from amb3r_nerfstudio.seed import SeedConfig
    from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    from tests.fakes import fake_room
    from tests.plugins.nerfstudio.training import our_config, stock_config

    room = fake_room(ROOM_VIEWS, original_scale=1.0, images_folder=work / "photos").reconstruction
    data = work / "large room"
    write_dataset(room.scaled(LARGE, room.scale), data, DatasetConfig(seed=SeedConfig(points=4000, splats=8000)))
    # transforms.json says not to turn the poses; scale and centre are the parsers' own
    scaled = NerfstudioDataParserConfig(**held_out_split())
    metres = Amb3rDataParserConfig(**held_out_split())
    seeds = {"start_from_splats": False, "camera_optimizer": CameraOptimizerConfig(mode="off")}
    return [
        ("splatfacto, scaled to 1", stock_config(), data, scaled, 1, {}),
        ("splatfacto, in metres", stock_config(), data, metres, 1, {}),
        ("amb3r-splatfacto, in metres, from seeds, fixed poses", our_config(), data, metres, 1, seeds),
        ("amb3r-splatfacto, in metres", our_config(), data, metres, 1, {}),
    ]


def held_out_split() -> dict[str, Any]:
    return {"eval_mode": "interval", "eval_interval": HELD_OUT_EVERY, "load_3D_points": True}


def train_all(runs: list[Run], work: Path, iterations: int, results: Results) -> None:
    """Trains them and prints one line for each."""
    import torch

    from tests.plugins.nerfstudio.training import splatfacto_on_cpu, train, write_untrained_alexnet

    torch.set_num_threads(1)
    with splatfacto_on_cpu(write_untrained_alexnet(work / "torch")):
        for number, (name, config, data, parser, downscale, model) in enumerate(runs):
            start = time.perf_counter()
            trained = train(config, data, work / str(number), iterations, data=parser, downscale=downscale, **model)
            held_out, seen, n_gaussians = trained.psnr("eval"), trained.psnr(), trained.model.num_points
            seconds = time.perf_counter() - start
            results.append({"run": name, "held_out_db": held_out, "train_db": seen, "gaussians": n_gaussians, "seconds": seconds})
            print(
                f"{name}: held-out {held_out:.2f} dB, train {seen:.2f} dB, {n_gaussians} gaussians, "
                f"{iterations} iterations, {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
