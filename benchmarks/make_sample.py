"""Render the bundled sample scene: photo-like views of our own room, with exact cameras and depth.

    python benchmarks/make_sample.py --output amb3r_core/jobs/sample_scene

needs Blender as a Python module (`pip install bpy`), no network and no graphics card. The scene depends on the seed
alone; how its last grains of render noise fall also depends on Blender's version and the machine.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sample_scene.blender import bpy
from sample_scene.books import open_library
from sample_scene.camera_path import add_camera, handheld_walk, place_camera
from sample_scene.decoration import potted_plant
from sample_scene.furniture import furnish
from sample_scene.package import write_cameras, write_depth, write_photo
from sample_scene.rendering import read_image, render_depth, render_photo, set_up_cycles
from sample_scene.room import build_room, light_room
from sample_scene.surfaces import Array

SEED = 20
DEFAULT_OUTPUT = Path(__file__).parents[1] / "amb3r_core" / "jobs" / "sample_scene"


def build_scene(seed: int) -> None:
    """The furnished room in an otherwise empty Blender file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng = np.random.default_rng(seed)
    build_room(rng)
    light_room(rng)
    furnish(rng, open_library(rng))
    potted_plant(rng, (2.30, 4.66, 0.0), 1.45, 26, 0.36, "sand")
    potted_plant(rng, (0.30, 4.55, 0.0), 1.05, 22, 0.30, "rust")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="the sample's folder")
    parser.add_argument("--samples", type=int, default=18, help="light paths per pixel, before the denoiser")
    parser.add_argument("--cache", type=Path, help="folder that keeps the raw renders; those found there are used again")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        make_sample(arguments.output, arguments.cache or Path(scratch), arguments.samples)


def make_sample(output: Path, cache: Path, samples: int) -> None:
    """Render all views into `cache` and write the package to `output`; the depth comes from the very same scene."""
    cache.mkdir(parents=True, exist_ok=True)
    build_scene(SEED)
    set_up_cycles()
    camera, poses = add_camera(), handheld_walk(np.random.default_rng(SEED + 1))
    write_cameras(output, poses)
    for index, pose in enumerate(poses):
        place_camera(camera, pose)
        write_photo(output, index, cached(cache / f"{index:02d}.png", lambda path: render_photo(path, samples)))
    for index, pose in enumerate(poses):
        place_camera(camera, pose)
        write_depth(output, index, cached(cache / f"{index:02d}.exr", render_depth)[..., 0])


def cached(path: Path, render: Callable[[Path], None]) -> Array:
    if not path.exists():
        render(path)
    return read_image(path)


if __name__ == "__main__":
    main()
