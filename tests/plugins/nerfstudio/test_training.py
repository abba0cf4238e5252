"""Nerfstudio's own trainer on our datasets: the unmodified console script."""

import subprocess
import sys
from pathlib import Path

import pytest

torchvision = pytest.importorskip("torchvision")
pytest.importorskip("nerfstudio")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning")]

TINY = [
    *("--machine.device-type", "cpu", "--vis", "tensorboard"),
    *("--max-num-iterations", "2", "--steps-per-eval-batch", "0", "--steps-per-eval-image", "0"),
    *("--pipeline.model.implementation", "torch", "--pipeline.model.log2-hashmap-size", "14"),
    *("--pipeline.model.num-proposal-samples-per-ray", "16", "8", "--pipeline.model.num-nerf-samples-per-ray", "8"),
    *("--pipeline.datamanager.train-num-rays-per-batch", "128"),
]


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with an untrained alexnet, so that the LPIPS metric downloads nothing; its number means nothing here."""
    import torch

    home = tmp_path_factory.mktemp("torch home")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(torchvision.models.alexnet().state_dict(), home / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth")
    return home


def test_depth_nerfacto_trains_on_a_dataset_as_it_is(exact_dataset: Path, torch_home: Path, tmp_path: Path):
    import os

    command = [str(Path(sys.executable).with_name("ns-train")), "depth-nerfacto", *TINY, "--output-dir", str(tmp_path)]
    environment = os.environ | {"TORCH_HOME": str(torch_home), "TORCH_COMPILE_DISABLE": "1", "OMP_NUM_THREADS": "2"}
    result = subprocess.run(
        [*command, "amb3r-data", "--data", str(exact_dataset)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert list(tmp_path.rglob("dataparser_transforms.json"))
