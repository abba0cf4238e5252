import torch

from amb3r_core.models.amb3r.heads import activate_pose


def test_only_the_field_of_view_is_clipped() -> None:
    assert activate_pose(-torch.ones(9)).tolist() == [-1.0] * 7 + [0.0, 0.0]
