"""`benchmarks/goldens.py` on golden files of a small network, made here: every option, and that differences are found."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.models.amb3r.config import tiny_config
from tests.golden import build, run
from tests.paths import ROOT
from tests.synthetic_weights import synthetic_images


@pytest.fixture
def goldens(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, with the tiny network for the published one; gives back its exit status."""
    main = runpy.run_path(str(ROOT / "benchmarks" / "goldens.py"))["main"]
    monkeypatch.setitem(main.__globals__, "LARGE", tiny_config())

    def command(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["goldens.py", *map(str, words)])
        return main()

    return command


def make(path: Path, shape: tuple[int, int, int, int], *, salt: str = "", interp_v2: bool = False, stride: int = 2) -> Path:
    """A golden file of images (B, T, 3, H, W) with dense maps strided as the published files' are."""
    network = build(tiny_config(), salt)
    assert network.backend is not None
    network.backend.interp_v2.fill_(interp_v2)
    arrays = {name: tensor.numpy() for name, tensor in run(network, synthetic_images(*shape)).items()}
    for part in ("front", "back"):
        arrays[f"{part}.scale_dense_stride"] = np.array(stride)
        for name in ("depth", "world_points", "depth_conf"):
            arrays[f"{part}.{name}"] = arrays[f"{part}.{name}"][:, :, ::stride, ::stride]
    dense = [name for name in arrays if name.endswith(("world_points_conf", "depth_metric", "pts3d_by_unprojection"))]
    np.savez(path, **{name: array for name, array in arrays.items() if name not in dense})
    return path


@pytest.mark.parametrize("shape", [(1, 1, 42, 56), (2, 2, 28, 42), (1, 3, 56, 42)])
def test_any_number_of_scenes_and_views_and_any_size_compares(
    shape: tuple[int, int, int, int], goldens: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    n_scenes, n_views, height, width = shape
    file = make(tmp_path / "case.npz", shape)
    assert goldens(file, "--views", n_views, "--size", f"{height}x{width}", "--batch", n_scenes) == 0
    shown = capsys.readouterr().out
    assert "back.depth " in shown
    assert ", 0 beyond their limit" in shown


@pytest.mark.parametrize(
    ("made", "asked"), [({"salt": "salt"}, ("--weights-salt", "salt")), ({"interp_v2": True}, ("--interp-v2",))]
)
def test_other_weights_and_other_rules_are_told_apart(
    made: dict[str, object], asked: tuple[str, ...], goldens: Callable[..., int], tmp_path: Path
) -> None:
    file = make(tmp_path / "case.npz", (1, 2, 28, 42), **made)
    shape = ("--views", 2, "--size", "28x42")
    assert goldens(file, *shape, *asked) == 0
    assert goldens(file, *shape) == 1


def test_a_file_that_has_nothing_in_common_fails(goldens: Callable[..., int], tmp_path: Path) -> None:
    np.savez(tmp_path / "empty.npz", something=np.zeros(3))
    assert goldens(tmp_path / "empty.npz", "--views", 1, "--size", "28x28") == 1
