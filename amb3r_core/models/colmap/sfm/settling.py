"""The last adjustment of a video, as a worker process makes it: all frames, a loss that outliers hardly touch, and the lens."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Collection, Mapping

import pycolmap

from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.sfm.json_records import to_json
from amb3r_core.models.colmap.sfm.judge import judge
from amb3r_core.models.colmap.sfm.requests import SettleVideo
from amb3r_core.models.colmap.sfm.solve import (
    CHOSEN,
    ENOUGH_MULTI_VIEW_POINTS,
    MIN_PHOTOS_FOR_DISTORTION,
    MIN_PHOTOS_FOR_FOCAL,
    judgement_path,
    model_path,
    store_model,
    store_score,
)
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.storage.atomic import write_text_whole

FREEDOM_GAIN = 1.01
"""Support with distortion over that without, from which on distortion is believed."""

LOSS_PX = 0.5
"""Cauchy's scale: about the error of a good feature. Frames that are blurred, or bent by a rolling shutter, bend no others."""
FUNCTION_TOLERANCE = 1e-5
"""Relative change of the cost at which an adjustment ends: the start is close."""
MAX_ITERATIONS = 50
TRIAL_ITERATIONS = 15
"""Enough to tell how much a model without distortion explains."""


def settle_model(request: SettleVideo) -> None:
    """Stores the adjusted model as `folder/chosen` with its score and the judgement on it.

    Where every frame sees enough points in three views, those of two are left out. Focal length and distortion make up for one
    another, and what is no lens, such as a rolling shutter, moves both along: where distortion explains hardly more than none,
    half of it is believed.
    """
    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    model = pycolmap.Reconstruction(model_path(request.folder, request.start))
    if mapping.multi_view_observations(model) >= ENOUGH_MULTI_VIEW_POINTS:
        mapping.drop_two_view_points(model)
    is_bent = model.num_reg_images() >= MIN_PHOTOS_FOR_DISTORTION
    _adjust(model, request.cam_from_world, refine_distortion=is_bent)
    bends = {camera_id: float(camera.params[-1]) for camera_id, camera in model.cameras.items() if not is_known(camera)}
    if any(bends.values()):
        plain = pycolmap.Reconstruction(model)
        _set_distortion(plain, dict.fromkeys(bends, 0.0))
        _adjust(plain, request.cam_from_world, refine_distortion=False, max_iterations=TRIAL_ITERATIONS)
        if mapping.support(model) < FREEDOM_GAIN * mapping.support(plain):
            _set_distortion(model, {camera_id: bend / 2.0 for camera_id, bend in bends.items()})
            _adjust(model, request.cam_from_world, refine_distortion=False)
    model.update_point_3d_errors()
    store_model(request.folder, CHOSEN, model)
    told = mapping.told_focals(request.database)
    judgement = judge(model, request.database, told, [], mapping.support(model))
    write_text_whole(judgement_path(request.folder), json.dumps(to_json(judgement)))
    score = AttemptScore(
        name=CHOSEN,
        n_registered=model.num_reg_images(),
        n_points=model.num_points3D(),
        n_observations=model.compute_num_observations(),
        mean_error_px=model.compute_mean_reprojection_error(),
        support=mapping.support(model),
    )
    store_score(request.folder, score)


def _set_distortion(model: pycolmap.Reconstruction, bends: Mapping[int, float]) -> None:
    for camera_id, bend in bends.items():
        model.camera(camera_id).params = [*model.camera(camera_id).params[:-1], bend]


def _adjust(
    model: pycolmap.Reconstruction, keep: Collection[int], *, refine_distortion: bool, max_iterations: int = MAX_ITERATIONS
) -> None:
    """Adjusts all frames, points and unknown lenses, in place; the frames `keep`, by image id, stay where they are."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = model.num_reg_images() >= MIN_PHOTOS_FOR_FOCAL
    options.refine_extra_params = refine_distortion
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = LOSS_PX
    options.ceres.solver_options.num_threads = 1
    options.ceres.solver_options.max_num_iterations = max_iterations
    options.ceres.solver_options.function_tolerance = FUNCTION_TOLERANCE
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in sorted(model.reg_image_ids()):
        config.add_image(image_id)
        if image_id in keep:
            config.set_constant_rig_from_world_pose(model.image(image_id).frame_id)
    for camera_id, camera in sorted(model.cameras.items()):
        if is_known(camera):
            config.set_constant_cam_intrinsics(camera_id)
    if len(keep) < len(mapping.PAIR_IDS):
        config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
