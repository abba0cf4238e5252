"""`amb3r splat`: what it says without a GPU, and the refinement itself with gsplat's arithmetic on a CPU."""

from pathlib import Path

import numpy as np
import pytest

from amb3r_core.cli.main import run
from amb3r_core.errors import InputError
from amb3r_core.export.scene_dir import save_scene
from amb3r_core.scene.trust import kept
from tests.fakes import calibrated, fake_room

torch = pytest.importorskip("torch")


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_command_says_what_is_missing_and_what_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from amb3r_core.cli.plugin_commands import plugin_commands

    if "splat" not in plugin_commands():
        pytest.skip("this package is on the path but not installed: it has no entry points")
    save_scene(fake_room(2).reconstruction, tmp_path / "scene")
    assert run(["splat", str(tmp_path / "scene"), "-o", str(tmp_path / "splat.ply")]) == 1
    said = capsys.readouterr().err
    assert "needs a CUDA GPU" in said
    assert "--to splat" in said
    assert not (tmp_path / "splat.ply").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_refinement_brings_the_splat_closer_to_the_photos():
    pytest.importorskip("gsplat")
    from amb3r_nerfstudio.splat_refine import gaussians_of, refine_splat, render, start_splat

    from tests.plugins.nerfstudio.cpu_gsplat import rasterization

    scene = fake_room(3, original_scale=1.0).reconstruction
    start = start_splat(scene, 2000)

    def error(splat: np.ndarray) -> float:
        shown = [render(gaussians_of(splat), view.camera, view.world_to_cam, rasterization, 0).numpy() for view in scene.views]
        return float(np.abs(np.array(shown) - scene.dense.rgb / 255).mean())

    refined = refine_splat(scene, start, rasterization, seconds=60, max_steps=40, device="cpu")
    assert len(refined) == len(start)
    assert error(refined) < 0.9 * error(start)
    assert np.array_equal(refined["nx"], start["nx"])


def test_a_scene_without_views_has_nothing_to_refine():
    from amb3r_nerfstudio.splat_refine import refine_splat

    from amb3r_core.export.gaussians import GAUSSIAN_DTYPE

    with pytest.raises(InputError, match="nothing to refine"):
        refine_splat(fake_room(1).reconstruction, np.zeros(0, GAUSSIAN_DTYPE), lambda: None, seconds=1, device="cpu")


def test_a_splat_starts_from_the_depth_that_is_kept(tmp_path: Path):
    from amb3r_nerfstudio.splat import splat
    from amb3r_nerfstudio.splat_refine import start_splat

    scene = calibrated(fake_room(3, 40, 30).reconstruction)
    save_scene(scene, tmp_path / "scene")
    assert len(start_splat(kept(scene), 5000)) < len(start_splat(scene, 5000))
    assert scene.dense is not None
    scene.dense.confidence[:] = 1.001
    save_scene(scene, tmp_path / "doubtful", keep="all")
    with pytest.raises(InputError, match="no depth of this scene is trusted"):
        splat(tmp_path / "doubtful", output=tmp_path / "splat.ply")
