"""Several readings of the photos' cameras, each tried where those before it leave a doubt: as EXIF has them, without its
focal lengths, and with more than one lens."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pycolmap

from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm import attempts
from amb3r_core.models.colmap.sfm.attempts import MappingTask
from amb3r_core.models.colmap.sfm.cameras import colmap_cameras, original_camera
from amb3r_core.models.colmap.sfm.database import photo_of, write_database
from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.lenses import are_different, disagrees, group_focals, has_prior, with_lenses, with_own_lenses
from amb3r_core.models.colmap.sfm.matching import VerifiedPair
from amb3r_core.models.colmap.sfm.requests import Attempt, Mapper
from amb3r_core.models.colmap.sfm.solve import model_path
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.progress import Monitor

OWN_LENS_GAIN = 1.02
"""Support with a lens for each photo over that with shared ones, from which the former are believed. Photos that do share one
gain 1 % at most from the freedom."""

GAIN_PER_LENS = 10.0
"""How much support, in addition, each lens more than there were must bring: five times its two parameters."""

MIN_PHOTOS_FOR_OWN_LENSES = 4
"""Fewer do not determine a focal length for each."""

OWN_LENSES = "own-lenses"
GROUPED_LENSES = "grouped-lenses"
FROM_NOTHING = (Mapper.INCREMENTAL, Mapper.GLOBAL)
UNTOLD = "untold-"
"""Begins the names of attempts that leave out the focal lengths of EXIF."""

LEARNED = "learned-"
"""Begins the names of attempts with learned features beside those of SIFT."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What was found in the photos, before any of them is placed."""

    features: list[Features]
    cameras: list[pycolmap.Camera]
    pairs: list[VerifiedPair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One reading of the photos' cameras, and what the attempts made of it."""

    frames: Sequence[Frame]
    """With cameras as this reading has them."""
    matched: Matched
    task: MappingTask
    scores: tuple[AttemptScore, ...] = ()
    lens_of: dict[int, int] | None = None
    """The lens of each photo by frame, where they were told apart by the photos alone."""
    prefix: str = ""
    """Begins the names of its attempts."""
    notes: tuple[str, ...] = ()
    """What the owner of the photos should know of this reading."""

    @property
    def winner(self) -> AttemptScore | None:
        return attempts.choose(self.scores, len(self.frames))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How attempts are run, and what came of all of them."""

    seed: int
    n_processes: int
    monitor: Monitor
    scores: list[AttemptScore] = field(default_factory=list[AttemptScore])
    """In the order they were made."""

    def spent(self, trial: Trial, waves: Sequence[Sequence[Attempt]]) -> Trial:
        """The trial with the scores of these attempts, which are noted here too.

        Where they leave a doubt and some focal length is open, the one on which several agree is tried last.
        """
        is_open = any(not camera.has_prior_focal_length for camera in trial.matched.cameras)
        looks_for_lens = is_open and any(attempt.mapper in FROM_NOTHING for wave in waves for attempt in wave)

        def last(scores: Sequence[AttemptScore]) -> list[Attempt]:
            return _named(attempts.agreed(scores, self.seed) if looks_for_lens else [], trial.prefix)

        waves = [_named(wave, trial.prefix) for wave in waves]
        scores = attempts.run_attempts(waves, trial.task, self.n_processes, self.monitor, last=last)
        self.scores.extend(scores)
        return replace(trial, scores=tuple(scores))


def _named(wave: Sequence[Attempt], prefix: str) -> list[Attempt]:
    return [replace(attempt, name=f"{prefix}{attempt.name}") for attempt in wave]


def is_weak(trial: Trial) -> bool:
    """Whether the photos hang together by too little: some are not placed, or the best model is not sound."""
    winner, n_photos = trial.winner, len(trial.frames)
    return winner is None or winner.n_registered < n_photos or not attempts.is_sound(winner, n_photos)


def doubts_priors(trial: Trial) -> bool:
    """Whether the focal lengths of EXIF may have done harm: photos are missing, attempts disagree, or the photos tell others.

    Two photos hardly tell a focal length: EXIF is only doubted there when it leads to no model at all. Known poses stay.
    """
    if trial.task.cam_from_world or not any(map(has_prior, trial.frames)):
        return False
    winner = trial.winner
    if winner is None or len(trial.frames) == 2:
        return winner is None
    if winner.n_registered < trial.task.n_placeable or not attempts.is_settled(trial.scores, trial.task.n_placeable):
        return True
    return any(disagrees(trial.frames[index], focal) for index, focal in focal_lengths_px(trial, winner.name).items())


def better(trials: Sequence[Trial]) -> Trial:
    """The trial with the best attempt; the first where they explain equally much, or nothing."""
    best = attempts.choose([score for trial in trials for score in trial.scores], len(trials[0].frames))
    return next((trial for trial in trials if best is not None and best in trial.scores), trials[0])


def may_have_own_lenses(trial: Trial, *, is_ordered: bool) -> bool:
    """Whether it is worth a look if one lens explains the photos: a video has one, and few photos cannot tell."""
    groups = [camera.camera_id for camera in trial.matched.cameras if not camera.has_prior_focal_length]
    is_shared = len(set(groups)) < len(groups)
    enough = len(trial.frames) >= MIN_PHOTOS_FOR_OWN_LENSES
    return is_shared and enough and not is_ordered and not trial.task.cam_from_world and trial.winner is not None


def with_more_lenses(trial: Trial, effort: Effort) -> Trial:
    """The trial, or one with as many lenses as the photos show, where those explain clearly more.

    The model of the winner is taken apart into a lens for each photo, which costs one adjustment. Where that gains, photos of
    about one focal length share a lens again, unless this loses what was gained: a zoom has no two alike.
    """
    shared = trial.winner
    assert shared is not None, "only a model can be taken apart"
    own = _retried(trial, with_own_lenses(trial.frames), continued(OWN_LENSES, shared.name, effort.seed), effort)
    if not _explains_more(own, trial) or _n_registered(own) < shared.n_registered:
        return trial
    focals = {index: focal for index, focal in focal_lengths_px(own, OWN_LENSES).items() if not has_prior(own.frames[index])}
    if not are_different(focals):
        return trial
    lens_of = group_focals(focals)
    grouping = with_lenses(own.frames, lens_of)
    grouped = _retried(own, grouping, continued(GROUPED_LENSES, OWN_LENSES, effort.seed), effort)
    keeps = _support(grouped) >= (1.0 - attempts.AGREEMENT) * _support(own) and _n_registered(grouped) >= _n_registered(own)
    return replace(grouped, lens_of=lens_of) if keeps else replace(own, lens_of={index: index for index in focals})


def focal_lengths_px(trial: Trial, name: str) -> dict[int, float]:
    """The focal length of each photo that an attempt placed and whose camera was not given, in the photo's own pixels."""
    model = pycolmap.Reconstruction(model_path(trial.task.folder, name))
    return focal_lengths_of(model, trial.frames)


def focal_lengths_of(model: pycolmap.Reconstruction, frames: Sequence[Frame]) -> dict[int, float]:
    """The same of a model."""
    placed = {photo_of(image_id): model.image(image_id).camera_id for image_id in sorted(model.reg_image_ids())}
    cameras = {index: original_camera(frames[index], model.camera(camera_id)) for index, camera_id in placed.items()}
    return {index: camera.pinhole.fx for index, camera in cameras.items() if frames[index].camera is None}


def start_trial(frames: Sequence[Frame], matched: Matched, task: MappingTask, prefix: str = "") -> Trial:
    """A trial with its database written and no attempt made."""
    write_database(task.database, [frame.name for frame in frames], matched.cameras, matched.features, matched.pairs)
    return Trial(frames=frames, matched=matched, task=task, prefix=prefix)


def _retried(trial: Trial, frames: Sequence[Frame], attempt: Attempt, effort: Effort) -> Trial:
    """One attempt on other cameras, from the same features and pairs."""
    features, pairs = trial.matched.features, trial.matched.pairs
    matched = Matched(features, colmap_cameras(frames, features), pairs)
    database = trial.task.database.with_name(f"{attempt.name}.db")
    return effort.spent(start_trial(frames, matched, replace(trial.task, database=database)), [[attempt]])


def continued(name: str, start: str, seed: int) -> Attempt:
    """An attempt that begins with the poses and lenses of another."""
    return Attempt(name=name, mapper=Mapper.CONTINUED, start=start, seed=seed)


def _explains_more(own: Trial, shared: Trial) -> bool:
    """Whether a trial explains so much more than one with fewer lenses that these are not just freedom."""
    n_more = _n_cameras(own) - _n_cameras(shared)
    return _support(own) >= max(OWN_LENS_GAIN * _support(shared), _support(shared) + GAIN_PER_LENS * n_more)


def _n_cameras(trial: Trial) -> int:
    return len({camera.camera_id for camera in trial.matched.cameras})


def _support(trial: Trial) -> float:
    return trial.winner.support if trial.winner is not None else 0.0


def _n_registered(trial: Trial) -> int:
    return trial.winner.n_registered if trial.winner is not None else 0
