"""One attempt at a model, as a worker process makes it: map, polish, score, store."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.models.colmap.sfm import evidence, mapping
from amb3r_core.models.colmap.sfm.cameras import is_known
from amb3r_core.models.colmap.sfm.database import opened_database
from amb3r_core.models.colmap.sfm.json_records import from_json, to_json
from amb3r_core.models.colmap.sfm.judge import Judgement, Rival, judge
from amb3r_core.models.colmap.sfm.lens_prior import corner_shift_px, lens_likelihood, likely_params
from amb3r_core.models.colmap.sfm.mapping import Tuning
from amb3r_core.models.colmap.sfm.requests import Attempt, FinishModel, Mapper, RunAttempt
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.models.colmap.sfm.uncertainty import focal_share, uncertainty
from amb3r_core.storage.atomic import write_text_whole

MIN_CORNER_SHIFT_PX = 0.5
ENOUGH_MULTI_VIEW_POINTS = 200
"""Points seen by three photos or more that hold a photo without help of points that only two see."""

CHOSEN = "chosen"
"""The name of the winner after its finish."""

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
        model, found_lens = _polished(attempt, request.database, model, request.n_photos)
        store_model(folder, attempt.name, model)
        score = _score(attempt.name, model, mapping.told_focals(request.database))
        store_score(folder, replace(score, found_lens=found_lens))
    shutil.rmtree(work)


def _polished(
    attempt: Attempt, database: Path, model: pycolmap.Reconstruction, n_photos: int
) -> tuple[pycolmap.Reconstruction, bool]:
    """The model after the polish that all attempts share, and whether the photos had a say in its lens.

    From little parallax a free focal length wanders off, and takes the model along. Held at a usual value it leaves a model from
    which it can be freed, unless the value it was held at explains the photos better.
    """
    free, keep_poses = _polish_tuning(attempt.seed, n_photos), attempt.mapper is Mapper.POSED
    told = mapping.told_focals(database)
    held: pycolmap.Reconstruction | None = None
    if attempt.holds_lens:
        held = mapping.polish(database, model, _held(free))
        model = pycolmap.Reconstruction(held)
    model = with_likely_lenses(
        database, mapping.polish(database, model, free, keep_poses=keep_poses), free, keep_poses=keep_poses
    )
    if held is None:
        return model, free.refine_focal
    loses_photos = model.num_reg_images() < held.num_reg_images()
    return (held, False) if loses_photos or _standing(model, told) < _standing(held, told) else (model, free.refine_focal)


def with_likely_lenses(
    database: Path, model: pycolmap.Reconstruction, tuning: Tuning, *, keep_poses: bool
) -> pycolmap.Reconstruction:
    """The model with its most probable lenses, everything else adjusted to them; the same where that loses photos."""
    if not tuning.refine_focal:
        return model
    told = mapping.told_focals(database)
    params = likely_params(model, uncertainty(model), told, refines_distortion=tuning.refine_distortion)
    if all(corner_shift_px(model.camera(camera_id), of) < MIN_CORNER_SHIFT_PX for camera_id, of in params.items()):
        return model
    likely = pycolmap.Reconstruction(model)
    for camera_id, of in params.items():
        likely.camera(camera_id).params = of.tolist()
    mapping.polish(database, likely, _held(tuning), keep_poses=keep_poses)
    return model if likely.num_reg_images() < model.num_reg_images() else likely


def _standing(model: pycolmap.Reconstruction, told: Mapping[int, float]) -> float:
    """What the model explains, times how likely its lenses are."""
    return mapping.support(model) * _lens_likelihood(model, told)


def _lens_likelihood(model: pycolmap.Reconstruction, told: Mapping[int, float]) -> float:
    """Of the lenses of the placed photos, on average."""
    of = [model.image(image_id).camera_id for image_id in model.reg_image_ids()]
    return sum(lens_likelihood(model.camera(camera_id), is_told=camera_id in told) for camera_id in of) / max(1, len(of))


def _held(tuning: Tuning) -> Tuning:
    return replace(tuning, refine_focal=False, refine_distortion=False)


def finish_model(request: FinishModel) -> None:
    """Stores the winner as `folder/chosen`, after the steps that only it is worth, and the judgement on it, in a worker.

    Where every photo sees enough points in three views, poses and lenses are found without those of two: nothing but one epipolar
    line checks them. They come back at the end and move nothing. Distortion that moves no pixel visibly goes.
    """
    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    database, keep_poses = request.database, request.keep_poses
    model = pycolmap.Reconstruction(model_path(request.folder, request.winner))
    tuning = _polish_tuning(request.seed, request.n_photos)
    if mapping.multi_view_observations(model) >= ENOUGH_MULTI_VIEW_POINTS:
        firm = replace(tuning, use_two_view_tracks=False)
        mapping.drop_two_view_points(model)
        mapping.polish(database, model, firm, keep_poses=keep_poses)
        model = _straightened(database, with_likely_lenses(database, model, firm, keep_poses=keep_poses), firm, keep_poses)
        mapping.polish(database, model, _held(tuning), keep_poses=True)
    else:
        model = _straightened(database, model, tuning, keep_poses)
    store_model(request.folder, CHOSEN, model)
    write_text_whole(judgement_path(request.folder), json.dumps(to_json(_judged(request, model))))
    store_score(request.folder, _score(CHOSEN, model, mapping.told_focals(database)))


def _straightened(database: Path, model: pycolmap.Reconstruction, tuning: Tuning, keep_poses: bool) -> pycolmap.Reconstruction:
    """The model with straight lenses where the bend moves no pixel visibly, everything else adjusted to them."""
    bends = {
        camera_id: camera for camera_id, camera in model.cameras.items() if not is_known(camera) and camera.params[-1] != 0.0
    }
    straight = {camera_id: np.array([*camera.params[:3], 0.0]) for camera_id, camera in bends.items()}
    hardly = {camera_id: of for camera_id, of in straight.items() if corner_shift_px(bends[camera_id], of) < MIN_CORNER_SHIFT_PX}
    if not hardly:
        return model
    for camera_id, of in hardly.items():
        model.camera(camera_id).params = of.tolist()
    return mapping.polish(database, model, _held(tuning), keep_poses=keep_poses)


def _judged(request: FinishModel, model: pycolmap.Reconstruction) -> Judgement:
    """The judgement on the finished model beside the models of its rivals."""
    told = mapping.told_focals(request.database)
    rivals: list[Rival] = []
    for name, support in request.rivals.items():
        other = pycolmap.Reconstruction(model_path(request.folder, name))
        poses = {image_id: other.image(image_id).cam_from_world().matrix() for image_id in sorted(other.reg_image_ids())}
        rivals.append(Rival(cam_from_world=poses, support=support))
    return judge(model, request.database, told, rivals, _standing(model, told))


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


def _set_focal(database: Path, focal_ratio: float, *, is_held: bool) -> None:
    """Unknown cameras get this focal length; COLMAP estimates one anew for the first photo of a camera that has no prior."""
    with opened_database(database) as opened:
        for camera in opened.read_all_cameras():
            if not camera.has_prior_focal_length:
                camera.focal_length = focal_ratio * max(camera.width, camera.height)
                camera.has_prior_focal_length = is_held
                opened.update_camera(camera)


def _score(name: str, model: pycolmap.Reconstruction, told: Mapping[int, float]) -> AttemptScore:
    used = {model.image(image_id).camera_id for image_id in model.reg_image_ids()}
    ratios = [
        model.camera(camera_id).mean_focal_length() / max(model.camera(camera_id).width, model.camera(camera_id).height)
        for camera_id in sorted(used)
        if not is_known(model.camera(camera_id))
    ]
    expected = uncertainty(model)
    model.update_point_3d_errors()
    return AttemptScore(
        name=name,
        n_registered=model.num_reg_images(),
        n_points=model.num_points3D(),
        n_observations=model.compute_num_observations(),
        mean_error_px=model.compute_mean_reprojection_error(),
        focal_ratio=float(np.median(ratios)) if ratios else 0.0,
        support=_standing(model, told),
        focal_share=focal_share(model, expected),
        lens_likelihood=_lens_likelihood(model, told),
        expected_error_deg=max(expected.per_photo_deg.values(), default=0.0),
        weakest_link=min((count for count, *_ in evidence.strongest_links(evidence.links(model))), default=0),
    )


def model_path(folder: Path, name: str) -> Path:
    return folder / name


def score_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def judgement_path(folder: Path) -> Path:
    """Where the judgement on the finished model is."""
    return folder / "chosen.judgement.json"


def load_judgement(folder: Path) -> Judgement:
    return from_json(Judgement, json.loads(judgement_path(folder).read_text()))


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
