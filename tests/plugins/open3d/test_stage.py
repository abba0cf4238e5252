"""Stages compose."""

import pytest
from amb3r_open3d.stage import Pipeline, Stage


class Add(Stage[int, int]):
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, data: int, /) -> int:
        return data + self.number


def test_both_ways_of_composing_are_one():
    chained = Add(1) >> Add(2) >> str
    assert chained(4) == Pipeline([Add(1), Pipeline([Add(2), str])])(4) == "7"
    assert len(chained.stages) == 3
    assert chained.run_inference(0) == {"result": "3"}


def test_an_empty_pipeline_is_refused():
    with pytest.raises(ValueError, match="at least one stage"):
        Pipeline([])
