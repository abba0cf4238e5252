import torch

from amb3r_core.models.amb3r.track_head import TrackHead


def test_the_tracker_stays_where_it_is_when_the_model_moves() -> None:
    with torch.device("meta"):
        tracker = TrackHead()
    tracker.to(torch.bfloat16)
    assert {parameter.dtype for parameter in tracker.parameters()} == {torch.float32}
    assert sum(parameter.numel() for parameter in tracker.parameters()) == 65_941_396


def test_the_tracker_is_not_trained() -> None:
    with torch.device("meta"):
        assert not any(parameter.requires_grad for parameter in TrackHead().parameters())
