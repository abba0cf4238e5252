import torch

from amb3r_core.models.da3.alignment import is_sky, median, metres_per_unit, metric_depth


def maps() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Depth, confidence, and which pixels may be used; (2, 6, 8) each."""
    torch.manual_seed(0)
    return torch.rand(2, 6, 8) + 0.5, torch.rand(2, 6, 8) + 1, torch.ones(2, 6, 8, dtype=torch.bool)


def test_metres_are_in_proportion_to_the_focal_length() -> None:
    matrices = torch.diag_embed(torch.tensor([[300.0, 300.0, 1.0], [500.0, 700.0, 1.0]]))
    depth = metric_depth(torch.ones(2, 3, 4), matrices)
    torch.testing.assert_close(depth[:, 0, 0], torch.tensor([1.0, 2.0]))


def test_a_depth_in_another_unit_gives_the_unit() -> None:
    depth, confidence, usable = maps()
    scale = metres_per_unit(depth, confidence, 2.5 * depth, usable)
    assert scale is not None
    assert abs(scale - 2.5) < 1e-6


def test_sky_and_what_is_not_confident_have_no_vote() -> None:
    depth, confidence, usable = maps()
    depth_m = 2.5 * depth
    usable[0, :2] = False
    depth_m[0, :2] = 1000
    unsure = confidence < median(confidence[usable])
    depth_m[unsure] = 99
    scale = metres_per_unit(depth, confidence, depth_m, usable)
    assert scale is not None
    assert abs(scale - 2.5) < 1e-6


def test_without_a_pixel_to_compare_there_is_no_scale() -> None:
    depth, confidence, usable = maps()
    assert metres_per_unit(depth, confidence, depth, ~usable) is None
    assert metres_per_unit(depth, confidence, torch.zeros_like(depth), usable) is None


def test_a_median_of_an_even_count_is_between_the_middle_two() -> None:
    assert median(torch.tensor([4.0, 1.0, 2.0, 3.0])) == 2.5


def test_sky_begins_at_its_threshold() -> None:
    assert is_sky(torch.tensor([0.0, 0.29, 0.3, 2.0])).tolist() == [False, False, True, True]
