"""One attempt at a model, as a worker process makes it: map, polish, score, store."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.models.colmap.sfm import mapping
from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.sfm.json_records import from_json, to_json
from amb3r_core.models.colmap.sfm.mapping import Tuning
from amb3r_core.models.colmap.sfm.requests import Attempt, FinishModel, Mapper, RunAttempt
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.storage.atomic import write_text_whole

MIN_CORNER_SHIFT_PX = 0.5
ENOUGH_MULTI_VIEW_POINTS = 200
"""Points seen by three photos or more that hold a photo without help of points that only two see."""

PLAUSIBLE_FOCAL_RATIO = (0.35, 5.0)
"""Focal length over the longer side, from a 110 degree lens to a long telephoto; outside, a model counts a tenth."""

IMPLAUSIBLE_FACTOR = 0.1
CHOSEN = "chosen"
"""The name of the winner after its finish."""

FREEDOM_GAIN = 1.01
"""Support with a free focal length over that with the usual one, from which the free one is believed."""

MIN_PHOTOS_FOR_DISTORTION = 4
MIN_PHOTOS_FOR_FOCAL = 3


def run_attempt(request: RunAttempt) -> None:
    """Maps, polishes, scores, and stores the model as `folder/name` and its score as `folder/name.json`, in a worker."""
    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    attempt, folder = request.attempt, request.folder
    work = folder / f"{attempt.name}.work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    own_database = Path(shutil.copy(request.database, work / "database.db"))
    model = _map(request, own_database, work)
    if model is None:
        store_score(folder, AttemptScore(name=attempt.name, problem="no initial pair of photos could be found"))
    else:
        # The common database, not the attempt's own: calibration drops matches, and supports must be comparable.
        model = _polished(attempt, request.database, model, request.n_photos)
        store_model(folder, attempt.name, model)
        store_score(folder, _score(attempt.name, model))
    shutil.rmtree(work)


def _polished(attempt: Attempt, database: Path, model: pycolmap.Reconstruction, n_photos: int) -> pycolmap.Reconstruction:
    """The model after the polish that all attempts share.

    From little parallax a free focal length wanders off, and takes the model along. Held at a usual value it leaves a model from
    which it can be freed; where that explains no more, the usual value is likelier than what it wandered to.
    """
    free = _polish_tuning(attempt.seed, n_photos)
    if not attempt.holds_lens:
        return mapping.polish(database, model, free, keep_poses=attempt.mapper is Mapper.POSED)
    mapping.polish(database, model, _held(free))
    freed = mapping.polish(database, pycolmap.Reconstruction(model), free)
    loses_photos = freed.num_reg_images() < model.num_reg_images()
    return model if loses_photos or mapping.support(freed) < FREEDOM_GAIN * mapping.support(model) else freed


def _held(tuning: Tuning) -> Tuning:
    return replace(tuning, refine_focal=False, refine_distortion=False)


def finish_model(request: FinishModel) -> None:
    """Stores the winner as `folder/chosen`, after the steps that only it is worth, in a worker.

    Where every photo sees enough points in three views, those of two are left out: nothing but one epipolar line checks
    them. And distortion goes when it moves no pixel visibly or explains nothing more. With few views models with and without
    often explain equally much; a free coefficient then does less harm to poses than a wrong zero.
    """
    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    database, keep_poses = request.database, request.keep_poses
    model = pycolmap.Reconstruction(model_path(request.folder, request.winner))
    tuning = _polish_tuning(request.seed, request.n_photos)
    if mapping.multi_view_observations(model) >= ENOUGH_MULTI_VIEW_POINTS:
        tuning = replace(tuning, use_two_view_tracks=False)
        mapping.drop_two_view_points(model)
        mapping.polish(database, model, tuning, keep_poses=keep_poses)
    model = _simplest(database, model, tuning, keep_poses=keep_poses)
    store_model(request.folder, CHOSEN, model)
    store_score(request.folder, _score(CHOSEN, model))


def _simplest(database: Path, model: pycolmap.Reconstruction, tuning: Tuning, *, keep_poses: bool) -> pycolmap.Reconstruction:
    shifts = [_corner_shift_px(camera) for camera in model.cameras.values()]
    if not tuning.refine_distortion or not any(shifts):
        return model
    plain = pycolmap.Reconstruction(model)
    for camera in plain.cameras.values():
        _drop_distortion(camera)
    mapping.polish(database, plain, replace(tuning, refine_distortion=False), keep_poses=keep_poses)
    loses_photos = plain.num_reg_images() < model.num_reg_images()
    is_visible = max(shifts) >= MIN_CORNER_SHIFT_PX
    if loses_photos or (is_visible and mapping.support(model) > mapping.support(plain)):
        return model
    return plain


def _map(request: RunAttempt, database: Path, work: Path) -> pycolmap.Reconstruction | None:
    """The model of the attempt's mapper from a database that it may change; None where it fails."""
    attempt = request.attempt
    if attempt.mapper is Mapper.POSED:
        return mapping.posed_model(database, request.cam_from_world)
    if attempt.mapper is Mapper.CONTINUED:
        return mapping.recast_model(database, pycolmap.Reconstruction(model_path(request.folder, attempt.start)))
    if attempt.focal_ratio is not None:
        _set_focal(database, attempt.focal_ratio, is_held=attempt.holds_lens)
    if attempt.calibrate:
        mapping.calibrate_view_graph(database, attempt.seed)
    refine = _polish_tuning(attempt.seed, request.n_photos)
    if attempt.holds_lens:
        refine = _held(refine)
    if attempt.mapper is Mapper.PAIR:
        return mapping.pair_model(database, refine)
    if attempt.mapper is Mapper.GLOBAL:
        return mapping.run_global(database, work, refine)
    if not attempt.is_relaxed:
        refine = Tuning(seed=attempt.seed, refine_focal=refine.refine_focal, refine_distortion=refine.refine_distortion)
    return mapping.run_incremental(database, work, refine, _Counter(work.with_suffix(".count")))


class _Counter:
    """Counts placed photos in a file, for the parent to show."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 2

    def __call__(self) -> None:
        self.count += 1
        self.path.write_text(str(self.count))


def _polish_tuning(seed: int, n_photos: int) -> Tuning:
    """Few photos do not determine every parameter: two leave the focal length open, three its distortion."""
    return mapping.relaxed(
        seed=seed,
        refine_focal=n_photos >= MIN_PHOTOS_FOR_FOCAL,
        refine_distortion=n_photos >= MIN_PHOTOS_FOR_DISTORTION,
    )


def _corner_shift_px(camera: pycolmap.Camera) -> float:
    """How far the distortion moves the image's corner, in pixels at the working size."""
    if is_known(camera):
        return 0.0
    corner = np.hypot(camera.width, camera.height) / 2.0
    return float(abs(camera.params[-1]) * (corner / camera.mean_focal_length()) ** 2 * corner)


def _drop_distortion(camera: pycolmap.Camera) -> None:
    if not is_known(camera):
        camera.params = [*camera.params[:3], 0.0]


def _set_focal(database: Path, focal_ratio: float, *, is_held: bool) -> None:
    """Unknown cameras get this focal length; COLMAP estimates one anew for the first photo of a camera that has no prior."""
    with pycolmap.Database.open(database) as opened:
        for camera in opened.read_all_cameras():
            if not camera.has_prior_focal_length:
                camera.focal_length = focal_ratio * max(camera.width, camera.height)
                camera.has_prior_focal_length = is_held
                opened.update_camera(camera)


def _score(name: str, model: pycolmap.Reconstruction) -> AttemptScore:
    used = {model.image(image_id).camera_id for image_id in model.reg_image_ids()}
    ratios = [
        model.camera(camera_id).mean_focal_length() / max(model.camera(camera_id).width, model.camera(camera_id).height)
        for camera_id in sorted(used)
        if not is_known(model.camera(camera_id))
    ]
    low, high = PLAUSIBLE_FOCAL_RATIO
    is_plausible = all(low <= ratio <= high for ratio in ratios)
    model.update_point_3d_errors()
    return AttemptScore(
        name=name,
        n_registered=model.num_reg_images(),
        n_points=model.num_points3D(),
        n_observations=model.compute_num_observations(),
        mean_error_px=model.compute_mean_reprojection_error(),
        focal_ratio=float(np.median(ratios)) if ratios else 0.0,
        support=mapping.support(model) * (1.0 if is_plausible else IMPLAUSIBLE_FACTOR),
    )


def model_path(folder: Path, name: str) -> Path:
    return folder / name


def score_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def store_score(folder: Path, score: AttemptScore) -> None:
    write_text_whole(score_path(folder, score.name), json.dumps(to_json(score)))


def load_score(path: Path) -> AttemptScore:
    return from_json(AttemptScore, json.loads(path.read_text()))


def store_model(folder: Path, name: str, model: pycolmap.Reconstruction) -> None:
    """Replaces an older model of that name; the score is written after it and says that it is whole."""
    path = model_path(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    model.write_binary(path)
