import unicodedata

import numpy as np
import pytest

from amb3r_core.errors import InputError
from amb3r_core.inputs.joining import join_names, join_times

RIG = ["left/t0.jpg", "left/t1.jpg", "right/t0.jpg", "right/t1.jpg"]


def joined(photos, entries, what="poses"):
    return join_names(photos, [[entry] if isinstance(entry, str) else entry for entry in entries], what=what)


def test_equal_names_in_sub_folders_each_get_their_own():
    found = joined(RIG, ["images/right/t1.jpg", "images/right/t0.jpg", "images/left/t1.jpg", "images/left/t0.jpg"])
    assert [found.entry_of[name] for name in RIG] == [3, 2, 1, 0]
    assert found.sentence == "poses: 4 of 4 photos matched by path"


def test_a_name_that_fits_two_photos_is_refused():
    with pytest.raises(InputError, match=r"poses: 't0\.jpg' fits left/t0\.jpg, right/t0\.jpg alike; give its folder"):
        joined(RIG, ["t0.jpg", "t1.jpg"])


def test_a_bare_name_is_not_given_to_the_photo_that_is_left():
    """left/t0.jpg is joined by its path, but `t0.jpg` may mean either."""
    with pytest.raises(InputError, match=r"fits left/t0\.jpg, right/t0\.jpg alike"):
        joined(["left/t0.jpg", "right/t0.jpg"], ["left/t0.jpg", "t0.jpg"])


def test_two_entries_for_one_photo_are_refused():
    with pytest.raises(InputError, match=r"the photo a\.jpg fits train/a\.jpg, test/a\.jpg alike"):
        joined(["a.jpg"], ["train/a.jpg", "test/a.jpg"])


@pytest.mark.parametrize(
    ("photo", "entry", "how"),
    [
        ("IMG_1.JPG", "img_1.jpg", "path"),
        ("IMG_1.jpg", "./train/IMG_1", "path"),
        ("a.jpg", "C:\\shots\\a.jpg", "path"),
        ("Living room (1).jpg", "Living room (1).jpg", "path"),
        ("1305031102.175304.jpg", "1305031102.175304", "path"),
        ("v1.2.png", "v1.2.jpg", "path"),
        ("session/a.jpg", "images/a.jpg", "name"),
        (unicodedata.normalize("NFD", "Küche.jpg"), unicodedata.normalize("NFC", "Küche.jpg"), "path"),
    ],
)
def test_one_name_written_in_two_ways_is_one_name(photo, entry, how):
    found = joined([photo], [entry])
    assert (dict(found.entry_of), found.how) == ({photo: 0}, how)


def test_dots_that_are_no_suffix_belong_to_the_name():
    found = joined(["v1.2.png", "v1.3.png"], ["v1.3", "v1.2"])
    assert dict(found.entry_of) == {"v1.2.png": 1, "v1.3.png": 0}
    assert not joined(["v1.png"], ["v1.2"]).entry_of


def test_what_is_left_on_both_sides_is_named():
    found = joined(["a.jpg", "b.jpg", "c.jpg"], ["a.jpg", "x.jpg"])
    assert found.sentence == "poses: 1 of 3 photos matched by path; none for b.jpg, c.jpg; no photo for x.jpg"


def test_the_likeliest_of_an_entrys_names_comes_first():
    """A mask `mask_a.png` is of the photo `mask_a` where there is one, else of `a`."""
    masks = [["mask_a", "a"], ["a"]]
    assert dict(joined(["mask_a.jpg", "a.jpg"], masks).entry_of) == {"mask_a.jpg": 0, "a.jpg": 1}
    assert dict(joined(["a.jpg"], [["mask_a", "a"]]).entry_of) == {"a.jpg": 0}


def test_the_order_of_both_lists_makes_no_difference():
    names = [f"IMG_{index:04d}.jpg" for index in range(20)]
    entries = [f"images/{name}" for name in names]
    forwards = joined(names, entries).entry_of
    backwards = joined(names[::-1], entries[::-1]).entry_of
    assert {name: entries[index] for name, index in forwards.items()} == {
        name: entries[::-1][index] for name, index in backwards.items()
    }


def test_times_are_joined_to_the_nearest_and_never_over_half_a_gap():
    photos = {"a": 10.0, "b": 10.5, "c": 11.0, "d": 19.0}
    found = join_times(photos, [10.02, 10.49, 11.04, 12.0], what="poses")
    assert dict(found.entry_of) == {"a": 0, "b": 1, "c": 2}
    assert found.sentence == "poses: 3 of 4 photos matched by time; none for d; no photo for 12"


def test_times_that_share_no_clock_are_refused():
    with pytest.raises(InputError, match="share no clock"):
        join_times({"a": 0.0, "b": 0.5}, [1305031102.1, 1305031102.6], what="poses of traj.txt")


def test_one_time_serves_one_photo():
    found = join_times({"a": 10.0, "b": 10.1}, [10.04, 20.0], what="poses")
    assert dict(found.entry_of) == {"a": 0}


def test_the_nearest_time_is_the_one_that_a_look_at_all_of_them_finds():
    rng = np.random.default_rng(3)
    for _ in range(50):
        photos = {f"p{index}": float(time) for index, time in enumerate(rng.integers(0, 40, 12) / 4)}
        times = [float(time) for time in rng.integers(0, 40, 15) / 4]
        found = join_times(photos, times, what="poses").entry_of
        for name, entry in found.items():
            assert entry == min(range(len(times)), key=lambda index: abs(times[index] - photos[name]))
            assert name == min(photos, key=lambda other: abs(photos[other] - times[entry]))
