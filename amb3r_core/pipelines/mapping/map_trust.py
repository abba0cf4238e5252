"""How far the poses of a map may be trusted, from what its windows say of theirs.

A window judges its poses among one another. In the map a view hangs on that window, and the window on the views it shares with
the map, so the view is as sure as the weakest link of this chain. A further window that was aligned with the map agrees with it:
it is a second chain, and the surest one counts; a chain with a link that was not judged (NaN) counts for nothing. The path as a
whole is right only where every window is that placed or moved a view: the least of them counts, and one that was not judged
leaves the path not judged. How well a window fits the map is the alignment's matter, not judged here.
"""

from collections.abc import Sequence

import numpy as np

from amb3r_core.pipelines.mapping.windows import Window
from amb3r_core.scene.arrays import Float64


def trust_in_map(window: Window, rows: Sequence[int], shared: Sequence[int], known: Float64) -> Float64:
    """How sure the poses of these rows (M,) are when the window is brought onto the map.

    shared: the rows of the views that the map knows; none for the window that begins it. known: how sure the map is of these.
    """
    own = np.array(window.pose_trust or (np.nan,) * len(window.views))
    if not shared:
        return own[list(rows)]
    links = np.minimum(known, own[list(shared)])
    return np.minimum(own[list(rows)], np.fmax.reduce(links))


def surer(a: float, b: float) -> float:
    """The greater of two trusts; the other one where one was not judged."""
    return float(np.fmax(a, b))


def lesser(a: float | None, b: float | None) -> float:
    """The lesser of two trusts, NaN where one was not judged."""
    return float(np.minimum(np.nan if a is None else a, np.nan if b is None else b))


def judged(trust: float) -> float | None:
    """A trust as a scene tells it: None where it was not judged."""
    return None if np.isnan(trust) else float(trust)
