"""Dataclasses as arrays and back."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from amb3r_core.pipelines.mapping.codec import decode, encode, layout


@dataclass(frozen=True)
class Window:
    frames: list[int]
    weight: float
    kind: Literal["a", "b"] = "a"
    coefficients: tuple[float, ...] = ()


@dataclass(frozen=True)
class Place:
    pose: NDArray[np.float64]
    slots: NDArray[np.int8]


@dataclass(frozen=True)
class State:
    stage: Literal["start", "end"] = "start"
    n_done: int = 0
    weight: float = 0.1
    title: str = ""
    is_done: bool = False
    names: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    groups: list[list[int]] = field(default_factory=list)
    pairs: list[tuple[float, float]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)


FULL = State(
    stage="end",
    n_done=-3,
    weight=1 / 3,
    title="ü",
    is_done=True,
    names=["a.png", "ä b.png", "c\nd.png", "", "caf\udce9.jpg"],
    frames=[5, 2**40],
    weights=[0.1, float("inf")],
    groups=[[], [3, 1], [2]],
    pairs=[(1.5, 2.5), (0.0, -1.0)],
    windows=[Window([4, 2], 0.5, "b", (0.1, 1 / 3)), Window([], 0.25)],
)


@pytest.mark.parametrize("state", [State(), FULL])
def test_every_type_of_field_comes_back_as_it_went(state):
    assert decode("state", State, encode("state", state)) == state


def test_arrays_come_back_in_their_type_and_may_be_changed():
    place = Place(np.arange(32.0).reshape(2, 4, 4), np.array([0, 1, -1], dtype=np.int8))
    again = decode("place", Place, encode("place", place))
    np.testing.assert_array_equal(again.pose, place.pose)
    np.testing.assert_array_equal(again.slots, place.slots)
    assert again.slots.dtype == np.int8
    again.pose[0] = 0.0
    assert place.pose[0, 0, 1] == 1.0


def test_two_dataclasses_share_a_record():
    record = encode("a", FULL) | encode("b", replace(FULL, n_done=7))
    assert decode("a", State, record).n_done == -3
    assert decode("b", State, record).n_done == 7


def test_the_layout_names_every_array_and_tells_types_apart():
    names = [line.split(": ")[0] for line in layout("state", State)]
    assert names == list(encode("state", FULL))
    assert "state.windows.frames" in names
    assert layout("x", Window) != layout("x", Place)


def test_a_type_without_a_form_is_refused():
    @dataclass(frozen=True)
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="no form for <class 'complex'>"):
        encode("odd", Odd(1j))
