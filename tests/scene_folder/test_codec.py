"""Records to JSON and back, described by their types alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

import pytest

from amb3r_core.errors import FormatError
from amb3r_core.scene_folder.codec import FieldError, at_least, decode, encode, is_not_empty, is_positive
from amb3r_core.scene_folder.json_text import parse_json, to_json


@dataclass(frozen=True, kw_only=True)
class Leaf:
    name: Annotated[str, is_not_empty]
    share: Annotated[float, is_positive] = 1.0


@dataclass(frozen=True, kw_only=True)
class Tree:
    kind: Literal["oak", "elm"]
    rings: Annotated[int, at_least(1)]
    exact: Decimal
    place: tuple[float, float] | None
    leaves: tuple[Leaf, ...]
    alive: bool
    seconds: Mapping[str, float]
    notes: Mapping[str, object]

    def __post_init__(self) -> None:
        for index, leaf in enumerate(self.leaves):
            if leaf.share > self.rings:
                raise FieldError("is more than there are rings", "leaves", index, "share")


TREE = Tree(
    kind="elm",
    rings=3,
    exact=Decimal("0.30000000000000000001"),
    place=None,
    leaves=(Leaf(name="a"), Leaf(name="b", share=0.25)),
    alive=True,
    seconds={"grow": 1.5},
    notes={"any": [1, None, {"x": 0.5}]},
)


def test_a_record_comes_back_as_it_was():
    assert decode(parse_json(to_json(encode(TREE)), "f"), Tree) == TREE


def test_a_default_is_left_out_and_filled_in():
    assert encode(Leaf(name="a")) == {"name": "a"}
    assert decode(parse_json('{"name": "a"}', "f"), Leaf).share == 1.0


def test_unknown_fields_are_passed_over():
    assert decode(parse_json('{"name": "a", "colour": "green"}', "f"), Leaf) == Leaf(name="a")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "fir"}, "f: kind: is 'fir', wanted 'oak' or 'elm'"),
        ({"rings": 0}, "f: rings: is 0, wanted 1 or more"),
        ({"rings": 1.0}, "f: rings: is a number, wanted a whole number"),
        ({"place": [1.0]}, "f: place: has 1 items, wanted 2"),
        ({"place": [1.0, None]}, r"f: place\[1\]: is null, wanted a number"),
        ({"leaves": [{}]}, r"f: leaves\[0\]\.name: missing"),
        ({"leaves": [{"name": ""}]}, r"f: leaves\[0\]\.name: is empty"),
        ({"leaves": [{"name": "a", "share": 0}]}, r"f: leaves\[0\]\.share: must be positive"),
        ({"leaves": [{"name": "a", "share": 4}]}, r"f: leaves\[0\]\.share: is more than there are rings"),
        ({"alive": 1}, "f: alive: is a number, wanted true or false"),
        ({"seconds": {"grow": "1"}}, r"f: seconds\.grow: is text, wanted a number"),
        ({"notes": 7}, "f: notes: is a number, wanted an object"),
    ],
)
def test_what_a_type_or_a_check_forbids_is_named_with_its_place(given: dict[str, object], message: str):
    document = {**encode(TREE), **given}
    with pytest.raises(FormatError, match=message):
        decode(parse_json(to_json(document), "f"), Tree)


def test_a_type_without_json_is_a_slip_of_ours():
    @dataclass(frozen=True)
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="no JSON is agreed for"):
        decode(parse_json('{"value": 1}', "f"), Odd)
