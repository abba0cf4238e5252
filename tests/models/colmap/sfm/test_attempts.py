"""Which attempts are made, when enough is enough, and which one wins."""

import pytest

from amb3r_core.models.colmap.sfm.attempts import choose, is_settled, plan
from amb3r_core.models.colmap.sfm.requests import Mapper
from amb3r_core.models.colmap.sfm.sparse import AttemptScore


def score(name: str, support: float, n_registered: int = 10) -> AttemptScore:
    return AttemptScore(name=name, support=support, n_registered=n_registered)


def test_the_attempt_with_most_support_wins():
    scores = [score("a", 900.0), score("b", 1000.0, n_registered=9), AttemptScore(name="c", problem="crashed")]
    assert choose(scores, 10) == scores[1]


def test_without_a_model_nothing_wins():
    assert choose([AttemptScore(name="a", problem="crashed")], 10) is None
    assert choose([], 2) is None


def test_supports_that_hardly_differ_leave_the_choice_to_photos_placed_and_then_to_the_order():
    assert choose([score("first", 995.0), score("second", 1000.0)], 10) == score("first", 995.0)
    fewer = score("fewer", 1000.0, n_registered=8)
    assert choose([fewer, score("more", 995.0)], 10) == score("more", 995.0)


def test_two_photos_that_leave_the_focal_length_open_get_a_usual_one():
    long, usual, wide = (
        AttemptScore(name=name, n_registered=2, support=support, focal_ratio=ratio)
        for name, support, ratio in [("long", 100.0, 1.2), ("usual", 98.0, 0.85), ("wide", 80.0, 0.8)]
    )
    assert choose([long, usual, wide], 2) == usual
    assert choose([long, usual, wide], 3) == long


def test_agreement_of_two_complete_attempts_settles_it():
    assert is_settled([score("a", 1000.0), score("b", 995.0)], 10)


@pytest.mark.parametrize(
    "scores",
    [
        [score("a", 1000.0)],
        [score("a", 1000.0), score("b", 900.0)],
        [score("a", 1000.0, n_registered=9), score("b", 1000.0, n_registered=9)],
        [score("a", 1000.0), score("b", 1000.0), score("c", 1200.0, n_registered=9)],
    ],
    ids=["alone", "disagreement", "incomplete", "a partial one explains more"],
)
def test_a_doubt_asks_for_more_attempts(scores: list[AttemptScore]):
    assert not is_settled(scores, 10)


@pytest.mark.parametrize("n_photos", [2, 3, 6, 7, 100])
@pytest.mark.parametrize("focal_is_known", [True, False])
def test_every_plan_has_distinct_names_and_carries_the_seed(n_photos: int, focal_is_known: bool):
    planned = [attempt for wave in plan(n_photos, focal_is_known=focal_is_known, seed=7) for attempt in wave]
    assert planned
    assert len({attempt.name for attempt in planned}) == len(planned)
    assert {attempt.seed for attempt in planned} == {7}


def test_an_unknown_focal_length_is_started_from_several_places_in_the_first_wave():
    for n_photos in (2, 5, 30):
        first_wave = plan(n_photos, focal_is_known=False)[0]
        assert len({(attempt.calibrate, attempt.focal_ratio) for attempt in first_wave}) >= 2


def test_two_photos_go_through_their_essential_matrix():
    assert {attempt.mapper for wave in plan(2, focal_is_known=True) for attempt in wave} == {Mapper.PAIR}
