"""Several ways to a model, each in a worker process, and the choice between them by what the photos themselves support."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.models.colmap import mapping
from amb3r_core.models.colmap.cameras import is_known
from amb3r_core.models.colmap.mapping import Tuning
from amb3r_core.models.colmap.sparse import AttemptScore
from amb3r_core.models.colmap.workers import Job, run_jobs
from amb3r_core.progress import Monitor, Progress

STAGE = "mapping"
AGREEMENT = 0.01
"""Two attempts from different starts whose supports differ by less than this share found the same model."""

MIN_CORNER_SHIFT_PX = 0.5
PLAUSIBLE_FOCAL_RATIO = (0.35, 5.0)
"""Focal length over the longer side, from a 110 degree lens to a long telephoto; outside, a model counts a tenth."""

IMPLAUSIBLE_FACTOR = 0.1
FEW_PHOTOS = 6
MIN_PHOTOS_FOR_DISTORTION = 4
MIN_PHOTOS_FOR_FOCAL = 3
FOCAL_HYPOTHESES = (0.6, 0.85)
"""Starts beside COLMAP's 1.2, as ratios to the longer side: a phone's wide and main camera."""


class Mapper(Enum):
    INCREMENTAL = "incremental"
    GLOBAL = "global"
    PAIR = "pair"
    POSED = "posed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to a model.

    calibrate: estimate unknown focal lengths from the view graph first. focal_ratio: start unknown cameras at this focal
    length over the longer side. is_relaxed: thresholds for few or wide-baseline views.
    """

    name: str
    mapper: Mapper
    calibrate: bool = False
    focal_ratio: float | None = None
    is_relaxed: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTask:
    """What all attempts share: the database, the folder for their models, and known poses (3, 4) by image id."""

    database: Path
    folder: Path
    n_photos: int
    cam_from_world: Mapping[int, mapping.Float64] = field(default_factory=dict[int, mapping.Float64])


def plan(n_photos: int, *, focal_is_known: bool, seed: int = 0) -> list[list[Attempt]]:
    """Waves of attempts: a wave is only run when those before it left a doubt.

    Each wave starts from different focal lengths or a different mapper, so that agreement within it means something.
    """
    prior_global = Attempt(name="global", mapper=Mapper.GLOBAL)
    incremental = Attempt(name="incremental", mapper=Mapper.INCREMENTAL)
    patient = Attempt(name="incremental-relaxed", mapper=Mapper.INCREMENTAL, is_relaxed=True)
    calibrated_global = Attempt(name="global-calibrated", mapper=Mapper.GLOBAL, calibrate=True)
    calibrated = Attempt(name="incremental-calibrated", mapper=Mapper.INCREMENTAL, calibrate=True, is_relaxed=True)
    hypotheses = [
        Attempt(name=f"incremental-focal-{ratio}", mapper=Mapper.INCREMENTAL, focal_ratio=ratio, is_relaxed=True)
        for ratio in FOCAL_HYPOTHESES
    ]
    if n_photos == 2:
        starts = [None] if focal_is_known else [None, *FOCAL_HYPOTHESES]
        pairs = [Attempt(name=f"pair-{start or 'prior'}", mapper=Mapper.PAIR, focal_ratio=start) for start in starts]
        waves = [pairs if focal_is_known else [*pairs, Attempt(name="pair-calibrated", mapper=Mapper.PAIR, calibrate=True)]]
    elif focal_is_known:
        waves = [[prior_global, patient], [incremental]]
    elif n_photos <= FEW_PHOTOS:
        waves = [[prior_global, patient, calibrated_global, *hypotheses], [incremental, calibrated]]
    else:
        waves = [[prior_global, calibrated_global], [incremental, calibrated], hypotheses]
    return [[replace(attempt, seed=seed) for attempt in wave] for wave in waves]


def run_attempts(waves: Sequence[Sequence[Attempt]], task: MappingTask, n_processes: int, monitor: Monitor) -> list[AttemptScore]:
    """Scores of all attempts that were needed, in the order of the plan; finished ones are read back from `folder`."""
    folder = task.folder
    scores: list[AttemptScore] = []
    total = sum(map(len, waves))
    for wave in waves:
        missing = [attempt for attempt in wave if not _score_path(folder, attempt.name).exists()]
        jobs = [_job(attempt, task) for attempt in missing]
        done = len(scores) + len(wave) - len(missing)

        def poll(done: int = done) -> None:
            monitor(Progress(stage=STAGE, done=done, total=total, message=_standing(folder)))

        for finished in run_jobs(jobs, n_processes, poll):
            done += 1
            if finished.problem:
                _store(folder, AttemptScore(name=finished.job.name, problem=finished.problem))
        scores += [_load(_score_path(folder, attempt.name)) for attempt in wave]
        if is_settled(scores, task.n_photos):
            break
    monitor(Progress(stage=STAGE, done=total, total=total))
    return scores


def choose(scores: Sequence[AttemptScore]) -> AttemptScore | None:
    """The attempt with the most support; None where none gave a model."""
    return max((score for score in scores if score.n_registered >= 2), key=lambda score: score.support, default=None)


def is_settled(scores: Sequence[AttemptScore], n_photos: int) -> bool:
    """Whether another attempt could hardly win: two of them placed every photo and explain equally much."""
    complete = sorted((score.support for score in scores if score.n_registered == n_photos), reverse=True)
    best = max((score.support for score in scores), default=0.0)
    return len(complete) >= 2 and complete[0] == best and complete[1] >= (1.0 - AGREEMENT) * best


def model_path(folder: Path, name: str) -> Path:
    return folder / name


def run_attempt(
    attempt: dict[str, object], database: str, folder: str, n_photos: int, poses: Mapping[str, list[list[float]]]
) -> None:
    """Worker task: maps, polishes, scores, and stores the model as `folder/name` and its score as `folder/name.json`."""
    pycolmap.logging.minloglevel = pycolmap.logging.Level.WARNING.value
    spec = Attempt(**{**attempt, "mapper": Mapper(attempt["mapper"])})  # pyright: ignore[reportArgumentType]
    work = Path(folder) / f"{spec.name}.work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    own_database = Path(shutil.copy(database, work / "database.db"))
    model = _map(spec, own_database, work, n_photos, {int(key): np.array(pose) for key, pose in poses.items()})
    if model is None:
        _store(Path(folder), AttemptScore(name=spec.name, problem="no initial pair of photos could be found"))
    else:
        keep_poses = spec.mapper is Mapper.POSED
        # The common database, not the attempt's own: calibration drops matches, and supports must be comparable.
        mapping.polish(Path(database), model, _polish_tuning(spec.seed, n_photos), keep_poses=keep_poses)
        model = _simplest(Path(database), model, _polish_tuning(spec.seed, n_photos), keep_poses=keep_poses)
        _store_model(Path(folder), spec.name, model)
        _store(Path(folder), _score(spec.name, model))
    shutil.rmtree(work)


def _map(
    spec: Attempt, database: Path, work: Path, n_photos: int, poses: Mapping[int, mapping.Float64]
) -> pycolmap.Reconstruction | None:
    if spec.mapper is Mapper.POSED:
        return mapping.posed_model(database, poses)
    if spec.focal_ratio is not None:
        _set_focal(database, spec.focal_ratio)
    if spec.calibrate:
        mapping.calibrate_view_graph(database, spec.seed)
    refine = _polish_tuning(spec.seed, n_photos)
    if spec.mapper is Mapper.PAIR:
        return mapping.pair_model(database, refine)
    if spec.mapper is Mapper.GLOBAL:
        return mapping.run_global(database, work, refine)
    if not spec.is_relaxed:
        refine = Tuning(seed=spec.seed, refine_focal=refine.refine_focal, refine_distortion=refine.refine_distortion)
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


def _simplest(database: Path, model: pycolmap.Reconstruction, tuning: Tuning, *, keep_poses: bool) -> pycolmap.Reconstruction:
    """The model without distortion where distortion moves nothing visibly or explains nothing more, else the model itself.

    With few views the two often explain equally much; a free coefficient then does less harm to poses than a wrong zero.
    """
    if not tuning.refine_distortion or all(_corner_shift_px(camera) == 0.0 for camera in model.cameras.values()):
        return model
    plain = pycolmap.Reconstruction(model)
    for camera in plain.cameras.values():
        _drop_distortion(camera)
    pinhole = Tuning(seed=tuning.seed, refine_focal=tuning.refine_focal, refine_distortion=False)
    mapping.polish(database, plain, pinhole, keep_poses=keep_poses)
    is_visible = any(_corner_shift_px(camera) > MIN_CORNER_SHIFT_PX for camera in model.cameras.values())
    explains_more = mapping.support(model) > mapping.support(plain)
    return model if is_visible and explains_more else plain


def _corner_shift_px(camera: pycolmap.Camera) -> float:
    """How far the distortion moves the image's corner, in pixels at the working size."""
    if is_known(camera):
        return 0.0
    corner = np.hypot(camera.width, camera.height) / 2.0
    return float(abs(camera.params[-1]) * (corner / camera.mean_focal_length()) ** 2 * corner)


def _drop_distortion(camera: pycolmap.Camera) -> None:
    if not is_known(camera):
        camera.params = [*camera.params[:3], 0.0]


def _set_focal(database: Path, focal_ratio: float) -> None:
    with pycolmap.Database.open(database) as opened:
        for camera in opened.read_all_cameras():
            if not camera.has_prior_focal_length:
                camera.focal_length = focal_ratio * max(camera.width, camera.height)
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


def _job(attempt: Attempt, task: MappingTask) -> Job:
    request = {
        "attempt": {**asdict(attempt), "mapper": attempt.mapper.value},
        "database": str(task.database),
        "folder": str(task.folder),
        "n_photos": task.n_photos,
        "poses": {str(image_id): pose.tolist() for image_id, pose in task.cam_from_world.items()},
    }
    return Job(task="attempt", name=attempt.name, folder=task.folder, request=request)


def _standing(folder: Path) -> str:
    """How many photos the running incremental attempts have placed."""
    counts = [path.read_text() for path in sorted(folder.glob("*.count"))]
    return f"{max(map(int, filter(None, counts)), default=0)} photos placed" if counts else ""


def _score_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _store(folder: Path, score: AttemptScore) -> None:
    path = _score_path(folder, score.name)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(score)))
    os.replace(unfinished, path)


def _load(path: Path) -> AttemptScore:
    return AttemptScore(**json.loads(path.read_text()))


def _store_model(folder: Path, name: str, model: pycolmap.Reconstruction) -> None:
    """Replaces an older model of that name; the score is written after it and says that it is whole."""
    path = model_path(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    model.write_binary(path)
