"""The bundled sample scene: reconstructed, exported and scored. See `sample_scene/README.md` for how it was made."""

from pathlib import Path

import numpy as np
from PIL import Image

from amb3r_core.export import EXPORTERS
from amb3r_core.jobs.write_scene import WrittenScene, write_scene
from amb3r_core.options import ReconstructOptions
from amb3r_core.progress import Monitor
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.evaluate import depth_m_from_mm, score_depth, score_poses
from amb3r_core.scene.reconstruction import Reconstruction

SAMPLE = Path(__file__).parent / "sample_scene"


def run_sample(output: Path, *, model: str, overwrite: bool, monitor: Monitor) -> tuple[WrittenScene, dict[str, str]]:
    """The sample's scene folder with every export, and its accuracy as lines for the summary."""
    options = ReconstructOptions(model=model)
    exports = [name for name in EXPORTERS if name != "scene"]
    written = write_scene([SAMPLE / "images"], output, options, exports=exports, overwrite=overwrite, monitor=monitor)
    return written, accuracy_rows(written.reconstruction, SAMPLE)


def accuracy_rows(reconstruction: Reconstruction, scene: Path) -> dict[str, str]:
    """Pose and depth accuracy against a ground-truth folder, as lines for people."""
    poses = score_poses(reconstruction, scene)
    unit = f"{poses.ate * 1000:.1f} mm" if np.isfinite(poses.ate) else "-"
    trajectory = f"trajectory error {unit} ({poses.ate_relative:.2%} of its extent) after alignment"
    rows = {"pose accuracy": f"AUC@30 {poses.auc30:.3f}, {trajectory}"}
    truth = true_depth(scene)
    if truth:
        depth = score_depth(reconstruction, truth)
        parts = [f"best {share:.0%} of pixels {depth.abs_rel[share]:.2%}" for share in depth.abs_rel]
        rows["depth error"] = f"mean relative: {', '.join(parts)}; {depth.completeness:.0%} of pixels answered"
    return rows


def true_depth(scene: Path) -> dict[str, Float64]:
    """Ground-truth depth in metres by image stem; empty when the scene has none."""
    return {path.stem: depth_m_from_mm(np.asarray(Image.open(path))) for path in sorted((scene / "gt" / "depth").glob("*.png"))}
