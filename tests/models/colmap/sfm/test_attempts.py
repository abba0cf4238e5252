"""Which attempts are made, when enough is enough, and which one wins."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from amb3r_core.models.colmap.sfm.attempts import MappingTask, agreed, choose, is_settled, is_sound, plan, run_attempts
from amb3r_core.models.colmap.sfm.requests import Attempt, Mapper
from amb3r_core.models.colmap.sfm.solve import store_score
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.progress import silent


def score(name: str, support: float, n_registered: int = 10) -> AttemptScore:
    return AttemptScore(name=name, support=support, n_registered=n_registered, weakest_link=100)


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


def sound(name: str, support: float = 1000.0, focal_ratio: float = 0.9, **signs: object) -> AttemptScore:
    """A score that found its lens and that nothing speaks against."""
    found = AttemptScore(
        name=name, n_registered=10, support=support, focal_ratio=focal_ratio, found_lens=True, focal_share=0.01, weakest_link=100
    )
    return replace(found, **signs)  # type: ignore[arg-type]


def held_ratios(scores: list[AttemptScore]) -> set[float | None]:
    planned = agreed(scores, seed=7)
    assert all(attempt.holds_lens and attempt.seed == 7 for attempt in planned)
    return {attempt.focal_ratio for attempt in planned}


def test_the_focal_length_on_which_two_models_agree_is_held_in_both_mappers() -> None:
    scores = [sound("a"), sound("b", focal_ratio=1.7), sound("c", focal_ratio=0.91, n_registered=4)]
    assert held_ratios(scores) == {0.9}
    assert {attempt.mapper for attempt in agreed(scores)} == {Mapper.GLOBAL, Mapper.INCREMENTAL}


@pytest.mark.parametrize(
    "doubtful",
    [
        sound("b", found_lens=False),
        sound("b", n_registered=2),
        sound("b", focal_share=0.1),
        sound("b", focal_share=0.0),
        sound("b", lens_likelihood=0.3),
        sound("b", focal_ratio=1.0),
        AttemptScore(name="b", problem="crashed"),
    ],
    ids=["held", "two photos", "uncertain", "known camera", "bent", "another", "no model"],
)
def test_a_model_that_does_not_tell_its_focal_length_agrees_with_none(doubtful: AttemptScore) -> None:
    assert agreed([sound("a"), doubtful]) == []
    assert held_ratios([sound("a"), doubtful, sound("c")]) == {0.9}


def test_of_two_agreements_the_larger_counts_and_then_the_better_explained() -> None:
    tele = [sound("a", 900.0, 1.7), sound("b", 900.0, 1.7)]
    wide = [sound("c", 800.0, 0.8), sound("d", 800.0, 0.8)]
    assert held_ratios([*wide, *tele]) == {1.7}
    assert held_ratios([*wide, *tele, sound("e", 1.0, 0.8)]) == {0.8}


@pytest.mark.parametrize(
    "signs",
    [{"weakest_link": 3}, {"expected_error_deg": 20.0}, {"lens_likelihood": 0.3}],
    ids=["a hinge", "a loose pose", "a bent lens"],
)
def test_a_model_that_something_speaks_against_is_not_sound_and_settles_nothing(signs: dict[str, float]) -> None:
    better, other = sound("a", 1000.0), sound("b", 995.0)
    doubtful = replace(better, **signs)  # type: ignore[arg-type]
    assert is_sound(better, 10)
    assert not is_sound(doubtful, 10)
    assert is_settled([better, other], 10)
    assert not is_settled([doubtful, other], 10)
    assert is_settled([better, replace(other, **signs)], 10), "only the best must be"  # type: ignore[arg-type]


def test_two_photos_need_no_points_of_three() -> None:
    assert is_sound(sound("a", n_registered=2, weakest_link=0), 2)


@pytest.mark.parametrize("n_photos", [5, 30])
def test_the_global_mapper_is_tried_with_held_lenses_where_the_focal_length_is_unknown(n_photos: int) -> None:
    def held(*, focal_is_known: bool) -> set[float | None]:
        planned = [attempt for wave in plan(n_photos, focal_is_known=focal_is_known) for attempt in wave]
        return {attempt.focal_ratio for attempt in planned if attempt.mapper is Mapper.GLOBAL and attempt.holds_lens}

    assert len(held(focal_is_known=False)) >= 3
    assert held(focal_is_known=True) == set()


def finished(folder: Path, *scores: AttemptScore) -> MappingTask:
    """A task whose attempts are all made, so that none runs."""
    for found in scores:
        store_score(folder, found)
    return MappingTask(database=folder / "none.db", folder=folder, n_photos=10, n_placeable=10)


def attempt(name: str) -> Attempt:
    return Attempt(name=name, mapper=Mapper.GLOBAL)


def test_the_last_wave_is_asked_for_with_all_scores_and_only_in_doubt(tmp_path: Path) -> None:
    doubtful, other, last = sound("a", weakest_link=3), sound("b"), sound("last", 1200.0)
    asked: list[list[str]] = []

    def give_last(scores: Sequence[AttemptScore]) -> list[Attempt]:
        asked.append([found.name for found in scores])
        return [attempt("last")]

    task = finished(tmp_path, doubtful, other, last)
    waves = [[attempt("a")], [attempt("b")]]
    assert run_attempts(waves, task, 1, silent, last=give_last) == [doubtful, other, last]
    assert asked == [["a", "b"]]
    task = finished(tmp_path, sound("a"))
    assert run_attempts(waves, task, 1, silent, last=give_last) == [sound("a"), other]
    assert len(asked) == 1
