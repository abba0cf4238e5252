"""Confidence as models give it, at least 1, and as a weight in [0, 1): ``w = (c - 1) / c``."""

from typing import TypeVar

from amb3r_core.scene.arrays import Float32, Float64

Number = TypeVar("Number", float, Float32, Float64)


def weight_of_confidence(confidence: Number) -> Number:
    """The weight in [0, 1) of a raw confidence >= 1; 0 where nothing is known."""
    return (confidence - 1.0) / confidence


def confidence_of_weight(weight: Number) -> Number:
    """The raw confidence >= 1 behind a weight in [0, 1); undoes `weight_of_confidence`."""
    return 1.0 / (1.0 - weight)
