"""Each sign moves the probability the way it should."""

from dataclasses import replace

import torch

from amb3r_core.models.colmap.stereo.probability import LARGEST, Signs, probability


def one(value: float) -> torch.Tensor:
    return torch.tensor([[value]])


TYPICAL = Signs(
    margin=one(0.1), precision=one(0.004), confirmed=one(0.5), contradicted=one(0.0), plane=one(0.2), likeness=one(0.7)
)


def test_the_probability_rises_with_what_speaks_for_a_depth_and_falls_with_what_speaks_against_it() -> None:
    middle = float(probability(TYPICAL))
    assert 0 < middle < 1
    better = {"margin": 0.3, "precision": 0.001, "confirmed": 1.0, "plane": 0.9, "likeness": 0.95}
    worse = {"margin": 0.0, "precision": 0.03, "confirmed": 0.0, "contradicted": 2.0, "plane": 0.0, "likeness": 0.2}
    assert all(float(probability(replace(TYPICAL, **{name: one(value)}))) > middle for name, value in better.items())
    assert all(float(probability(replace(TYPICAL, **{name: one(value)}))) < middle for name, value in worse.items())


def test_nothing_is_certain() -> None:
    sure = Signs(
        margin=one(9.0), precision=one(0.0), confirmed=one(1.0), contradicted=one(0.0), plane=one(1.0), likeness=one(1.0)
    )
    assert float(probability(sure)) == torch.tensor(LARGEST).item()
