"""What a scene says of its poses, in words."""

from dataclasses import replace

import pytest

from amb3r_core.scene.pose_trust import (
    CLEARLY_BELOW,
    LEAST_TRUST,
    MOST_NAMED,
    is_doubtful,
    pose_line,
    pose_record,
    pose_word,
    standing_out,
    trust_told,
)
from amb3r_core.scene.reconstruction import Reconstruction
from tests.fakes import fake_room, judged

SCENE = fake_room(8, 16, 12).reconstruction


def trusted(scene_trust: float | None, **views: float | None) -> Reconstruction:
    """The room with trust in the whole and, by number, in single views."""
    return judged(SCENE, scene_trust, {int(name.removeprefix("v")): trust for name, trust in views.items()})


@pytest.mark.parametrize(
    ("trust", "word"),
    [(1.0, "sure"), (0.9, "sure"), (0.8999, "likely"), (0.6, "likely"), (0.5999, "doubtful"), (0.0, "doubtful")],
)
def test_each_word_begins_at_its_threshold(trust: float, word: str) -> None:
    assert pose_word(trust) == word
    assert is_doubtful(trusted(trust)) == (word == "doubtful")
    assert pose_record(trusted(trust)) == {"trust": trust, "word": word, "standing_out": []}


def test_the_words_cover_every_trust_and_the_best_comes_first() -> None:
    assert list(LEAST_TRUST.values()) == sorted(LEAST_TRUST.values(), reverse=True)
    assert min(LEAST_TRUST.values()) == 0.0


def test_the_line_tells_word_and_percent() -> None:
    assert pose_line(trusted(0.97)) == "poses: sure (97%)"
    assert pose_line(trusted(0.7)) == "poses: likely (70%)"
    assert pose_line(trusted(0.29)) == "poses: doubtful (29%): check them before you build on them"
    assert pose_line(trusted(1.0)) == "poses: sure (100%)"


def test_a_percent_never_reads_as_a_better_word() -> None:
    assert pose_line(trusted(0.8999)) == "poses: likely (89%)"
    assert (trust_told(0.5999), trust_told(0.6), trust_told(0.0)) == ("doubtful (59%)", "likely (60%)", "doubtful (0%)")


def test_poses_that_were_not_judged_say_so() -> None:
    assert pose_line(SCENE) == "poses: not judged"
    assert pose_record(SCENE) is None
    assert not is_doubtful(SCENE)
    assert standing_out(trusted(None, v1=0.1)) == ()


def test_views_clearly_below_the_scene_are_named() -> None:
    scene = trusted(0.95, v0=0.95 - CLEARLY_BELOW + 0.01, v1=0.95 - CLEARLY_BELOW - 0.01, v3=0.5, v4=None)
    assert [view.name for view in standing_out(scene)] == ["photo_001.png", "photo_003.png"]
    assert pose_line(scene) == "poses: sure (95%); less than the others: photo_001.png (74%), photo_003.png (50%)"
    record = pose_record(scene)
    assert record is not None
    assert record["standing_out"] == ["photo_001.png", "photo_003.png"]


def test_a_line_names_a_few_views_and_counts_the_rest() -> None:
    scene = trusted(0.95, **{f"v{index}": 0.1 for index in range(8)})
    line = pose_line(scene)
    assert line.count("(10%)") == MOST_NAMED
    assert line.endswith(f", {8 - MOST_NAMED} more")


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan")])
def test_a_trust_is_a_probability(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"pose_trust of view 'photo_000.png' is a probability, 0 to 1"):
        replace(SCENE.views[0], pose_trust=wrong)
    with pytest.raises(ValueError, match="pose_trust of the scene is a probability, 0 to 1"):
        replace(SCENE, pose_trust=wrong)
