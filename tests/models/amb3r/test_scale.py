import torch

from amb3r_core.models.amb3r.scale import scene_scale


def test_the_scale_brings_the_median_depth_to_its_metres() -> None:
    depth = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3)
    torch.testing.assert_close(scene_scale(torch.tensor([[8.0]]), depth), torch.tensor([4.0]))


def test_of_two_views_the_smaller_scale_wins() -> None:
    depth = torch.ones(1, 2, 1, 1)
    torch.testing.assert_close(scene_scale(torch.tensor([[5.0, 3.0]]), depth), torch.tensor([3.0]))


def test_a_median_of_an_even_count_is_the_lower_middle() -> None:
    depth = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 2, 2)
    torch.testing.assert_close(scene_scale(torch.tensor([[2.0]]), depth), torch.tensor([1.0]))


def test_invalid_pixels_and_views_without_valid_pixels_have_no_vote() -> None:
    depth = torch.tensor([[1.0, 100.0, 100.0], [9.0, 9.0, 9.0]]).view(1, 2, 1, 3)
    valid = torch.tensor([[True, False, False], [False, False, False]]).view(1, 2, 1, 3)
    torch.testing.assert_close(scene_scale(torch.tensor([[2.0, 2.0]]), depth, valid), torch.tensor([2.0]))
