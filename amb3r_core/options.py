"""Every choice of a reconstruction, with its unit and default. No torch and no numpy here, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PipelineName = Literal["auto", "one-shot", "vo", "sfm"]
DtypeName = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class ReconstructOptions:
    """How to reconstruct a scene."""

    model: str = "auto"
    """auto, colmap, amb3r or vggt. auto: the best one whose weights are present, else colmap, which needs none."""
    pipeline: PipelineName = "auto"
    """one-shot: all views at once. vo: a video, as it comes. sfm: large unordered sets. auto chooses and says why."""
    executor: Literal["local", "ray"] = "local"
    """Where the model's independent calls of sfm run: here, or on Ray workers of this machine or a cluster. Same result."""
    workers: int = 2
    """How many Ray workers; each holds a copy of the model, and on cuda a GPU of its own."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: DtypeName = "auto"
    """Number type of the network; auto: bfloat16 where the hardware is fast with it."""
    backend: bool = True
    """Run the network's sparse voxel back end (slower, more exact)."""
    weights: Path | None = None
    """Checkpoint to use instead of the imported one of that model."""
    commercial_ok: bool = False
    """Refuse weights whose licence does not allow commercial use."""
    long_side: int | None = None
    """Longer side of the depth maps in pixels; the model's own choice when not given."""

    masks: Path | None = None
    """Folder of mask images named like the photos; 0 = ignore: never a feature, depth or point."""
    intrinsics: str | None = None
    """Known camera: fx,fy,cx,cy in pixels, or a cameras file (JSON, transforms.json, cameras.txt). Comes back unchanged."""
    poses: Path | None = None
    """Known camera-to-world poses (TUM, transforms.json, COLMAP images.txt). Come back unchanged."""
    poses_in_metres: bool = False
    """The known poses are in metres; without it the scene keeps their unit and says relative."""
    scale_from: str = "auto"
    """Metres from: "A,B,1.25" (photos A and B were taken 1.25 m apart), a poses file in metres, gps, none; auto: GPS if good."""

    fps: float | None = None
    """Video: frames per second to take, the sharpest of each window."""
    max_frames: int = 100
    """Video: take no more frames than this."""
    order: Literal["auto", "video", "unordered"] = "auto"
    """Whether the photos follow each other like frames of a video."""
    skip_bad: bool = False
    """Leave unreadable files out instead of stopping."""

    seed: int = 0
    """The same input, options and seed give the same bytes."""
    resume: bool = True
    """Go on where a killed run of the same input and options stopped."""
    images: Literal["copy", "reference"] = "copy"
    """copy: upright photos are kept inside the scene. reference: the scene points at the originals."""
