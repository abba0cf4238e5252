"""Nerfstudio's method `amb3r-splatfacto`. Imports Nerfstudio; never its table of methods, which is being built from this."""

from nerfstudio.configs.base_config import ViewerConfig
from nerfstudio.data.datamanagers.full_images_datamanager import FullImageDatamanagerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.plugins.types import MethodSpecification

from amb3r_nerfstudio.dataparser import Amb3rDataParserConfig
from amb3r_nerfstudio.splatfacto import Amb3rSplatfactoModelConfig

ITERATIONS = 30_000


def _adam(rate: float, final: float | None = None, warmup: int = 0) -> dict[str, object]:
    """One group's optimizer, with a learning rate that decays to `final`, if given."""
    decay = ExponentialDecaySchedulerConfig(lr_final=final, max_steps=ITERATIONS, warmup_steps=warmup, lr_pre_warmup=0)
    return {"optimizer": AdamOptimizerConfig(lr=rate, eps=1e-15), "scheduler": None if final is None else decay}


def trainer_config() -> TrainerConfig:
    """Splatfacto's own settings (Nerfstudio 1.1.5) around our data parser and model."""
    return TrainerConfig(
        method_name="amb3r-splatfacto",
        steps_per_eval_image=100,
        steps_per_eval_batch=0,
        steps_per_save=2000,
        steps_per_eval_all_images=1000,
        max_num_iterations=ITERATIONS,
        mixed_precision=False,
        pipeline=VanillaPipelineConfig(
            datamanager=FullImageDatamanagerConfig(dataparser=Amb3rDataParserConfig(), cache_images_type="uint8"),
            model=Amb3rSplatfactoModelConfig(),
        ),
        optimizers={
            "means": _adam(1.6e-4, 1.6e-6),
            "features_dc": _adam(0.0025),
            "features_rest": _adam(0.0025 / 20),
            "opacities": _adam(0.05),
            "scales": _adam(0.005),
            "quats": _adam(0.001),
            "camera_opt": _adam(1e-4, 5e-7, warmup=1000),
            "bilateral_grid": _adam(2e-3, 1e-4, warmup=1000),
        },
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        vis="viewer",
    )


amb3r_splatfacto = MethodSpecification(
    config=trainer_config(),
    description="Splatfacto in metres: thresholds that fit the scene, poses refined, gaussians that start as surfaces.",
)
