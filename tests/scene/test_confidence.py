"""Confidence and weight say the same on two scales."""

import numpy as np
import pytest

from amb3r_core.scene.confidence import confidence_of_weight, weight_of_confidence


def test_the_two_scales_undo_one_another() -> None:
    confidence = np.geomspace(1.0, 1000.0, 20)
    np.testing.assert_allclose(confidence_of_weight(weight_of_confidence(confidence)), confidence)
    assert weight_of_confidence(4.0) == pytest.approx(0.75)
    assert confidence_of_weight(0.75) == pytest.approx(4.0)


def test_no_confidence_weighs_nothing_and_more_confidence_weighs_more() -> None:
    weight = weight_of_confidence(np.array([1.0, 2.0, 50.0]))
    assert weight[0] == 0.0
    assert (np.diff(weight) > 0).all()
    assert weight[-1] < 1.0


def test_single_precision_stays_single() -> None:
    confidence = np.array([1.0, 3.0], dtype=np.float32)
    assert weight_of_confidence(confidence).dtype == np.float32
    assert confidence_of_weight(weight_of_confidence(confidence)).dtype == np.float32
