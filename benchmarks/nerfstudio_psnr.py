"""Held-out PSNR of splats on one real scene after equal iterations: our dataset against plain COLMAP poses and sparse points.

    python benchmarks/nerfstudio_psnr.py DATASET [--iterations 200] [--factor 8]

DATASET is a folder of ns-process-amb3r. Plain COLMAP (pycolmap: SIFT, exhaustive matching, incremental mapping, one pinhole
camera) runs on the dataset's own images. Nerfstudio's trainer runs on the CPU with the tests' shims, on the downscaled images;
every fifth image is held out. Three runs: stock splatfacto on COLMAP's data, stock splatfacto on ours, amb3r-splatfacto on ours.
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

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "plugins" / "nerfstudio")]
os.environ["TORCH_COMPILE_DISABLE"] = "1"

HELD_OUT_EVERY = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--factor", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        plain = work / "plain"
        n_placed = write_plain_colmap(arguments.dataset, plain, work, arguments.factor)
        print(f"plain COLMAP places {n_placed} images")
        compare(arguments.dataset, plain, work, arguments.iterations, arguments.factor)


def write_plain_colmap(dataset: Path, folder: Path, work: Path, factor: int) -> int:
    """Writes a dataset from COLMAP's own result on the dataset's images, pointing at the downscaled ones; images placed."""
    import pycolmap

    from amb3r_core.conventions import opencv_to_opengl
    from amb3r_core.export.ply import write_vertices

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


def compare(ours: Path, plain: Path, work: Path, iterations: int, factor: int) -> None:
    """Trains the three and prints one line for each."""
    import torch
    from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    from tests.plugins.nerfstudio.training import our_config, splatfacto_on_cpu, stock_config, train, write_untrained_alexnet

    torch.set_num_threads(1)
    split: dict[str, Any] = {"eval_mode": "interval", "eval_interval": HELD_OUT_EVERY, "load_3D_points": True}
    runs: list[tuple[str, Any, Path, Any, int]] = [
        ("COLMAP poses and points, splatfacto", stock_config(), plain, NerfstudioDataParserConfig(**split), 1),
        ("our dataset, splatfacto", stock_config(), ours, NerfstudioDataParserConfig(**split), factor),
        ("our dataset, amb3r-splatfacto", our_config(), ours, Amb3rDataParserConfig(**split), factor),
    ]
    with splatfacto_on_cpu(write_untrained_alexnet(work / "torch")):
        for number, (name, config, data, parser, downscale) in enumerate(runs):
            start = time.perf_counter()
            trained = train(config, data, work / str(number), iterations, data=parser, downscale=downscale)
            print(
                f"{name}: held-out {trained.psnr('eval'):.2f} dB, train {trained.psnr():.2f} dB, "
                f"{trained.model.num_points} gaussians, {iterations} iterations, {time.perf_counter() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
