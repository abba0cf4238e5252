import pytest
import torch

from amb3r_core.models.blocks.watching import watched
from amb3r_core.progress import Cancelled, Progress
from tests.models.amb3r.tiny import tiny_images, tiny_network


def test_every_step_is_reported_and_the_last_says_that_all_is_done() -> None:
    network, seen = tiny_network(), []
    with torch.inference_mode(), watched(network, seen.append, stage="draft", total=10):
        network.draft(tiny_images(1))
    assert seen[0] == Progress(stage="draft", done=0, total=10)
    assert len(seen) > 10
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert seen[-1].done == seen[-1].total


def test_a_monitor_stops_the_network_and_leaves_it_as_it_was() -> None:
    network = tiny_network()

    def stop(progress: Progress, /) -> None:
        if progress.done == 3:
            raise Cancelled

    with pytest.raises(Cancelled), torch.inference_mode(), watched(network, stop, stage="draft"):
        network.draft(tiny_images(1))
    assert not any(module._forward_pre_hooks for module in network.modules())
