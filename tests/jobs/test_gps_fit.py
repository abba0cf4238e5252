"""Laws of the robust scale: exact on exact places, blind to wrong ones, and the same every time."""

import numpy as np
import pytest

from amb3r_core.errors import AlignmentError
from amb3r_core.jobs.gps_fit import fit_in_space, fit_on_the_ground
from amb3r_core.scene.arrays import Float64

PLACES = np.random.default_rng(5).normal(size=(12, 3)) * [30, 20, 5]
TURN = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
"""From the ground (east, north, up) to a camera's frame: up becomes (0, -1, 0)."""
CENTRES = (PLACES + np.array([7.0, -3.0, 2.0])) @ TURN.T / 4.0
UP = np.array([0.0, -1.0, 0.0])


def with_wrong(rows: list[int]) -> Float64:
    places = PLACES.copy()
    places[rows] += np.random.default_rng(1).normal(size=(len(rows), 3)) * 1e4
    return places


@pytest.mark.parametrize("rows", [[], [0], [2, 5, 7, 11]])
def test_wrong_places_do_not_move_the_scale(rows: list[int]) -> None:
    for fit in (fit_in_space(CENTRES, with_wrong(rows)), fit_on_the_ground(CENTRES, with_wrong(rows), UP)):
        assert fit.scale == pytest.approx(4.0, rel=1e-6)
        assert sorted(np.flatnonzero(~fit.used)) == rows
        assert fit.spread < 1e-6


def test_the_ground_needs_no_heights_and_space_only_takes_known_ones() -> None:
    places = PLACES.copy()
    places[3:, 2] = np.nan
    assert fit_on_the_ground(CENTRES, places, UP).scale == pytest.approx(4.0)
    with pytest.raises(AlignmentError, match="3 positions are too few"):
        fit_in_space(CENTRES, places)


def test_a_straight_level_walk_has_a_scale_on_the_ground_alone() -> None:
    line = np.linspace(0.0, 1.0, 9)[:, None] * [50.0, 20.0, 0.0]
    with pytest.raises(AlignmentError, match="on one line"):
        fit_in_space(line @ TURN.T / 4.0, line)
    assert fit_on_the_ground(line @ TURN.T / 4.0, line, UP).scale == pytest.approx(4.0)


def test_places_that_have_nothing_to_do_with_the_scene_spread_widely() -> None:
    chance = np.random.default_rng(2).normal(size=PLACES.shape) * 30
    assert fit_in_space(CENTRES, chance).spread > 0.1
    assert fit_on_the_ground(CENTRES, chance, UP).spread > 0.1


def test_the_same_places_give_the_same_scale_to_the_last_bit() -> None:
    many = np.repeat(PLACES, 4, axis=0) + np.random.default_rng(4).normal(size=(48, 3))
    ours = np.repeat(CENTRES, 4, axis=0)
    assert fit_in_space(ours, many).scale == fit_in_space(ours, many).scale
