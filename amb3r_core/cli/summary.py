"""One summary of a scene, for people and for programs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from amb3r_core.cli.flags import as_flags
from amb3r_core.cli.screen import WARNING

if TYPE_CHECKING:
    from amb3r_core.options import Keep
    from amb3r_core.scene.reconstruction import Reconstruction

MAX_LISTED = 8
"""How many unregistered views the table names before it counts the rest; `amb3r info` names all."""


def summary_rows(
    reconstruction: "Reconstruction", n_points: int, *, keep: "Keep" = "trusted", list_all: bool = False
) -> dict[str, str]:
    """What a user wants to know about a scene, line by line. keep: how much depth is used of it."""
    n_all = reconstruction.n_views + len(reconstruction.unregistered)
    provenance = reconstruction.provenance
    rows = {"views placed": f"{reconstruction.n_views} of {n_all}"}
    if reconstruction.unregistered:
        rows["not placed"] = _unregistered(reconstruction, list_all)
    rows["points"] = f"{n_points:,}"
    if reconstruction.dense is not None:
        rows["depth"] = depth_row(reconstruction, keep)
    rows["pose trust"] = pose_row(reconstruction)
    rows["scale"] = f"{reconstruction.scale.kind} ({as_flags(reconstruction.scale.source)}{_spread(reconstruction)})"
    rows["model"] = f"{provenance.model}, pipeline {provenance.pipeline}, amb3r {provenance.version}"
    weights = provenance.weights
    rows["weights"] = f"{weights.name} ({weights.sha256[:12]}), licence: {weights.licence}" if weights else "none needed"
    if provenance.notes:
        rows["notes"] = "\n".join(map(as_flags, provenance.notes))
    if provenance.seconds:
        parts = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in provenance.seconds.items() if seconds >= 0.05)
        rows["seconds"] = f"{sum(provenance.seconds.values()):.1f} ({parts})"
    return rows


def pose_row(reconstruction: "Reconstruction") -> str:
    """How far the poses may be trusted; a warning where they are doubtful."""
    from amb3r_core.scene.pose_trust import is_doubtful, poses_told

    return f"{WARNING if is_doubtful(reconstruction) else ''}{poses_told(reconstruction)}"


def depth_row(reconstruction: "Reconstruction", keep: "Keep") -> str:
    """How much depth a choice keeps of a scene, and what the other choices would."""
    from amb3r_core.scene.trust import KEEPS, cuts_of

    cuts = cuts_of(reconstruction)
    cut = cuts[keep]
    if not _is_calibrated(reconstruction):
        used = "all is used: this model's weights are no probabilities"
        return f"{cut.kept:.0%} of the pixels, {1 - cut.kept:.0%} unknown ({used})"
    what = "trusted" if keep == "trusted" else f"used with --keep {keep}"
    others = ", ".join(f"{cuts[other].kept:.0%} with --keep {other}" for other in KEEPS if other != keep)
    return f"{cut.kept:.0%} of the pixels {what}, {1 - cut.kept:.0%} unknown ({others})"


def _is_calibrated(reconstruction: "Reconstruction") -> bool:
    return reconstruction.dense is not None and reconstruction.dense.weight_is_probability


def _depth_fields(reconstruction: "Reconstruction") -> dict[str, object] | None:
    from amb3r_core.scene.trust import cuts_of

    if reconstruction.dense is None:
        return None
    shares = {keep: cut.kept for keep, cut in cuts_of(reconstruction).items()}
    return {"weight_is_probability": _is_calibrated(reconstruction), **shares}


def summary_fields(reconstruction: "Reconstruction", n_points: int) -> Mapping[str, object]:
    """The same facts as JSON values.

    poses: their trust, its word and the views that stand out, null where they were not judged. depth: the share of the pixels
    that each choice keeps.
    """
    from amb3r_core.scene.pose_trust import pose_record

    provenance = reconstruction.provenance
    return {
        "views": reconstruction.n_views,
        "unregistered": [{"name": view.name, "reason": as_flags(view.reason)} for view in reconstruction.unregistered],
        "points": n_points,
        "depth": _depth_fields(reconstruction),
        "poses": pose_record(reconstruction),
        "scale": {"kind": reconstruction.scale.kind, "source": as_flags(reconstruction.scale.source)},
        "model": provenance.model,
        "pipeline": provenance.pipeline,
        "weights_licence": provenance.weights.licence if provenance.weights else None,
        "notes": [as_flags(note) for note in provenance.notes],
        "seconds": dict(provenance.seconds),
    }


def _unregistered(reconstruction: "Reconstruction", list_all: bool) -> str:
    lost = reconstruction.unregistered
    shown = lost if list_all else lost[:MAX_LISTED]
    lines = [f"{view.name}: {as_flags(view.reason)}" for view in shown]
    if len(shown) < len(lost):
        lines.append(f"and {len(lost) - len(shown)} more (amb3r info names them)")
    return "\n".join(lines)


def _spread(reconstruction: "Reconstruction") -> str:
    spread = reconstruction.scale.relative_spread
    return "" if spread is None else f", spread {spread:.1%}"
