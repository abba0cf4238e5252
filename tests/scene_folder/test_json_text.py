"""JSON that loses nothing and names what is wrong."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from amb3r_core.errors import FormatError
from amb3r_core.scene_folder.json_text import add_half, parse_json, subtract_half, to_json

DOCUMENT = {
    "a": [1, 2.5, -0.0],
    "b": {"c": None, "d": True},
    "e": [],
    "f": {},
    "g": [{"h": "ü\n"}],
    "i": [[1.0, 2.0], [3.0, 4.0]],
}


def test_any_reader_of_json_gets_the_document():
    assert json.loads(to_json(DOCUMENT)) == DOCUMENT
    assert parse_json(to_json(DOCUMENT), "f").plain() == DOCUMENT


def test_rows_of_numbers_stay_on_one_line():
    assert '"i": [[1.0, 2.0], [3.0, 4.0]]' in to_json(DOCUMENT)


def test_a_half_is_added_and_taken_off_bit_for_bit():
    random = np.random.default_rng(0)
    values = [*random.normal(size=300), *random.uniform(0, 5000, 300), 0.1, 63.7, -0.5, 511.7, 1e-12, 0.0]
    for value in values:
        number = parse_json(to_json({"x": add_half(value)}), "f").mapping()["x"].decimal()
        assert subtract_half(number) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_numbers_that_are_not_finite_are_not_written(value: object):
    with pytest.raises(ValueError, match="JSON"):
        to_json({"x": value})
    with pytest.raises(ValueError, match="JSON has no number"):
        add_half(float("inf"))


def test_what_json_does_not_have_is_not_written():
    with pytest.raises(TypeError):
        to_json({"x": np.float32(1.0)})
    with pytest.raises(TypeError, match="names are text, not 3"):
        to_json({3: "x"})


@pytest.mark.parametrize(
    ("text", "read", "message"),
    [
        ("{", lambda root: root, "f: not valid JSON"),
        ('{"x": NaN}', lambda root: root, "f: NaN is not a finite number"),
        ('{"x": 1e999}', lambda root: root.required("x").number(), "f: x: is not a finite number"),
        ('{"x": 1e9999999}', lambda root: root.required("x").number(), "f: x: is not a finite number"),
        ('{"x": -1e99999999999999999999}', lambda root: root.required("x").number(), "f: x: is not a finite number"),
        ('{"x": ' + "1" * 5000 + "}", lambda root: root, "f: not valid JSON: Exceeds the limit"),
        ('{"x": ' + "1" * 400 + "}", lambda root: root.required("x").integer(), "f: x: is beyond 9007199254740992"),
        ("[" * 60 + "]" * 60, lambda root: root, "f: lists and objects lie more than 50 deep"),
        ('{"x": "\\ud800"}', lambda root: root.required("x").text(), "f: x: holds half a character"),
        ('{"x": {"\\udfff": 1}}', lambda root: root.plain(), "f: x: a name in it holds half a character"),
        ('{"x": [[1, 2], [3]]}', lambda root: root.at(("x", 1)).items(2), r"f: x\[1\]: has 1 items, wanted 2"),
        ('{"x": [1, "2"]}', lambda root: root.at(("x", 1)).number(), r"f: x\[1\]: is text, wanted a number"),
        ('{"x": 1}', lambda root: root.required("y"), "f: y: missing"),
        ('{"x": {"y": 1}}', lambda root: root.at(("x", "y")).text(), r"f: x\.y: is a number, wanted text"),
        ("[]", lambda root: root.get("x"), "f: is a list, wanted an object"),
        ("{}", lambda root: root.items(), "f: is an object, wanted a list"),
        ("1", lambda root: root.text(), "is a number, wanted text"),
        ("null", lambda root: root.boolean(), "is null, wanted true or false"),
        ("1.5", lambda root: root.integer(), "is a number, wanted a whole number"),
        ("true", lambda root: root.integer(), "is true or false, wanted a whole number"),
        ("true", lambda root: root.number(), "is true or false, wanted a number"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(text: str, read, message: str):
    with pytest.raises(FormatError, match=message):
        read(parse_json(text, "f"))


def test_a_field_is_found_by_the_name_it_once_had():
    root = replace(parse_json('{"x": {"old": 1}, "new": 2}', "f"), old_names={"new": "old"})
    assert root.required("new").number() == 2
    assert root.at(("x", "new")).number() == 1
    assert root.get("other") is None
    with pytest.raises(FormatError, match=r"f: x\.old: is a number, wanted text"):
        root.at(("x", "new")).text()
