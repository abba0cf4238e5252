import torch

from amb3r_core.models.blocks.patches import IMAGE_MEAN, normalize_colors


def test_colors_are_normalized_per_channel() -> None:
    mean = torch.tensor(IMAGE_MEAN)[:, None, None].expand(1, 3, 2, 2)
    assert torch.equal(normalize_colors(mean), torch.zeros(1, 3, 2, 2))
