from dataclasses import replace

import pytest

from amb3r_core.models.amb3r.config import FRONT_END, LARGE, ModelConfig, tiny_config


def test_the_published_size_and_its_front_end_differ_only_in_what_is_left_out() -> None:
    assert replace(FRONT_END, scale=LARGE.scale, backend=LARGE.backend) == LARGE


def test_a_back_end_of_another_width_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"\(64, 128, 64, 8\).*needs \(1024, 2048, 1024, 48\)"):
        ModelConfig(backend=tiny_config().backend)


def test_taps_must_end_at_the_last_pair() -> None:
    with pytest.raises(ValueError, match="end at the last pair, 23"):
        ModelConfig(taps=(4, 11, 17, 22))


def test_a_width_that_rotary_positions_can_not_split_is_refused() -> None:
    with pytest.raises(ValueError, match="rotary positions"):
        ModelConfig(width=1000)
