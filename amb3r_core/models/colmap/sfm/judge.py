"""How far a finished sparse model may be trusted: signs for and against it, and the probability that they amount to."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from pathlib import Path

import numpy as np
import pycolmap

from amb3r_core.models.colmap.sfm.evidence import PairEvidence, explained_pairs, links, strongest_links
from amb3r_core.models.colmap.sfm.lens_prior import MODEL_ERROR, lens_likelihood
from amb3r_core.models.colmap.sfm.mapping import Float64
from amb3r_core.models.colmap.sfm.uncertainty import Uncertainty, even_pairs, uncertainty

LARGEST_ERROR_DEG = 30.0
"""Errors of relative poses count by how far they are below this, as in the field's area under the curve."""

CONTRADICTED_SHARE = 0.5
"""A verified pair of which the poses explain less than this share of the matches contradicts them."""

LEAST_RIVAL_SUPPORT = 0.8
"""A model of less support than this share of the chosen one's is no rival."""

ENOUGH_LINK = 50
"""Points that hold a photo to the rest, from which on more say nothing more."""

FEW_POINTS_LINK = 10
"""By fewer points in three views a photo or a group of photos hangs on the rest like on a hinge."""

N_QUANTILES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What speaks for and against a model, or one photo's place in it."""

    expected: float
    """Area under the curve of pair errors, from 0 to 1, that measurements of this precision allow."""
    contradicted: float
    """Share of the verified matches in pairs that the poses contradict."""
    disputed: float
    """How much other models that explain about as much place the photos elsewhere, from 0 to 1."""
    link: int
    """Points that hold the most loosely held photo."""
    lens: float
    """How likely the lenses are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another model of the same photos."""

    cam_from_world: Mapping[int, Float64]
    """Poses (3, 4) by image id."""
    support: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How far a model may be trusted."""

    signs: Signs
    """Of the model as a whole."""
    scene_trust: float
    """The probability that the area under the curve of pair errors up to 30 degrees is more than 0.9 for the placed photos."""
    photo_trust: dict[int, float] = field(default_factory=dict[int, float])
    """The same of each placed photo's pairs, by image id."""
    loose: dict[int, int] = field(default_factory=dict[int, int])
    """The photos that hang on the largest group by next to nothing: a number for each such group, by image id."""
    loosest_link: int = 0
    """The points that the most loosely held of these groups hangs by."""


BIAS = -1.8
WEIGHTS = (1.1, 17.2, 4.9, 0.43, 1.1)
"""Of the signs in the order of `probability`, fitted to models of parts of real videos and of renders (logistic regression, no
weight below 0)."""


def judge(
    model: pycolmap.Reconstruction, database: Path, told: Iterable[int], rivals: Sequence[Rival], support: float
) -> Judgement:
    """The judgement on a model of this support. told: ids of the cameras whose focal length EXIF tells."""
    ids = sorted(model.reg_image_ids())
    errors, pairs, shared = uncertainty(model), explained_pairs(model, database), links(model)
    told = set(told)
    lens = {
        image_id: lens_likelihood(model.camera(camera_id), is_told=camera_id in told)
        for image_id, camera_id in ((image_id, model.image(image_id).camera_id) for image_id in ids)
    }
    disputes = _disputes(model, rivals, support)
    tree = strongest_links(shared)
    # A photo's strongest link of all is in the tree.
    held_by = {image_id: max((count for count, *pair in tree if image_id in pair), default=0) for image_id in ids}
    scene = Signs(
        expected=_expected(errors, None),
        contradicted=_contradicted(pairs, None),
        disputed=max((float(np.mean(list(of.values()))) for of in disputes), default=0.0),
        link=min((count for count, *_ in tree), default=0),
        lens=float(np.mean(list(lens.values()))),
    )
    photo_trust = {
        image_id: probability(
            Signs(
                expected=_expected(errors, image_id),
                contradicted=_contradicted(pairs, image_id),
                disputed=max((of[image_id] for of in disputes if image_id in of), default=0.0),
                link=held_by[image_id],
                lens=lens[image_id],
            ),
            len(ids),
        )
        for image_id in ids
    }
    loose = loose_groups(ids, shared)
    return Judgement(
        signs=scene,
        scene_trust=probability(scene, len(ids)),
        photo_trust=photo_trust,
        loose=loose,
        loosest_link=scene.link if loose else 0,
    )


def probability(signs: Signs, n_photos: int) -> float:
    """That more than 0.9 of the area under the curve is reached, as fitted to renders and real rooms (logistic)."""
    link = ENOUGH_LINK if n_photos == 2 else min(signs.link, ENOUGH_LINK)
    values = (
        -log(1.0 - signs.expected + 0.01),
        -signs.contradicted,
        -signs.disputed,
        log(1.0 + link),
        log(max(signs.lens, 1e-3)),
    )
    return 1.0 / (1.0 + exp(-(BIAS + sum(weight * value for weight, value in zip(WEIGHTS, values, strict=True)))))


def loose_groups(ids: Sequence[int], shared: Mapping[tuple[int, int], int]) -> dict[int, int]:
    """The number of its group for each photo that is outside the largest when links of few points are cut."""
    if len(ids) <= 2:
        return {}
    group = {image_id: image_id for image_id in ids}
    for (first, second), count in sorted(shared.items()):
        if count >= FEW_POINTS_LINK and group[first] != group[second]:
            kept, joined = sorted((group[first], group[second]))
            group = {image_id: kept if of == joined else of for image_id, of in group.items()}
    sizes = Counter(group.values())
    largest = max(sorted(sizes), key=lambda name: sizes[name])
    return {image_id: name for image_id, name in group.items() if name != largest}


def _expected(errors: Uncertainty, image_id: int | None) -> float:
    """Of all pairs, or one photo's; where it is in none that was looked at, it counts as the others."""
    chosen = [k for k, pair in enumerate(errors.pairs) if image_id in pair] or list(range(len(errors.pairs)))
    if not chosen:
        return 1.0
    spread = MODEL_ERROR * errors.worst_deg[chosen]
    sizes = np.linspace(0.0, 4.0, N_QUANTILES)
    density = sizes * np.exp(-(sizes**2) / 2.0)
    gain = np.maximum(0.0, 1.0 - spread[:, None] * sizes / LARGEST_ERROR_DEG)
    return float((gain * density).sum(axis=1).mean() / density.sum())


def _contradicted(pairs: Mapping[tuple[int, int], PairEvidence], image_id: int | None) -> float:
    of = [pair for ids, pair in pairs.items() if image_id is None or image_id in ids]
    against = sum(pair.n_matches for pair in of if pair.n_explained < CONTRADICTED_SHARE * pair.n_matches)
    return against / max(1, sum(pair.n_matches for pair in of))


def _disputes(model: pycolmap.Reconstruction, rivals: Sequence[Rival], support: float) -> list[dict[int, float]]:
    """For each rival how far it places each photo elsewhere, weighted by how little less it explains."""
    own = {image_id: model.image(image_id).cam_from_world().matrix() for image_id in model.reg_image_ids()}
    found: list[dict[int, float]] = []
    for rival in rivals:
        weight = (rival.support / max(support, 1e-9) - LEAST_RIVAL_SUPPORT) / (1.0 - LEAST_RIVAL_SUPPORT)
        common = sorted(own.keys() & rival.cam_from_world.keys())
        if weight <= 0.0 or len(common) < 2:
            continue
        apart: dict[int, list[float]] = {image_id: [] for image_id in common}
        for pair in ((common[first], common[second]) for first, second in even_pairs(len(common))):
            error = _difference_deg(*(own[image_id] for image_id in pair), *(rival.cam_from_world[image_id] for image_id in pair))
            for image_id in pair:
                apart[image_id].append(min(1.0, error / LARGEST_ERROR_DEG))
        found.append({image_id: min(1.0, weight) * float(np.mean(of)) for image_id, of in apart.items()})
    return found


def _relative(first: Float64, second: Float64) -> tuple[Float64, Float64]:
    """Rotation and translation from one photo's frame to another's."""
    rotation = second[:, :3] @ first[:, :3].T
    return rotation, second[:, 3] - rotation @ first[:, 3]


def _difference_deg(first: Float64, second: Float64, other_first: Float64, other_second: Float64) -> float:
    """How far two models disagree on the pose of one photo relative to another: the larger of rotation and direction."""
    (rotation, move), (other_rotation, other_move) = _relative(first, second), _relative(other_first, other_second)
    cosine = (np.trace(rotation.T @ other_rotation) - 1.0) / 2.0
    lengths = np.linalg.norm(move) * np.linalg.norm(other_move)
    direction = abs(float(move @ other_move)) / lengths if lengths > 1e-12 else 1.0
    return float(np.degrees(max(np.arccos(np.clip(cosine, -1.0, 1.0)), np.arccos(min(1.0, direction)))))
