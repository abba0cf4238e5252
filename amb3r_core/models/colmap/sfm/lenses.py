"""Which photos share a lens: readings of the same photos that differ in it, and what to tell of the lens that was found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from amb3r_core.inputs.images import Frame

SAME_FOCAL = 1.05
"""Ratio up to which two focal lengths next to one another in size are one lens setting, each estimated from one photo."""

DIFFERENT_FOCAL = 1.1
"""Ratio of the longest to the shortest focal length from which the photos were not taken with one lens setting."""

PRIOR_AGREEMENT = 1.15
"""Ratio up to which a focal length from EXIF and one from the photos say the same."""

MAX_NAMED_FOCALS = 4
"""How many focal lengths a note names before it only gives their range."""


def has_prior(frame: Frame) -> bool:
    """Whether the frame's focal length is known from EXIF alone."""
    return frame.camera is None and frame.facts.focal_px is not None


def without_priors(frames: Sequence[Frame]) -> list[Frame]:
    """The frames as if EXIF told no focal length; photos of one lens setting share a camera again."""
    return [replace(frame, facts=replace(frame.facts, focal_px=None)) for frame in frames]


def with_own_lenses(frames: Sequence[Frame]) -> list[Frame]:
    """The frames with a lens setting of its own for each whose focal length nothing tells."""
    return with_lenses(frames, {index: index for index, frame in enumerate(frames) if _is_open(frame)})


def with_lenses(frames: Sequence[Frame], lens_of: Mapping[int, int]) -> list[Frame]:
    """The frames with these lens settings, by number, for some of them."""
    return [
        replace(frame, facts=replace(frame.facts, camera=f"lens {lens_of[index]}")) if index in lens_of else frame
        for index, frame in enumerate(frames)
    ]


def group_focals(focal_px: Mapping[int, float]) -> dict[int, int]:
    """The lens setting, counted from the shortest, of each photo with a focal length: a gap between two begins another."""
    lens_of: dict[int, int] = {}
    lens, last_px = 0, 0.0
    for index, focal in sorted(focal_px.items(), key=lambda item: (item[1], item[0])):
        lens += bool(lens_of) and focal > SAME_FOCAL * last_px
        lens_of[index], last_px = lens, focal
    return lens_of


def are_different(focal_px: Mapping[int, float]) -> bool:
    """Whether these focal lengths are clearly not those of one lens setting."""
    return len(focal_px) > 1 and max(focal_px.values()) > DIFFERENT_FOCAL * min(focal_px.values())


def disagrees(frame: Frame, focal_px: float) -> bool:
    """Whether EXIF tells another focal length than this one."""
    prior = frame.facts.focal_px
    return has_prior(frame) and prior is not None and not 1.0 / PRIOR_AGREEMENT <= focal_px / prior <= PRIOR_AGREEMENT


def prior_notes(frames: Sequence[Frame], focal_px: Mapping[int, float]) -> tuple[str, ...]:
    """A note for each focal length in EXIF that the photos' own, by frame, shows to be wrong."""
    names: dict[tuple[str, str], list[str]] = {}
    for index, found in sorted(focal_px.items()):
        if disagrees(frames[index], found):
            names.setdefault((f"{frames[index].facts.focal_px:.0f}", f"{found:.0f}"), []).append(frames[index].name)
    return tuple(
        f"EXIF focal length left out: it says {told} px, the photos say {found} px ({_named(of)})"
        for (told, found), of in names.items()
    )


def lens_note(focal_px: Mapping[int, float], lens_of: Mapping[int, int]) -> str:
    """A note on photos that were taken with several focal lengths, although nothing said so."""
    focals = sorted({lens: focal_px[index] for index, lens in lens_of.items() if index in focal_px}.values())
    if len(focals) <= MAX_NAMED_FOCALS:
        named = " and ".join([", ".join(f"{focal:.0f} px" for focal in focals[:-1]), f"{focals[-1]:.0f} px"])
    else:
        named = f"{focals[0]:.0f} to {focals[-1]:.0f} px"
    return f"the photos were taken with {len(focals)} focal lengths: {named}"


def squash_notes(frames: Sequence[Frame]) -> tuple[str, ...]:
    """A note on two photos of unknown focal length, whose matches hardly tell it: depth scales with it."""
    if len(frames) != 2 or not any(map(_is_open, frames)):
        return ()
    return (
        "two photos do not tell their focal length, which is a guess here: the scene may be too deep or too flat; "
        "give the cameras, or a third photo",
    )


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} photos"


def _is_open(frame: Frame) -> bool:
    return frame.camera is None and frame.facts.focal_px is None
