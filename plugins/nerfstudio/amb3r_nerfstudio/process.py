"""`ns-process-amb3r`: photos or a video to a Nerfstudio dataset. Imports Nerfstudio."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import tyro
from nerfstudio.process_data.base_converter_to_nerfstudio_dataset import BaseConverterToNerfstudioDataset

from amb3r_core import (
    SCENE_FILE,
    FrameList,
    InputError,
    Monitor,
    Reconstruction,
    ReconstructionJob,
    as_resource_errors,
    claimed,
    load_scene,
    reconstructed,
)
from amb3r_core.cli.host import print_table, summary_rows, watching
from amb3r_nerfstudio.dataset import DatasetConfig, WrittenDataset, write_dataset
from amb3r_nerfstudio.equirect import perspective_crops
from amb3r_nerfstudio.frame_choice import FrameWishes, chosen_frames, held_out_names, joined
from amb3r_nerfstudio.key_frames import key_frames
from amb3r_nerfstudio.process_options import ProcessOptions
from amb3r_nerfstudio.publish import check_target
from amb3r_nerfstudio.seed import SeedConfig


@dataclass
class ProcessAMB3R(BaseConverterToNerfstudioDataset):
    """Photos, a video or an AMB3R scene folder to a dataset with poses, depth and seed points; in metres where they are known.

    Needs neither COLMAP nor ffmpeg, and takes none of their flags.
    """

    options: Annotated[ProcessOptions, tyro.conf.OmitArgPrefixes, tyro.conf.arg(name="")] = field(default_factory=ProcessOptions)
    """All choices of `amb3r reconstruct`."""
    gpu: bool = True
    """False: the same as --device cpu."""

    camera_type: Literal["perspective", "fisheye", "equirectangular", "pinhole", "simple_pinhole"] = "perspective"
    """equirectangular panoramas become perspective images; fisheye images have to be undistorted first."""
    images_per_equirect: Literal[8, 14] = 8
    """How many perspective images each panorama becomes."""
    refine_intrinsics: bool = True
    """False: only with --intrinsics, which are kept as they are."""
    use_single_camera_mode: bool = True
    """Write one camera for all frames where all are equal; False: one per frame always."""
    same_dimensions: bool = True
    """Accepted; images of mixed sizes always work."""
    max_dataset_size: int = -1
    """Photos: reconstruct at most this many, evenly chosen; -1: all."""
    min_blur_score: float = 0.0
    """Leave out images whose variance of the Laplacian is below this (25 drops only smears); 0: none."""
    eval_random_seed: int | None = None
    """Accepted; frames are chosen by sharpness and evenly, not by chance."""
    key_frame_distance: float = 0.0
    """Leave frames out of the dataset whose camera is nearer than this to the last one kept, in the scene's unit; 0: none."""
    crop_factor: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Shares of the images to cut off before anything else: top, bottom, left, right."""
    crop_bottom: float = 0.0
    """Share to cut off at the bottom; the same as --crop-factor 0 SHARE 0 0."""
    percent_radius_crop: float = 1.0
    """Mask what lies outside this share of half the diagonal; 1: nothing."""
    confidence_masks: bool = False
    """Mask pixels without depth or below --min-weight. Nothing here knows sky from other doubt: --masks takes a sky mask."""

    num_downscales: int = 3
    """How often to halve: images_2, images_4, images_8, with depths_N and masks_N."""
    skip_image_processing: bool = False
    """Name the photos where they are; write no copies and no downscales."""
    depth: bool = True
    """Write dense depth for every frame."""
    use_sfm_depth: bool = False
    """Accepted: the same as --depth."""
    include_depth_debug: bool = False
    """Also write depth_debug/: photo beside depth, to look at."""
    preview: bool = False
    """Also write preview.png: points and cameras from above (along z)."""
    write_colmap: bool = True
    """Also write colmap/sparse/0 with tracks."""
    seeds: Annotated[SeedConfig, tyro.conf.OmitArgPrefixes, tyro.conf.arg(name="")] = field(default_factory=SeedConfig)
    """What a training starts from."""
    world: Literal["gravity", "first-camera"] = "gravity"
    """gravity: z is up, by level surfaces or else the cameras. first-camera: the world of the reconstruction."""

    def __post_init__(self) -> None:
        """Nothing is written before everything is known, so the folders of the base class are not made here."""

    def main(self) -> None:
        """Reconstructs and writes; raises `Amb3rError`, and `Cancelled` when stopped."""
        check_target(self.output_dir)
        with watching("bar") as monitor, as_resource_errors(self.output_dir), claimed(self.output_dir):
            reconstruction, written = self._run(monitor)
        self._report(reconstruction, written)

    def _run(self, monitor: Monitor) -> tuple[Reconstruction, WrittenDataset]:
        if (self.data / SCENE_FILE).is_file() or self.data.name == SCENE_FILE:
            if self.eval_data is not None:
                raise InputError("`eval_data` needs photos or a video as `data`: a finished scene cannot take more views")
            scene = load_scene(self.data)
            return scene, self._written(scene, frozenset(), monitor)
        options = self._options()
        inputs = [self.data] if self.eval_data is None else [self.data, self.eval_data]
        wishes = self._wishes()
        job = ReconstructionJob(
            groups=[[path] for path in inputs],
            options=options,
            beside=self.output_dir.absolute(),
            keep="work",
            arrange=lambda groups: self._arranged(groups, wishes),
            settings=(wishes, self.camera_type, self.images_per_equirect),
        )
        with reconstructed(job, monitor) as scene:
            eval_names = frozenset[str]() if self.eval_data is None else held_out_names(scene)
            return scene, self._written(scene, eval_names, monitor)

    def _written(self, scene: Reconstruction, eval_names: frozenset[str], monitor: Monitor) -> WrittenDataset:
        if self.key_frame_distance < 0:
            raise InputError(f"`key_frame_distance={self.key_frame_distance:g}`: a distance of 0 or more is wanted")
        chosen = key_frames(scene, self.key_frame_distance, always=eval_names)
        return write_dataset(chosen, self.output_dir, self._dataset_config(eval_names), monitor)

    def _arranged(self, groups: Sequence[FrameList], wishes: FrameWishes) -> FrameList:
        """The frames that are wanted of the training set and of the held-out one, cut as wanted, as one set."""
        chosen = [chosen_frames(frames, wishes) for frames in groups]
        if self.camera_type == "equirectangular":
            chosen = [perspective_crops(frames, self.images_per_equirect) for frames in chosen]
        return chosen[0] if len(chosen) == 1 else joined(*chosen)

    def _wishes(self) -> FrameWishes:
        top, bottom, left, right = self.crop_factor
        return FrameWishes(
            crop=(top, max(bottom, self.crop_bottom), left, right),
            max_frames=self.max_dataset_size if self.max_dataset_size > 0 else None,
            min_sharpness=self.min_blur_score,
        )

    def _options(self) -> ProcessOptions:
        if self.camera_type == "fisheye":
            raise InputError('`camera_type="fisheye"`: fisheye images have to be undistorted to perspective ones first')
        if not self.refine_intrinsics and self.options.intrinsics is None:
            raise InputError("`refine_intrinsics=False` keeps known cameras, but none are given: add `intrinsics`")
        options = self.options.parsed()
        return replace(
            options,
            device=options.device if self.gpu else "cpu",
            images="reference" if self.skip_image_processing else options.images,
        )

    def _dataset_config(self, eval_names: frozenset[str]) -> DatasetConfig:
        return DatasetConfig(
            seed=self.seeds,
            keep=self.options.keep,
            num_downscales=self.num_downscales,
            depth="write" if self.depth or self.use_sfm_depth else "omit",
            depth_debug=self.include_depth_debug,
            colmap="write" if self.write_colmap else "omit",
            world=self.world,
            intrinsics="shared" if self.use_single_camera_mode else "per-frame",
            images="reference" if self.skip_image_processing else "copy",
            originals=tuple(
                place if place.is_dir() else place.parent for place in (self.data, self.eval_data) if place is not None
            ),
            mask_radius=self.percent_radius_crop,
            confidence_masks="write" if self.confidence_masks else "omit",
            preview="write" if self.preview else "omit",
            eval_names=eval_names,
        )

    def _report(self, reconstruction: Reconstruction, written: WrittenDataset) -> None:
        n_all = reconstruction.n_views + len(reconstruction.unregistered)
        rows = {"poses": f"found for {reconstruction.n_views / max(n_all, 1):.1%} of the images"}
        rows |= summary_rows(reconstruction, written.n_points, keep=self.options.keep, list_all=self.verbose)
        if written.n_frames < reconstruction.n_views:
            nearer = f"the others stand nearer than {self.key_frame_distance:g} to one of these"
            rows |= {"frames": f"{written.n_frames}, {nearer}"}
        rows |= {
            "splats": f"{written.n_splats:,}",
            "intrinsics": "one camera for all frames" if written.has_shared_intrinsics else "one camera per frame",
        }
        if written.depth is not None:
            rows |= {"no depth at": written.depth.sentence}
        rows |= {"dataset": str(written.folder), "next": f'ns-train amb3r-splatfacto --data "{written.folder}"'}
        print_table("", rows)
