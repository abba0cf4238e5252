"""Photos in, a sparse model out: features, matches, several attempts at a model, and the best of them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pycolmap

from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.colmap.sfm import attempts
from amb3r_core.models.colmap.sfm.features import FeatureConfig, Features
from amb3r_core.models.colmap.sfm.find_matches import MatchTask, add_learned, match_learned_alone, match_sift
from amb3r_core.models.colmap.sfm.learned.weights import LEARNED_KINDS, learned_available
from amb3r_core.models.colmap.sfm.lenses import lens_note, prior_notes, squash_notes, without_priors
from amb3r_core.models.colmap.sfm.mapping import Float64
from amb3r_core.models.colmap.sfm.matching import MatchConfig, PairMemory, VerifiedPair
from amb3r_core.models.colmap.sfm.pairing import groups_of
from amb3r_core.models.colmap.sfm.requests import Attempt, Mapper
from amb3r_core.models.colmap.sfm.result import MIN_FEATURES, judged, to_sparse
from amb3r_core.models.colmap.sfm.solve import CHOSEN, load_judgement, model_path
from amb3r_core.models.colmap.sfm.sparse import SparseModel
from amb3r_core.models.colmap.sfm.trials import (
    LEARNED,
    UNTOLD,
    Effort,
    Matched,
    Trial,
    better,
    continued,
    doubts_priors,
    focal_lengths_of,
    is_weak,
    may_have_own_lenses,
    start_trial,
    with_more_lenses,
)
from amb3r_core.options import FeatureChoice
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.conventions import invert

FEATURES = "features"
LEARNED_HINT = 'learned features may hold the photos together better: pip install "amb3r[features]"'


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseConfig:
    """Options of structure from motion."""

    is_ordered: bool = False
    """The photos are frames of one video, in order."""
    seed: int = 0
    """Of every random draw."""
    n_processes: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))
    """Worker processes at a time; the result does not depend on it."""
    max_side_px: int = 1600
    """Photos are shrunk to this longer side before features are found."""
    max_features: int | None = None
    """Features per photo; None: as many as `default_max_features` says."""
    match: MatchConfig = field(default_factory=MatchConfig)
    features: FeatureChoice = "auto"
    """Which features are found; auto: those of SIFT, and learned ones beside them where these hold the photos together badly."""
    device: str = "cpu"
    """Where networks find and match features."""

    def feature_config(self, n_photos: int) -> FeatureConfig:
        """Fewer features for more photos, so that matching time grows with the pairs and not faster."""
        features = self.max_features if self.max_features is not None else default_max_features(n_photos)
        return FeatureConfig(max_side_px=self.max_side_px, max_features=features)


def default_max_features(n_photos: int) -> int:
    """8192 for up to 20 photos, 4096 from 40 on."""
    return 8192 if n_photos <= 20 else 6144 if n_photos < 40 else 4096


@dataclass(frozen=True, slots=True)
class SharedWork:
    """What all sets of one job's photos share."""

    features: Path
    """The folder of their features."""
    matches: PairMemory = field(default_factory=PairMemory)
    """Those of the pairs seen last."""


def reconstruct_sparse(
    frames: Sequence[Frame],
    *,
    config: SparseConfig | None = None,
    scratch: Path,
    shared: SharedWork | None = None,
    monitor: Monitor = silent,
) -> SparseModel:
    """Cameras, poses and sparse points of the photos; the same photos and options give the same result.

    `scratch` must belong to these photos and options: matches and attempts found there are used again. `shared` belongs to the
    job, whose other sets of photos may use it too; None: features are kept in `scratch`.
    Known cameras come back unchanged. Poses known for at least two photos that see the same things stay exactly as they are
    and the rest is placed around them; a single known pose only says where the world is.
    Raises `InputError` for fewer than two photos, `RegistrationError` when no two photos can be placed together, and whatever
    the monitor raises.
    """
    config, shared = config or SparseConfig(), shared or SharedWork(scratch / FEATURES)
    if len(frames) < 2:
        raise InputError(f"{len(frames)} photo given: this model needs at least two that see the same things")
    effort = Effort(seed=config.seed, n_processes=config.n_processes, monitor=monitor)
    search = _Search(config=config, scratch=scratch, shared=shared, effort=effort)
    trial = search.with_sift_or_asked(frames)
    if config.features == "auto" and is_weak(trial):
        trial = search.with_learned(trial)
    if may_have_own_lenses(trial, is_ordered=config.is_ordered):
        trial = with_more_lenses(trial, effort)
    return _result(frames, trial, effort)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The trials of one set of photos."""

    config: SparseConfig
    scratch: Path
    shared: SharedWork
    effort: Effort

    def with_sift_or_asked(self, frames: Sequence[Frame]) -> Trial:
        """The better of the trials with and without the focal lengths of EXIF, where these are in doubt."""
        told = self._spent(self._start(frames, self._matched(frames, ""), ""))
        if not doubts_priors(told):
            return told
        bare = without_priors(frames)
        return better([told, self._spent(self._start(bare, self._matched(bare, UNTOLD), UNTOLD))])

    def with_learned(self, trial: Trial) -> Trial:
        """A trial with learned features beside this one's, whose model is one of its attempts; this one where it gives none."""
        kind = next(filter(learned_available, LEARNED_KINDS), None)
        if kind is None:
            return replace(trial, notes=(*trial.notes, LEARNED_HINT))
        matched = add_learned(self._match_task(trial.frames, trial.prefix), trial.matched, kind)
        more = self._start(trial.frames, matched, f"{LEARNED}{trial.prefix}")
        first = [continued("continued", trial.winner.name, self.config.seed)] if trial.winner is not None else []
        more = self._spent(more, first)
        n_more = len(matched.pairs) - len(trial.matched.pairs)
        note = f"SIFT features hold the photos together by too little: {kind} features were added, and verify {n_more} pairs more"
        return replace(more if more.winner is not None else trial, notes=(*trial.notes, note))

    def _spent(self, trial: Trial, first: Sequence[Attempt] = ()) -> Trial:
        waves = _waves(trial.task, trial.matched.cameras, trial.matched.pairs, self.config.seed)
        if waves and not trial.task.cam_from_world:
            waves[0] = [*waves[0], *first]
        return self.effort.spent(trial, waves)

    def _start(self, frames: Sequence[Frame], matched: Matched, prefix: str) -> Trial:
        """A trial with its database written."""
        folder = self.scratch / "attempts"
        folder.mkdir(parents=True, exist_ok=True)
        task = attempts.MappingTask(
            database=self.scratch / f"{prefix}database.db",
            folder=folder,
            n_photos=len(frames),
            n_placeable=largest_group(len(frames), matched.pairs),
            cam_from_world=_known_poses(frames, matched.pairs),
        )
        return start_trial(frames, matched, task, prefix)

    def _matched(self, frames: Sequence[Frame], name: str) -> Matched:
        """What SIFT finds in the photos, or the features that were asked for."""
        task, wanted = self._match_task(frames, name), self.config.features
        return match_sift(task) if wanted in ("auto", "sift") else match_learned_alone(task, wanted)

    def _match_task(self, frames: Sequence[Frame], name: str) -> MatchTask:
        return MatchTask(
            frames=frames,
            is_ordered=self.config.is_ordered,
            config=self.config.match,
            sift=self.config.feature_config(len(frames)),
            n_processes=self.config.n_processes,
            device=self.config.device,
            scratch=self.scratch,
            features=self.shared.features,
            memory=self.shared.matches,
            monitor=self.effort.monitor,
            name=name,
        )


def _result(frames: Sequence[Frame], trial: Trial, effort: Effort) -> SparseModel:
    """The best attempt of the trial, finished, with what its owner should know."""
    winner, matched = trial.winner, trial.matched
    if winner is None:
        raise RegistrationError("; ".join([_nothing_placed(matched.features, matched.pairs), *trial.notes]))
    final = attempts.finish(winner, effort.scores, trial.task, effort.seed, effort.monitor)
    model = pycolmap.Reconstruction(model_path(trial.task.folder, CHOSEN))
    final = replace(final, name=winner.name)
    judgement = load_judgement(trial.task.folder)
    sparse = to_sparse(model, frames, matched.features, matched.pairs, matched.cameras, final, effort.scores)
    focals = focal_lengths_of(model, frames)
    notes = prior_notes(frames, focals) + ((lens_note(focals, trial.lens_of),) if trial.lens_of else ())
    notes = trial.notes + notes + squash_notes(frames)
    return judged(replace(sparse, notes=notes, features=matched.features[0].kind), judgement)


def largest_group(n_photos: int, pairs: Sequence[VerifiedPair]) -> int:
    """How many photos the largest group holds that verified pairs connect."""
    return len(groups_of(n_photos, ((pair.first, pair.second) for pair in pairs))[0])


def _known_poses(frames: Sequence[Frame], pairs: Sequence[VerifiedPair]) -> dict[int, Float64]:
    """World-to-camera poses (3, 4) by image id; none unless two photos of a verified pair have one."""
    poses = {index + 1: invert(frame.cam_to_world)[:3] for index, frame in enumerate(frames) if frame.cam_to_world is not None}
    return poses if any(pair.first + 1 in poses and pair.second + 1 in poses for pair in pairs) else {}


def _waves(
    task: attempts.MappingTask, cameras: Sequence[pycolmap.Camera], pairs: Sequence[VerifiedPair], seed: int
) -> list[list[Attempt]]:
    """What to try: with usable known poses one attempt, which keeps them; without pairs nothing."""
    if not pairs:
        return []
    if task.cam_from_world:
        return [[Attempt(name="known-poses", mapper=Mapper.POSED, seed=seed)]]
    return attempts.plan(task.n_photos, focal_is_known=all(camera.has_prior_focal_length for camera in cameras), seed=seed)


def _nothing_placed(features: Sequence[Features], pairs: Sequence[VerifiedPair]) -> str:
    empty = sum(found.count < MIN_FEATURES for found in features)
    return (
        f"none of {len(features)} photos could be placed: {len(pairs)} pairs of photos see the same things"
        + (f", and {empty} photos have next to no texture" if empty else "")
        + "; take photos that overlap by half or more, from different places"
    )
