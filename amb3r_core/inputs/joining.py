"""The one way to join what a user hands over (masks, poses, cameras, times) with the photos it belongs to.

By relative path, then by name, then by time; never by a guessed index. Names are compared after Unicode normalisation, first
with their case and suffix, then without. A join that would only be a guess is an error that says what to do.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Literal

from amb3r_core.errors import InputError
from amb3r_core.inputs.image_files import IMAGE_SUFFIXES

How = Literal["path", "name", "time", "order"]
PICTURE_SUFFIXES = IMAGE_SUFFIXES | {".gif", ".exr"}
"""What may be left off a photo's name; any other dot belongs to the name (`1305031102.175304`)."""
MAX_NAMED = 4
"""How many names a sentence lists before it counts the rest."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What belongs to which photo, and what is left on both sides."""

    what: str
    """The entries, in the plural, as a sentence names them: "poses of traj.txt"."""
    entry_of: Mapping[str, int]
    """Index of the entry by the photo's name."""
    n_photos: int
    how: How
    """The weakest way that was needed."""
    photos_left: tuple[str, ...] = ()
    """Photos without an entry."""
    entries_left: tuple[str, ...] = ()
    """Entries without a photo."""

    @property
    def sentence(self) -> str:
        """One line for the user: how many were joined, by what, and what is left on both sides."""
        text = f"{self.what}: {len(self.entry_of)} of {self.n_photos} photos matched by {self.how}"
        if self.photos_left:
            text += f"; none for {listed(self.photos_left)}"
        if self.entries_left:
            text += f"; no photo for {listed(self.entries_left)}"
        return text


def join_names(photos: Sequence[str], entries: Sequence[Sequence[str]], *, what: str) -> Joined:
    """Entries joined with photos by path or name.

    photos: names in the scene, forward slashes. entries: for each one the names its photo may have, likeliest first (a file path
    of a camera file, or a mask's name with and without what marks it as a mask). Raises `InputError` when one entry fits several
    photos or one photo several entries equally well.
    """
    entry_of: dict[str, int] = {}
    joined: dict[int, str] = {}
    how: How = "path"
    photo_parts = [_parts(name) for name in photos]
    entry_parts = [[_parts(name) for name in names if name] for names in entries]
    for way, fits in _WAYS:
        pairs = _pairs(photo_parts, entry_parts, fits)
        fresh = [(photo, entry) for photo, entry in pairs if photos[photo] not in entry_of and entry not in joined]
        _refuse_doubt(fresh, pairs, photos, entries, what)
        for photo, entry in fresh:
            entry_of[photos[photo]], joined[entry], how = entry, photos[photo], way
    return Joined(
        what=what,
        entry_of=entry_of,
        n_photos=len(photos),
        how=how,
        photos_left=tuple(name for name in photos if name not in entry_of),
        entries_left=tuple(next(iter(names), "") for index, names in enumerate(entries) if index not in joined),
    )


def join_times(photos: Mapping[str, float], times: Sequence[float], *, what: str) -> Joined:
    """Entries with a time in seconds joined with photos by the nearest time.

    A pair is taken when each is the other's nearest and they lie closer than half the usual gap between neighbours, of the
    coarser of the two series. Raises `InputError` when the two series do not overlap: their clocks differ then.
    """
    names, wanted = list(photos), list(photos.values())
    if not wanted or not times or min(wanted) > max(times) + 1.0 or min(times) > max(wanted) + 1.0:
        raise InputError(f"{what}: its times and the photos' share no clock; name the photos in it, or say that the order counts")
    reach = 0.5 * max(_usual_gap(wanted), _usual_gap(times))
    photos_by_time, entries_by_time = (sorted((time, index) for index, time in enumerate(each)) for each in (wanted, times))
    entry_of: dict[str, int] = {}
    for name, time in photos.items():
        entry = _nearest(entries_by_time, time)
        if names[_nearest(photos_by_time, times[entry])] == name and abs(times[entry] - time) <= reach:
            entry_of[name] = entry
    taken = set(entry_of.values())
    return Joined(
        what=what,
        entry_of=entry_of,
        n_photos=len(names),
        how="time",
        photos_left=tuple(name for name in names if name not in entry_of),
        entries_left=tuple(_seconds(time) for index, time in enumerate(times) if index not in taken),
    )


def join_order(photos: Sequence[str], n_entries: int, *, what: str) -> Joined:
    """The first entry for the first photo and so on, because the user said so. `InputError` when the counts differ."""
    if len(photos) != n_entries:
        raise InputError(f"{what}: {n_entries} for {len(photos)} photos; by order there must be one for each")
    return Joined(what=what, entry_of=dict(zip(photos, range(n_entries), strict=True)), n_photos=len(photos), how="order")


def _seconds(time: float) -> str:
    """A time to the microsecond, with no zeros that say nothing."""
    return f"{time:.6f}".rstrip("0").rstrip(".")


def _nearest(by_time: Sequence[tuple[float, int]], time: float) -> int:
    """The index whose time is nearest, of (time, index) in order; the lowest index among equals."""
    after = bisect_left(by_time, (time, -1))
    sides = [by_time[after]] if after < len(by_time) else []
    if after > 0:
        sides.append(by_time[bisect_left(by_time, (by_time[after - 1][0], -1))])
    return min(sides, key=lambda side: (abs(side[0] - time), side[1]))[1]


def _usual_gap(times: Sequence[float]) -> float:
    """The median distance of neighbours in time; infinite for one alone."""
    ordered = sorted(times)
    gaps = sorted(b - a for a, b in pairwise(ordered) if b > a)
    return gaps[len(gaps) // 2] if gaps else inf


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """The first names and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def normalised(name: str) -> str:
    """A name as it is compared: composed Unicode (NFC), forward slashes."""
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def _parts(name: str) -> Parts:
    return tuple(part for part in normalised(name).split("/") if part not in ("", "."))


def _bare(parts: Parts) -> Parts:
    """The parts without the suffix of an image, in lower case."""
    stem, dot, suffix = parts[-1].rpartition(".")
    last = stem if dot and stem and f".{suffix.lower()}" in PICTURE_SUFFIXES else parts[-1]
    return tuple(part.casefold() for part in (*parts[:-1], last))


def _is_tail(a: Parts, b: Parts) -> bool:
    """Whether the shorter one is how the longer one ends, folder by folder."""
    n = min(len(a), len(b))
    return a[-n:] == b[-n:]


def _same(a: Parts, b: Parts) -> bool:
    return a == b


def _same_name(a: Parts, b: Parts) -> bool:
    return a[-1] == b[-1]


def _ignoring_suffix(fits: Callable[[Parts, Parts], bool]) -> Callable[[Parts, Parts], bool]:
    return lambda a, b: fits(_bare(a), _bare(b))


_WAYS: tuple[tuple[How, Callable[[Parts, Parts], bool]], ...] = (
    ("path", _same),
    ("path", _ignoring_suffix(_same)),
    ("path", _is_tail),
    ("path", _ignoring_suffix(_is_tail)),
    ("name", _same_name),
    ("name", _ignoring_suffix(_same_name)),
)
"""The ways to join, surest first."""


def _pairs(
    photos: Sequence[Parts], entries: Sequence[Sequence[Parts]], fits: Callable[[Parts, Parts], bool]
) -> list[tuple[int, int]]:
    """(photo, entry) that fit, each entry by the first of its names that fits any photo."""
    by_last: dict[str, list[int]] = {}
    for index, parts in enumerate(photos):
        by_last.setdefault(_bare(parts)[-1], []).append(index)
    pairs: list[tuple[int, int]] = []
    for entry, names in enumerate(entries):
        for parts in names:
            found = [photo for photo in by_last.get(_bare(parts)[-1], []) if fits(photos[photo], parts)] if parts else []
            if found:
                pairs += [(photo, entry) for photo in found]
                break
    return pairs


def _refuse_doubt(
    fresh: Sequence[tuple[int, int]],
    pairs: Sequence[tuple[int, int]],
    photos: Sequence[str],
    entries: Sequence[Sequence[str]],
    what: str,
) -> None:
    """`InputError` when a pair to be taken is one of several that fit equally well, those already joined counted."""
    photos_of: dict[int, list[int]] = {}
    entries_of: dict[int, list[int]] = {}
    for photo, entry in pairs:
        photos_of.setdefault(entry, []).append(photo)
        entries_of.setdefault(photo, []).append(entry)
    for photo, entry in fresh:
        if len(photos_of[entry]) > 1:
            several = listed([photos[index] for index in photos_of[entry]])
            raise InputError(f"{what}: {entries[entry][0]!r} fits {several} alike; give its folder with the name")
        if len(entries_of[photo]) > 1:
            several = listed([entries[index][0] for index in entries_of[photo]])
            raise InputError(f"{what}: the photo {photos[photo]} fits {several} alike; leave one of them out")
