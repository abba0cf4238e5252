"""What speaks for and against a sparse model: contradicted pairs, weak links between photos, an unlikely lens, loose poses."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from amb3r_core.models.colmap.sfm.database import opened_database
from amb3r_core.models.colmap.sfm.mapping import MULTI_VIEW, Float64

EXPLAINED_PX = 4.0
"""A match lies this near its epipolar line, at the working size, where the poses explain it: as near as verification asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEvidence:
    """How many matches of a verified pair of placed photos the poses explain."""

    n_matches: int
    n_explained: int


def links(model: pycolmap.Reconstruction) -> dict[tuple[int, int], int]:
    """How many points each pair of placed photos shares that a third photo sees as well: these alone fix sizes to one another.

    Of two photos, which have no third, how many points they share.
    """
    ids = sorted(model.reg_image_ids())
    least = MULTI_VIEW if len(ids) > 2 else 2
    shared = dict.fromkeys(combinations(ids, 2), 0)
    for point in model.points3D.values():
        seen_by = sorted({element.image_id for element in point.track.elements})
        if len(seen_by) >= least:
            for pair in combinations(seen_by, 2):
                shared[pair] += 1
    return shared


def strongest_links(shared: Mapping[tuple[int, int], int]) -> list[tuple[int, int, int]]:
    """The links (count, first, second) of a tree over all photos whose weakest are as strong as can be, strongest first."""
    group = {image_id: image_id for pair in shared for image_id in pair}

    def root(image_id: int) -> int:
        while group[image_id] != image_id:
            group[image_id] = group[group[image_id]]
            image_id = group[image_id]
        return image_id

    tree: list[tuple[int, int, int]] = []
    for (first, second), count in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if root(first) != root(second):
            group[root(second)] = root(first)
            tree.append((count, first, second))
    return tree


def explained_pairs(model: pycolmap.Reconstruction, database: Path) -> dict[tuple[int, int], PairEvidence]:
    """The verified pairs of placed photos, by image ids, with how many of their matches the model's poses explain."""
    placed = set(model.reg_image_ids())
    found: dict[tuple[int, int], PairEvidence] = {}
    with opened_database(database) as opened:
        pair_ids, geometries = opened.read_two_view_geometries()
        for pair_id, geometry in zip(pair_ids, geometries, strict=True):
            first, second = pycolmap.pair_id_to_image_pair(pair_id)
            matches = np.asarray(geometry.inlier_matches, np.int64)
            if len(matches) and first in placed and second in placed:
                error = _epipolar_error(model, first, second, matches)
                found[first, second] = PairEvidence(n_matches=len(matches), n_explained=int((error < EXPLAINED_PX).sum()))
    return found


def _epipolar_error(model: pycolmap.Reconstruction, first: int, second: int, matches: NDArray[np.int64]) -> Float64:
    """Distance (K,) in pixels to the epipolar line in the second photo, or in the first where it is larger."""
    images = [model.image(first), model.image(second)]
    cameras = [model.camera(image.camera_id) for image in images]
    pixels = [np.array([image.points2D[int(k)].xy for k in matches[:, side]]) for side, image in enumerate(images)]
    rays = [
        np.column_stack([np.asarray(camera.cam_from_img(points)), np.ones(len(points))])
        for camera, points in zip(cameras, pixels, strict=True)
    ]
    relative = images[1].cam_from_world() * images[0].cam_from_world().inverse()
    x, y, z = relative.translation
    essential = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ relative.rotation.matrix()
    in_second, in_first = rays[0] @ essential.T, rays[1] @ essential
    residual = np.abs((in_second * rays[1]).sum(axis=1))
    errors = [
        residual / np.maximum(np.linalg.norm(line[:, :2], axis=1), 1e-12) * camera.mean_focal_length()
        for line, camera in ((in_second, cameras[1]), (in_first, cameras[0]))
    ]
    error = np.maximum(*errors)
    return np.where(np.isfinite(error), error, np.inf)
