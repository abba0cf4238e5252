"""Fewer frames where the camera hardly moved: what a training does not need twice."""

from dataclasses import replace

import numpy as np

from amb3r_core import Reconstruction


def key_frames(reconstruction: Reconstruction, distance: float, always: frozenset[str] = frozenset()) -> Reconstruction:
    """The views whose camera is at least `distance` (scene units) from the last one kept, in their order, and those of `always`.

    The first view is kept; a distance of 0 keeps all.
    """
    kept: list[int] = []
    last = None
    for index, view in enumerate(reconstruction.views):
        centre = view.cam_to_world[:3, 3]
        if view.name in always:
            kept.append(index)
        elif last is None or np.linalg.norm(centre - last) >= distance:
            kept.append(index)
            last = centre
    if len(kept) == reconstruction.n_views:
        return reconstruction
    dense = reconstruction.dense
    if dense is not None:
        dense = replace(dense, depth=dense.depth[kept], confidence=dense.confidence[kept], rgb=dense.rgb[kept])
    return replace(reconstruction, views=tuple(reconstruction.views[index] for index in kept), dense=dense)
