from dataclasses import replace

import pytest
import torch

from amb3r_core.models.amb3r.config import LARGE, tiny_config
from amb3r_core.models.amb3r.manifest import published_tensors
from amb3r_core.models.amb3r.memory import Load, estimate, weight_bytes
from amb3r_core.models.blocks.memory import largest_view_count, plan, view_limit

GIB = 2**30
LOAD = Load(n_views=8, height=392, width=518, dtype=torch.float32)
MEASURED = [
    (torch.float32, 4, 7.40),
    (torch.float32, 8, 7.56),
    (torch.bfloat16, 2, 4.98),
    (torch.bfloat16, 4, 5.26),
    (torch.bfloat16, 8, 5.45),
]
"""Peaks of a process that maps its weights and runs both passes on a CPU, as
`benchmarks/network.py` does; those of bfloat16 at 2 and 8 views are of `Amb3rModel.predict` alone."""


def test_the_weights_are_counted_as_they_will_be_held() -> None:
    read = {name: torch.Size(spec.shape).numel() for name, spec in published_tensors().items() if "track_head" not in name}
    assert abs(weight_bytes(LARGE, torch.float32) - 4 * sum(read.values())) < 100
    backend = sum(size for name, size in read.items() if name.startswith("backend."))
    assert abs(weight_bytes(LARGE, torch.float32, use_backend=False) - 4 * (sum(read.values()) - backend)) < 100
    in_float32 = ("_head.", "projector.", "point_transformer.")
    halved = sum(size for name, size in read.items() if not any(part in name for part in in_float32))
    assert abs(weight_bytes(LARGE, torch.float32) - weight_bytes(LARGE, torch.bfloat16) - 2 * halved) < 0.01 * halved


@pytest.mark.parametrize(("dtype", "n_views", "measured_gb"), MEASURED)
def test_the_estimate_is_a_little_above_what_was_measured(dtype: torch.dtype, n_views: int, measured_gb: float) -> None:
    estimated = sum(estimate(replace(LOAD, dtype=dtype, n_views=n_views))) / 1e9
    assert measured_gb <= estimated <= 1.1 * measured_gb


def test_eight_views_fit_where_they_should() -> None:
    assert sum(estimate(LOAD)) < 11e9
    assert sum(estimate(replace(LOAD, dtype=torch.bfloat16))) < 6.5e9


def test_more_views_more_pixels_and_wider_numbers_take_more() -> None:
    base = sum(estimate(LOAD))
    assert sum(estimate(replace(LOAD, n_views=9))) > base
    assert sum(estimate(replace(LOAD, width=532))) > base
    assert sum(estimate(replace(LOAD, dtype=torch.bfloat16))) < base
    assert sum(estimate(replace(LOAD, use_backend=False))) < base


def test_a_call_that_fits_needs_no_lever() -> None:
    roomy = plan(LOAD, 64 * GIB)
    assert roomy.fits
    assert roomy.levers == ()
    assert roomy.sentence.startswith("8 views of 518 x 392 in float32 take about")


def test_every_lever_that_is_offered_is_enough() -> None:
    tight = plan(replace(LOAD, n_views=60), 14 * GIB)
    assert not tight.fits
    views = largest_view_count(tight.load, tight.available)
    assert 0 < views < 60
    assert plan(replace(tight.load, n_views=views), tight.available).fits
    assert not plan(replace(tight.load, n_views=views + 1), tight.available).fits
    assert f"at most {views} views at once" in tight.sentence
    side = next(int(lever.strip("`").split("=")[1]) for lever in tight.levers if lever.startswith("`long_side"))
    assert plan(replace(tight.load, height=round(side * 392 / 518 / 14) * 14, width=side), tight.available).fits


def test_a_smaller_network_takes_less() -> None:
    small = estimate(replace(LOAD, config=tiny_config()))
    assert all(tiny < large for tiny, large in zip(small, estimate(LOAD), strict=True))


def test_the_limit_of_views_holds_for_any_shape() -> None:
    limit = view_limit(LOAD, 14 * GIB)
    square = replace(LOAD, n_views=limit, height=518)
    assert plan(square, 14 * GIB).fits
    assert not plan(replace(square, n_views=limit + 1), 14 * GIB).fits
    assert plan(replace(LOAD, n_views=limit), 14 * GIB).fits
    assert view_limit(LOAD, 0) == 0


def test_where_nothing_helps_the_plan_says_so() -> None:
    assert "no setting makes it fit" in plan(LOAD, GIB).sentence
