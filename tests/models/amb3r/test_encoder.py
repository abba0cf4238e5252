import pytest
import torch

from amb3r_core.models.amb3r import encoder as encoder_module
from tests.models.amb3r.tiny import tiny_images, tiny_network


def test_positions_are_used_as_they_are_on_their_own_grid_and_resized_on_others() -> None:
    encoder = tiny_network().front_end.model.aggregator.patch_embed
    assert torch.equal(encoder.positions((5, 5)), encoder.pos_embed[:, 1:])
    assert encoder.positions((3, 4)).shape == (1, 12, 64)


def test_views_are_encoded_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = tiny_network(), tiny_images(3)
    with torch.inference_mode():
        together = network.encode(images)
        monkeypatch.setattr(encoder_module, "FRAMES_PER_CHUNK", 2)
        chunked = network.encode(images)
        alone = network.encode(images[:, 1:2])
    torch.testing.assert_close(chunked.patches, together.patches)
    torch.testing.assert_close(alone.patches[0, 0], together.patches[0, 1])
    torch.testing.assert_close(alone.cls[0, 0], together.cls[0, 1])
