"""How far a scene's poses may be trusted, in words: the thresholds, the words and the line a user reads stand here alone.

A trust is the probability that a view's pose (`View.pose_trust`) or the camera path as a whole (`Reconstruction.pose_trust`) is
right; None where the model that made the scene does not judge its poses.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from amb3r_core.scene.reconstruction import Reconstruction, View

PoseWord = Literal["sure", "likely", "doubtful"]
LEAST_TRUST: Mapping[PoseWord, float] = MappingProxyType({"sure": 0.9, "likely": 0.6, "doubtful": 0.0})
"""The least trust of each word, the best word first."""
CLEARLY_BELOW = 0.2
"""How far below the scene's trust a view stands out."""
MOST_NAMED = 5
"""How many views that stand out a line names before it counts the rest; `pose_record` names all."""
NOT_JUDGED = "not judged"


def pose_word(trust: float) -> PoseWord:
    """The word for a trust in [0, 1]."""
    return next(word for word, least in LEAST_TRUST.items() if trust >= least)


def trust_told(trust: float) -> str:
    """Word and percent of a trust, rounded down so that no percent reads as a better word's: "sure (97%)"."""
    return f"{pose_word(trust)} ({_percent(trust)})"


def is_doubtful(reconstruction: Reconstruction) -> bool:
    """Whether the camera path was judged, and is more likely than wanted to be wrong."""
    trust = reconstruction.pose_trust
    return trust is not None and pose_word(trust) == "doubtful"


def standing_out(reconstruction: Reconstruction) -> tuple[View, ...]:
    """The views whose pose is clearly less trusted than the scene; none where the scene was not judged."""
    trust = reconstruction.pose_trust
    if trust is None:
        return ()
    return tuple(view for view in reconstruction.views if view.pose_trust is not None and trust - view.pose_trust > CLEARLY_BELOW)


def pose_line(reconstruction: Reconstruction) -> str:
    """One line for the user: "poses: sure (97%)"."""
    return f"poses: {poses_told(reconstruction)}"


def poses_told(reconstruction: Reconstruction) -> str:
    """How far the poses may be trusted, what to do where they are doubtful, and which views stand out."""
    trust = reconstruction.pose_trust
    if trust is None:
        return NOT_JUDGED
    advice = ": check them before you build on them" if is_doubtful(reconstruction) else ""
    views = standing_out(reconstruction)
    named = [f"{view.name} ({_percent(view.pose_trust or 0.0)})" for view in views[:MOST_NAMED]]
    if len(views) > MOST_NAMED:
        named.append(f"{len(views) - MOST_NAMED} more")
    less = f"; less than the others: {', '.join(named)}" if named else ""
    return f"{trust_told(trust)}{advice}{less}"


def pose_record(reconstruction: Reconstruction) -> dict[str, object] | None:
    """The same as JSON values, None for poses that were not judged. standing_out: the views' names."""
    trust = reconstruction.pose_trust
    if trust is None:
        return None
    names = [view.name for view in standing_out(reconstruction)]
    return {"trust": float(trust), "word": pose_word(trust), "standing_out": names}


def _percent(trust: float) -> str:
    return f"{int(100 * trust + 1e-9)}%"
