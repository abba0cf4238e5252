"""Real splatfacto and Nerfstudio's real trainer on a CPU, with three shims that exist only here.

`Tensor.cuda` does nothing, gsplat's rasterization is `cpu_gsplat`, and LPIPS finds an untrained alexnet.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision


def write_untrained_alexnet(home: Path) -> Path:
    """A torch cache with an untrained alexnet, so that the LPIPS metric downloads nothing; its number means nothing here."""
    (home / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(torchvision.models.alexnet().state_dict(), home / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth")
    return home


@contextmanager
def splatfacto_on_cpu(torch_home: Path) -> Generator[None]:
    """Splatfacto trains on this machine inside the block."""
    import os

    from nerfstudio.models import splatfacto

    from tests.plugins.nerfstudio import cpu_gsplat

    before = torch.Tensor.cuda, splatfacto.rasterization, splatfacto.get_viewmat, os.environ.get("TORCH_HOME")
    torch.Tensor.cuda = lambda self, *_, **__: self
    splatfacto.rasterization = cpu_gsplat.rasterization
    splatfacto.get_viewmat = getattr(splatfacto.get_viewmat, "_torchdynamo_orig_callable", splatfacto.get_viewmat)
    os.environ["TORCH_HOME"] = str(torch_home)
    try:
        yield
    finally:
        torch.Tensor.cuda, splatfacto.rasterization, splatfacto.get_viewmat = before[:3]
        if before[3] is None:
            del os.environ["TORCH_HOME"]
        else:
            os.environ["TORCH_HOME"] = before[3]


def stock_config() -> Any:
    """Splatfacto as Nerfstudio ships it."""
    import copy

    from nerfstudio.configs.method_configs import method_configs

    return copy.deepcopy(method_configs["splatfacto"])


def our_config() -> Any:
    from amb3r_nerfstudio.method import trainer_config

    return trainer_config()


@dataclass
class Trained:
    """A trained model and its trainer."""

    trainer: Any

    @property
    def model(self) -> Any:
        return self.trainer.pipeline.model

    def psnr(self, split: str = "train") -> float:
        """Mean PSNR in dB over all images of the split."""
        manager = self.trainer.pipeline.datamanager
        dataset = manager.train_dataset if split == "train" else manager.eval_dataset
        self.model.eval()
        values = []
        for index in range(len(dataset)):
            with torch.no_grad():
                shown = self.model.get_outputs_for_camera(dataset.cameras[index : index + 1])["rgb"].numpy()
            truth = dataset.get_image_float32(index).numpy()[..., :3]
            values.append(-10 * np.log10(((shown - truth) ** 2).mean()))
        self.model.train()
        return float(np.mean(values))


def train(
    config: Any, dataset: Path, out: Path, iterations: int, *, seed: int = 0, data: Any = None, downscale: int = 1, **model: Any
) -> Trained:
    """`iterations` of the real trainer.

    data: the data parser's config. downscale: of the images. model: changes to the model's config.
    """
    torch.manual_seed(seed)
    np.random.seed(seed)
    import random

    random.seed(seed)
    config.pipeline.model = replace(config.pipeline.model, **{"num_downscales": 0} | model)
    parser = data if data is not None else config.pipeline.datamanager.dataparser
    config.pipeline.datamanager.dataparser = replace(parser, data=dataset, downscale_factor=downscale)
    config.max_num_iterations, config.machine.device_type = max(iterations, 1), "cpu"
    config.output_dir, config.experiment_name, config.timestamp = out, "run", "now"
    config.vis, config.logging.local_writer.enable = "tensorboard", False
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.setup()
    from nerfstudio.engine.callbacks import TrainingCallbackLocation as Where

    trainer.pipeline.train()
    for step in range(iterations):
        for callback in trainer.callbacks:
            callback.run_callback_at_location(step, location=Where.BEFORE_TRAIN_ITERATION)
        trainer.train_iteration(step)
        for callback in trainer.callbacks:
            callback.run_callback_at_location(step, location=Where.AFTER_TRAIN_ITERATION)
    for callback in trainer.callbacks:
        callback.run_callback_at_location(iterations, location=Where.AFTER_TRAIN)
    return Trained(trainer)
