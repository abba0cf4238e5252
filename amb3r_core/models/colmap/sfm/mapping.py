"""pycolmap's mappers on one database, the finish that all their models share, and the number that ranks them.

Everything here runs single-threaded with fixed seeds, in a worker process: the same database gives the same model.
"""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.sfm.database import opened_database

Float64 = NDArray[np.float64]

MIN_MATCHES_PER_PAIR = 15
SUPPORT_ERROR_PX = 1.0
"""An observation this far from its point supports nothing; closer ones count by 1 - (error / this)^2, as in MSAC."""

LEAST_PARALLAX_SHARE = 0.022
"""Rays to a point part by more than this share of the photo's longer side, which is 1.5 degrees at the usual focal length.
As an angle the limit would favour short focal lengths: shortened, all angles grow, and more points pass."""

FREEDOM_PER_POINT = 3.0
PAIR_IDS = (1, 2)
MULTI_VIEW = 3
GROWTH_FOR_GLOBAL_REFINEMENT = 1.25
ROBUST_LOSS_PX = 2.0
"""Huber's limit: errors count squared up to it, and linearly from there."""

REFINEMENT_ROUNDS = 3
REFINEMENT_MIN_CHANGE = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What may be refined, and how strict growth is (degrees, counts, pixels at the working size)."""

    seed: int = 0
    refine_focal: bool = True
    refine_distortion: bool = True
    init_min_angle_deg: float = 16.0
    init_max_forward_motion: float = 0.95
    init_min_inliers: int = 100
    register_min_inliers: int = 30
    use_two_view_tracks: bool = False


def relaxed(*, seed: int = 0, refine_focal: bool = True, refine_distortion: bool = True) -> Tuning:
    """Thresholds for few, wide-baseline or forward-moving views; every match they rest on was verified against chance."""
    return Tuning(
        seed=seed,
        refine_focal=refine_focal,
        refine_distortion=refine_distortion,
        init_min_angle_deg=4.0,
        init_max_forward_motion=1.0,
        init_min_inliers=30,
        register_min_inliers=12,
        use_two_view_tracks=True,
    )


def run_incremental(database: Path, folder: Path, tuning: Tuning, on_image: Callable[[], None]) -> pycolmap.Reconstruction | None:
    """The largest model of COLMAP's incremental mapper, or None."""
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = 1
    options.random_seed = tuning.seed
    options.extract_colors = False
    options.min_num_matches = MIN_MATCHES_PER_PAIR
    options.min_model_size = 2
    options.ba_refine_focal_length = tuning.refine_focal
    options.ba_refine_extra_params = tuning.refine_distortion
    options.constant_cameras = _known_cameras(database)
    options.mapper = _mapper_options(tuning, options.constant_cameras)
    options.triangulation.random_seed = tuning.seed
    options.triangulation.ignore_two_view_tracks = not tuning.use_two_view_tracks
    pycolmap.set_random_seed(tuning.seed)
    return _largest(pycolmap.incremental_mapping(database, folder, folder, options, next_image_callback=on_image))


def run_global(database: Path, folder: Path, tuning: Tuning) -> pycolmap.Reconstruction | None:
    """The largest model of the global mapper (GLOMAP), or None."""
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = 1
    options.random_seed = tuning.seed
    options.min_num_matches = MIN_MATCHES_PER_PAIR
    mapper = options.mapper
    mapper.num_threads = 1
    for part in (mapper, mapper.rotation_averaging, mapper.global_positioning, mapper.retriangulation):
        part.random_seed = tuning.seed
    mapper.bundle_adjustment.refine_focal_length = tuning.refine_focal
    mapper.bundle_adjustment.refine_extra_params = tuning.refine_distortion
    pycolmap.set_random_seed(tuning.seed)
    return _largest(pycolmap.global_mapping(database, folder, folder, options))


def calibrate_view_graph(database: Path, seed: int) -> None:
    """Rewrites the database's unknown focal lengths from its fundamental matrices."""
    options = pycolmap.ViewGraphCalibrationOptions()
    options.random_seed = seed
    pycolmap.set_random_seed(seed)
    pycolmap.calibrate_view_graph(database, options)


def pair_model(database: Path, tuning: Tuning) -> pycolmap.Reconstruction | None:
    """A model without points of the only two photos, posed by the essential matrix of their matches; None where it fails."""
    with opened_database(database) as opened:
        cameras = [opened.read_camera(opened.read_image(image_id).camera_id) for image_id in PAIR_IDS]
        pixels = [np.asarray(opened.read_keypoints(image_id)[:, :2], np.float64) for image_id in PAIR_IDS]
        matches = opened.read_matches(*PAIR_IDS)
    options = pycolmap.TwoViewGeometryOptions()
    options.compute_relative_pose = True
    options.ransac.random_seed = tuning.seed
    geometry = pycolmap.estimate_calibrated_two_view_geometry(cameras[0], pixels[0], cameras[1], pixels[1], matches, options)
    if geometry.cam2_from_cam1 is None:
        return None
    return posed_model(database, dict(zip(PAIR_IDS, (np.eye(4)[:3], geometry.cam2_from_cam1.matrix()), strict=True)))


def posed_model(database: Path, cam_from_world: Mapping[int, Float64]) -> pycolmap.Reconstruction:
    """A model without points that holds the given poses (3, 4) by image id."""
    model = pycolmap.Reconstruction()
    model.load(_load_cache(database))
    for image_id, pose in sorted(cam_from_world.items()):
        frame = model.frame(image_id)
        frame.rig_from_world = pycolmap.Rigid3d(pose)
        model.register_frame(image_id)
    return model


def recast_model(database: Path, model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    """A model without points that has the poses of another and the database's cameras, with the lenses the photos had there.

    Photos that share a camera get the median of theirs.
    """
    images = {image_id: model.image(image_id) for image_id in sorted(model.reg_image_ids())}
    recast = posed_model(database, {image_id: image.cam_from_world().matrix() for image_id, image in images.items()})
    params: dict[int, list[Float64]] = {}
    for image_id, image in images.items():
        params.setdefault(recast.image(image_id).camera_id, []).append(np.asarray(model.camera(image.camera_id).params))
    for camera_id, found in params.items():
        if not is_known(recast.camera(camera_id)):
            recast.camera(camera_id).params = np.median(found, axis=0)
    return recast


def polish(
    database: Path, model: pycolmap.Reconstruction, tuning: Tuning, *, keep_poses: bool = False
) -> pycolmap.Reconstruction:
    """Triangulates everything again, places the photos that are missing, and adjusts all together.

    This is what makes models of different mappers comparable: the same matches, the same thresholds and the same robust loss.
    `keep_poses`: the poses the model came with stay exactly as they are.
    """
    # The cache must outlive the mapper, which only refers to it.
    cache = _load_cache(database)
    original = _restore_known_cameras(database, model)
    mapper = pycolmap.IncrementalMapper(cache)
    options = _mapper_options(tuning, original)
    options.fix_existing_frames = keep_poses
    options.filter_min_tri_angle = _least_parallax_deg(model)
    triangulation = pycolmap.IncrementalTriangulatorOptions()
    triangulation.min_angle = options.filter_min_tri_angle
    triangulation.random_seed = tuning.seed
    triangulation.ignore_two_view_tracks = not tuning.use_two_view_tracks
    adjustment = _adjustment_options(tuning)

    def refine() -> None:
        mapper.iterative_global_refinement(
            REFINEMENT_ROUNDS, REFINEMENT_MIN_CHANGE, options, adjustment, triangulation, normalize_reconstruction=not keep_poses
        )

    pycolmap.set_random_seed(tuning.seed)
    mapper.begin_reconstruction(model)
    for image_id in sorted(model.reg_image_ids()):
        mapper.triangulate_image(triangulation, image_id)
    refine()
    refined_at = model.num_reg_images()
    while (image_id := _register_one(mapper, options)) is not None:
        mapper.triangulate_image(triangulation, image_id)
        mapper.iterative_local_refinement(2, 0.001, options, adjustment, triangulation, image_id)
        if model.num_reg_images() >= GROWTH_FOR_GLOBAL_REFINEMENT * refined_at:
            refine()
            refined_at = model.num_reg_images()
    if model.num_reg_images() > refined_at:
        refine()
    mapper.end_reconstruction(False)
    return model


def extend(cache: pycolmap.DatabaseCache, model: pycolmap.Reconstruction, image_id: int, tuning: Tuning) -> None:
    """Triangulates what a newly placed photo of the model sees, and adjusts it with the photos around it."""
    known = {camera_id for camera_id, camera in cache.cameras.items() if is_known(camera)}
    mapper = pycolmap.IncrementalMapper(cache)
    triangulation = pycolmap.IncrementalTriangulatorOptions()
    triangulation.random_seed = tuning.seed
    triangulation.ignore_two_view_tracks = not tuning.use_two_view_tracks
    pycolmap.set_random_seed(tuning.seed)
    mapper.begin_reconstruction(model)
    mapper.triangulate_image(triangulation, image_id)
    options, adjustment = _mapper_options(tuning, known), _adjustment_options(tuning)
    mapper.iterative_local_refinement(2, 0.001, options, adjustment, triangulation, image_id)
    mapper.end_reconstruction(False)


def drop_two_view_points(model: pycolmap.Reconstruction) -> None:
    """Removes the points that only two photos see."""
    for point_id in sorted(model.point3D_ids()):
        if model.point3D(point_id).track.length() < MULTI_VIEW:
            model.delete_point3D(point_id)


def multi_view_observations(model: pycolmap.Reconstruction) -> float:
    """How many points seen by three photos or more a placed photo sees, at the photo in the middle of the ranking."""
    per_photo: list[int] = []
    for image_id in model.reg_image_ids():
        points = [point for point in model.image(image_id).points2D if point.has_point3D()]
        per_photo.append(sum(model.point3D(point.point3D_id).track.length() >= MULTI_VIEW for point in points))
    return float(np.median(per_photo)) if per_photo else 0.0


def support(model: pycolmap.Reconstruction) -> float:
    """How many independent constraints on cameras and structure the model explains; more is better.

    Each observation gives two equations, weighted by 1 - (error / SUPPORT_ERROR_PX)^2 and never below 0; each point uses up
    three of them. Models of one database can be compared by it, whatever made them: a photo that is missing, a wrong focal
    length or a bent trajectory all cost observations.
    """
    per_point: dict[int, float] = {}
    for image_id in model.reg_image_ids():
        ids, errors = reprojection_errors(model, image_id)
        for point_id, weight in zip(ids, np.maximum(0.0, 1.0 - (errors / SUPPORT_ERROR_PX) ** 2), strict=True):
            per_point[point_id] = per_point.get(point_id, 0.0) + float(weight)
    return sum(max(0.0, 2.0 * weight - FREEDOM_PER_POINT) for weight in per_point.values())


def reprojection_errors(model: pycolmap.Reconstruction, image_id: int) -> tuple[list[int], Float64]:
    """Ids and errors (K,) in pixels of the points that a photo sees; infinite behind the camera."""
    image = model.image(image_id)
    seen = [point for point in image.points2D if point.has_point3D()]
    ids = [point.point3D_id for point in seen]
    if not seen:
        return ids, np.zeros(0)
    world = np.array([model.point3D(point_id).xyz for point_id in ids])
    pose = image.cam_from_world().matrix()
    in_camera = world @ pose[:, :3].T + pose[:, 3]
    pixels = np.asarray(model.camera(image.camera_id).img_from_cam(in_camera))
    errors = np.linalg.norm(pixels - np.array([point.xy for point in seen]), axis=1)
    return ids, np.where((in_camera[:, 2] > 0) & np.isfinite(errors), errors, np.inf)


def _least_parallax_deg(model: pycolmap.Reconstruction) -> float:
    """The angle of `LEAST_PARALLAX_SHARE` for the camera in the middle."""
    ratios = [camera.mean_focal_length() / max(camera.width, camera.height) for camera in model.cameras.values()]
    return float(np.degrees(LEAST_PARALLAX_SHARE / np.median(ratios)))


def _register_one(mapper: pycolmap.IncrementalMapper, options: pycolmap.IncrementalMapperOptions) -> int | None:
    """Places the next photo, by points in common or else by two-view geometry with placed photos; None when none can be."""
    for image_id in mapper.find_next_images(options, structure_less=False):
        if mapper.register_next_image(options, image_id):
            return image_id
    for image_id in mapper.find_next_images(options, structure_less=True):
        if mapper.register_next_structure_less_image(options, image_id):
            return image_id
    return None


def _mapper_options(tuning: Tuning, constant_cameras: set[int]) -> pycolmap.IncrementalMapperOptions:
    options = pycolmap.IncrementalMapperOptions()
    options.num_threads = 1
    options.random_seed = tuning.seed
    options.init_min_tri_angle = tuning.init_min_angle_deg
    options.init_max_forward_motion = tuning.init_max_forward_motion
    options.init_min_num_inliers = tuning.init_min_inliers
    options.abs_pose_min_num_inliers = tuning.register_min_inliers
    options.abs_pose_refine_focal_length = tuning.refine_focal
    options.abs_pose_refine_extra_params = tuning.refine_distortion
    options.constant_cameras = constant_cameras
    return options


def _adjustment_options(tuning: Tuning) -> pycolmap.BundleAdjustmentOptions:
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = tuning.refine_focal
    options.refine_extra_params = tuning.refine_distortion
    options.ceres.loss_function_type = pycolmap.LossFunctionType.HUBER
    options.ceres.loss_function_scale = ROBUST_LOSS_PX
    options.ceres.solver_options.num_threads = 1
    options.ceres.solver_options.max_num_iterations = 50
    options.ceres.solver_options.function_tolerance = 1e-6
    return options


def _load_cache(database: Path) -> pycolmap.DatabaseCache:
    options = pycolmap.DatabaseCacheOptions()
    options.min_num_matches = MIN_MATCHES_PER_PAIR
    with opened_database(database) as opened:
        return pycolmap.DatabaseCache.create(opened, options)


def _known_cameras(database: Path) -> set[int]:
    with opened_database(database) as opened:
        return {camera.camera_id for camera in opened.read_all_cameras() if is_known(camera)}


def told_focals(database: Path) -> dict[int, float]:
    """Focal lengths from EXIF in pixels, by the id of each camera that has one and is not known as a whole."""
    with opened_database(database) as opened:
        cameras = opened.read_all_cameras()
    return {
        camera.camera_id: float(camera.mean_focal_length())
        for camera in cameras
        if camera.has_prior_focal_length and not is_known(camera)
    }


def _restore_known_cameras(database: Path, model: pycolmap.Reconstruction) -> set[int]:
    """Gives known cameras back the parameters the database holds (the global mapper refines all); returns their ids."""
    with opened_database(database) as opened:
        known = {camera.camera_id: camera for camera in opened.read_all_cameras() if is_known(camera)}
    for camera_id, camera in known.items():
        if camera_id in model.cameras:
            model.camera(camera_id).params = camera.params
    return set(known)


def _largest(models: Mapping[int, pycolmap.Reconstruction]) -> pycolmap.Reconstruction | None:
    best = max(models.values(), key=lambda model: (model.num_reg_images(), model.num_points3D()), default=None)
    return best if best is not None and best.num_reg_images() >= 2 else None
