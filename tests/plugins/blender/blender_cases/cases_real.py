"""The whole way for real: the bundled photos, the real command, the import, a render, a save, a reload."""

import os
from pathlib import Path

import bpy
import numpy as np
import pytest
from blender_host import preferences
from cases_picture import _pixels, _psnr, _render
from kit import write_png

SAMPLE = Path(os.environ["AMB3R_TEST_SAMPLE"])
LARGEST_MEDIAN_ERROR = 12
"""Largest median difference, of 255, between a photo and its render where points were drawn."""
LOWEST_COVER = 0.6


@pytest.mark.skipif(not any(SAMPLE.glob("*.jpg")), reason="the sample's photos are not here")
def test_photos_become_a_scene_that_looks_like_them(tmp_path: Path) -> None:
    preferences().engine = os.environ["AMB3R_TEST_ENGINE"]
    settings = bpy.context.scene.amb3r
    settings.model, settings.quality, settings.input_path = "colmap", "DRAFT", str(SAMPLE)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    assert bpy.ops.amb3r.reconstruct() == {"FINISHED"}
    views = sorted(
        (thing for thing in bpy.data.objects if thing.get("amb3r_kind") == "view"), key=lambda thing: thing["amb3r_index"]
    )
    assert len(views) >= 10
    assert bpy.ops.amb3r.view_camera(name=views[len(views) // 2]["amb3r_view"]) == {"FINISHED"}
    view = bpy.context.scene.camera
    rendered = _render(tmp_path / "render.png")
    photo = _pixels(bpy.data.images.load(view["amb3r_image"]))
    drawn = rendered.max(axis=2) > 0
    error = np.abs(rendered[drawn].astype(int) - photo[drawn])
    print(
        f"MEASURED sample: {drawn.mean():.0%} drawn, median error {np.median(error):.0f} of 255, {_psnr(photo, rendered):.1f} dB"
    )
    if "AMB3R_TEST_KEEP" in os.environ:
        write_png(Path(os.environ["AMB3R_TEST_KEEP"]) / "sample.png", np.concatenate([photo, rendered], axis=1))
    assert drawn.mean() > LOWEST_COVER
    assert np.median(error) < LARGEST_MEDIAN_ERROR
    n_points = len(next(iter(bpy.data.pointclouds)).points)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "work.blend"))
    assert len(next(iter(bpy.data.pointclouds)).points) == n_points
    assert bpy.data.images[Path(view_image()).name].filepath.startswith("//amb3r/")


def view_image() -> str:
    """The photo of the scene's camera."""
    return bpy.context.scene.camera["amb3r_image"]
