from dataclasses import replace

import pytest
import torch

from amb3r_core.models.blocks.memory import plan, view_limit
from amb3r_core.models.da3.config import CONFIGS, GIANT, SINGLE, SMALL, NestedConfig, Variant
from amb3r_core.models.da3.memory import Da3Load, weight_bytes

GIB = 2**30
LOAD = Da3Load(n_views=4, height=378, width=504, dtype=torch.float32, config=SMALL)
MEASURED: list[tuple[Variant, int, float]] = [("da3-small", 4, 0.92), ("da3-small", 30, 1.89), ("da3-base", 8, 1.72)]
"""Peaks in GB of a process that holds the weights once and runs `Da3Model.predict` on a CPU, in float32."""


@pytest.mark.parametrize(("variant", "n_views", "measured_gb"), MEASURED)
def test_the_estimate_is_a_little_above_what_was_measured(variant: Variant, n_views: int, measured_gb: float) -> None:
    estimated = sum(replace(LOAD, n_views=n_views, config=CONFIGS[variant]).bytes_needed()) / 1e9
    assert measured_gb <= estimated <= 1.15 * measured_gb


def test_thirty_views_of_small_take_less_than_four_gigabytes() -> None:
    assert sum(replace(LOAD, n_views=30).bytes_needed()) < 4e9


def test_the_gaussian_head_is_not_counted_and_half_precision_halves_the_backbone() -> None:
    assert weight_bytes(GIANT, torch.float32) == weight_bytes(replace(GIANT, gaussian_channels=None), torch.float32)
    assert weight_bytes(SINGLE, torch.bfloat16) < 0.6 * weight_bytes(SINGLE, torch.float32)


def test_a_pair_holds_the_weights_of_both_and_works_for_one_at_a_time() -> None:
    pair = replace(LOAD, config=NestedConfig(any_view=SMALL, metric=SINGLE)).bytes_needed()
    small, single = LOAD.bytes_needed(), replace(LOAD, config=SINGLE).bytes_needed()
    assert pair[0] == small[0] + single[0]
    assert pair[1] == max(small[1], single[1])


def test_every_view_within_the_limit_fits_and_one_more_does_not() -> None:
    limit = view_limit(LOAD, 4 * GIB)
    square = replace(LOAD, n_views=limit, height=504)
    assert plan(square, 4 * GIB).fits
    assert not plan(replace(square, n_views=limit + 1), 4 * GIB).fits


def test_what_does_not_fit_is_told_with_what_would() -> None:
    tight = plan(replace(LOAD, n_views=200), 3 * GIB)
    assert not tight.fits
    assert "200 views of 504 x 378 in float32" in tight.sentence
    assert "views at once" in tight.sentence
