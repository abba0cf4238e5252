"""Several ways to a model, each in a worker process, and the choice between them by what the photos themselves support."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import log
from pathlib import Path
from statistics import median_low

from amb3r_core.errors import ResourceError
from amb3r_core.models.colmap.sfm.mapping import Float64
from amb3r_core.models.colmap.sfm.requests import Attempt, FinishModel, Mapper, RunAttempt
from amb3r_core.models.colmap.sfm.solve import CHOSEN, load_score, score_path, store_score
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.models.colmap.sfm.workers import Finished, R, WorkerJob, run_jobs
from amb3r_core.progress import Monitor, Progress

STAGE = "mapping"
AGREEMENT = 0.01
"""Two attempts from different starts whose supports differ by less than this share found the same model."""

PAIR_AMBIGUITY = 0.03
"""Models of two photos whose supports differ by less than this share are equally likely."""

USUAL_FOCAL_RATIO = 0.8
"""Focal length over the longer side, amid phones (0.7), compact cameras (0.8) and depth sensors (0.8)."""

FEW_PHOTOS = 6
FOCAL_HYPOTHESES = (0.6, 0.85)
"""Starts beside COLMAP's 1.2, as ratios to the longer side: a phone's wide and main camera."""

HELD_HYPOTHESES = (0.7, 0.85, 1.2)
"""Focal lengths at which the global mapper is held. It places all photos at once, and where two groups of them hang together by
next to nothing, a free lens bends to bring them into one."""

SAME_FOCAL = 1.03
"""Ratio up to which two models found one focal length."""

SURE_FOCAL_SHARE = 0.03
"""A model's focal length is known when its error is a smaller share of it than this (one standard deviation)."""

LEAST_LINK = 10
"""Points seen by three photos or more that hold a photo, or a group of them, to the rest; by fewer it hangs like on a hinge."""

SOUND_ERROR_DEG = 1.0
"""Errors of relative poses that the noise of features allows, up to which a model counts as sound."""

SOUND_LENS = 0.35
"""Likelihood of its lenses from which on a model counts as sound: a straight lens of 2.4 times the longer side has .4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTask:
    """What all attempts share."""

    database: Path
    folder: Path
    """Where their models and scores are stored."""
    n_photos: int
    n_placeable: int
    """Photos in the largest group that verified pairs connect; no model can hold more."""
    cam_from_world: Mapping[int, Float64] = field(default_factory=dict[int, Float64])
    """Known poses (3, 4) by image id."""


def plan(n_photos: int, *, focal_is_known: bool, seed: int = 0) -> list[list[Attempt]]:
    """Waves of attempts: a wave is only run when those before it left a doubt.

    Each wave starts from different focal lengths or a different mapper, so that agreement within it means something.
    """
    prior_global = Attempt(name="global", mapper=Mapper.GLOBAL)
    held_globals = [
        Attempt(name=f"global-focal-{ratio}", mapper=Mapper.GLOBAL, focal_ratio=ratio, holds_lens=True)
        for ratio in HELD_HYPOTHESES
    ]
    incremental = Attempt(name="incremental", mapper=Mapper.INCREMENTAL)
    patient = Attempt(name="incremental-relaxed", mapper=Mapper.INCREMENTAL, is_relaxed=True)
    calibrated_global = Attempt(name="global-calibrated", mapper=Mapper.GLOBAL, calibrate=True)
    calibrated = Attempt(name="incremental-calibrated", mapper=Mapper.INCREMENTAL, calibrate=True, is_relaxed=True)
    hypotheses = [
        Attempt(name=f"incremental-focal-{ratio}", mapper=Mapper.INCREMENTAL, focal_ratio=ratio, holds_lens=True, is_relaxed=True)
        for ratio in FOCAL_HYPOTHESES
    ]
    if n_photos == 2:
        starts = [None] if focal_is_known else [None, *FOCAL_HYPOTHESES]
        pairs = [Attempt(name=f"pair-{start or 'prior'}", mapper=Mapper.PAIR, focal_ratio=start) for start in starts]
        waves = [pairs if focal_is_known else [*pairs, Attempt(name="pair-calibrated", mapper=Mapper.PAIR, calibrate=True)]]
    elif focal_is_known:
        waves = [[prior_global, patient], [incremental]]
    elif n_photos <= FEW_PHOTOS:
        waves = [[prior_global, patient, calibrated_global, *hypotheses], [*held_globals, incremental, calibrated]]
    else:
        waves = [[prior_global, calibrated_global], hypotheses, held_globals, [incremental, calibrated]]
    return [[replace(attempt, seed=seed) for attempt in wave] for wave in waves]


def agreed(scores: Sequence[AttemptScore], seed: int = 0) -> list[Attempt]:
    """Attempts with the lens held at the focal length on which two models or more agree, whatever of the photos they hold.

    Parts of a scene that hang together firmly tell the lens; all of it at once may not. None where no two agree.
    """
    sure = [
        score
        for score in scores
        if score.found_lens
        and score.n_registered > 2
        and 0.0 < score.focal_share < SURE_FOCAL_SHARE
        and score.lens_likelihood >= SOUND_LENS
    ]
    groups = [[other for other in sure if abs(log(other.focal_ratio / score.focal_ratio)) <= log(SAME_FOCAL)] for score in sure]
    largest = max(groups, key=lambda group: (len(group), sum(score.support for score in group)), default=list[AttemptScore]())
    if len(largest) < 2:
        return []
    ratio = median_low(score.focal_ratio for score in largest)
    return [
        Attempt(name="global-agreed", mapper=Mapper.GLOBAL, focal_ratio=ratio, holds_lens=True, seed=seed),
        Attempt(
            name="incremental-agreed", mapper=Mapper.INCREMENTAL, focal_ratio=ratio, holds_lens=True, is_relaxed=True, seed=seed
        ),
    ]


def run_attempts(
    waves: Sequence[Sequence[Attempt]],
    task: MappingTask,
    n_processes: int,
    monitor: Monitor,
    *,
    last: Callable[[Sequence[AttemptScore]], Sequence[Attempt]] = lambda _: (),
) -> list[AttemptScore]:
    """Scores of all attempts that were needed, in the order of the plan; finished ones are read back from the folder.

    last: gives one more wave from the scores of all that are planned, for a doubt that these leave.
    """
    scores: list[AttemptScore] = []
    total = sum(map(len, waves))
    for wave in chain(waves, _lazily(last, scores)):
        missing = [attempt for attempt in wave if not score_path(task.folder, attempt.name).exists()]
        done = len(scores) + len(wave) - len(missing)
        jobs = [_job(attempt, task) for attempt in missing]
        for finished in _run(jobs, task.folder, n_processes, monitor, done, total):
            if finished.problem:
                store_score(task.folder, AttemptScore(name=finished.job.name, problem=finished.problem))
        scores += [load_score(score_path(task.folder, attempt.name)) for attempt in wave]
        if is_settled(scores, task.n_placeable):
            break
    return scores


def finish(winner: AttemptScore, scores: Sequence[AttemptScore], task: MappingTask, seed: int, monitor: Monitor) -> AttemptScore:
    """The winner's score after the last adjustment (`solve.finish_model`); its model is `folder/CHOSEN`."""
    if not score_path(task.folder, CHOSEN).exists():
        request = FinishModel(
            winner=winner.name,
            database=task.database,
            folder=task.folder,
            n_photos=task.n_photos,
            seed=seed,
            keep_poses=bool(task.cam_from_world),
            rivals={score.name: score.support for score in scores if score.n_registered >= 2 and score.name != winner.name},
        )
        job = WorkerJob(name=CHOSEN, folder=task.folder, request=request)
        for finished in _run([job], task.folder, 1, monitor, 0, 1):
            if finished.problem:
                raise ResourceError(f"finishing the model failed ({finished.problem}); see {task.folder / CHOSEN}.log")
    return load_score(score_path(task.folder, CHOSEN))


def choose(scores: Sequence[AttemptScore], n_photos: int) -> AttemptScore | None:
    """The attempt with the most support; None where none gave a model.

    Supports that differ by less than `AGREEMENT` say nothing: then the one with more photos wins, and then the first in the
    plan. Two photos hardly determine a focal length: among those that explain almost as much, the most usual one is taken.
    """
    models = [score for score in scores if score.n_registered >= 2]
    best = max(models, key=lambda score: score.support, default=None)
    if best is None:
        return None
    if n_photos == 2 and best.focal_ratio > 0.0:
        rivals = _rivals(models, best, PAIR_AMBIGUITY)
        return min(rivals, key=lambda score: abs(log(score.focal_ratio / USUAL_FOCAL_RATIO)))
    return max(_rivals(models, best, AGREEMENT), key=lambda score: score.n_registered)


def is_settled(scores: Sequence[AttemptScore], n_placeable: int) -> bool:
    """Whether another could hardly win: two placed every placeable photo and explain equally much, and the best is sound."""
    complete = sorted((score for score in scores if score.n_registered >= n_placeable), key=lambda score: -score.support)
    best = max((score.support for score in scores), default=0.0)
    agree = len(complete) >= 2 and complete[0].support == best and complete[1].support >= (1.0 - AGREEMENT) * best
    return agree and is_sound(complete[0], n_placeable)


def is_sound(score: AttemptScore, n_photos: int) -> bool:
    """Whether nothing in the model itself speaks against it: no hinge, no bent lens, no loose pose."""
    held_together = score.weakest_link >= LEAST_LINK or n_photos == 2
    return held_together and score.expected_error_deg <= SOUND_ERROR_DEG and score.lens_likelihood >= SOUND_LENS


def _lazily(
    last: Callable[[Sequence[AttemptScore]], Sequence[Attempt]], scores: Sequence[AttemptScore]
) -> Iterator[Sequence[Attempt]]:
    yield last(scores)


def _rivals(models: Sequence[AttemptScore], best: AttemptScore, share: float) -> list[AttemptScore]:
    """The models whose support is less than this share below the best, in the order of the plan."""
    return [score for score in models if score.support >= (1.0 - share) * best.support]


def _run(
    jobs: Sequence[WorkerJob[R]], folder: Path, n_processes: int, monitor: Monitor, done: int, total: int
) -> Iterable[Finished[R]]:
    """The jobs as they end, with progress from `done` of `total` on."""
    ended: list[Finished[R]] = []

    def poll() -> None:
        monitor(Progress(stage=STAGE, done=done + len(ended), total=total, message=_standing(folder)))

    for finished in run_jobs(jobs, n_processes, poll):
        ended.append(finished)
        yield finished


def _job(attempt: Attempt, task: MappingTask) -> WorkerJob[RunAttempt]:
    request = RunAttempt(
        attempt=attempt,
        database=task.database,
        folder=task.folder,
        n_photos=task.n_photos,
        cam_from_world=task.cam_from_world,
    )
    return WorkerJob(name=attempt.name, folder=task.folder, request=request)


def _standing(folder: Path) -> str:
    """How many photos the running incremental attempts have placed."""
    counts = [path.read_text() for path in sorted(folder.glob("*.count"))]
    return f"{max(map(int, filter(None, counts)), default=0)} photos placed" if counts else ""
