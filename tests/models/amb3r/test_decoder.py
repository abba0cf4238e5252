import torch
from torch import Tensor

from tests.models.amb3r.tiny import mended, tiny_network

GRID = (2, 3)


def decode(aliased: bool, *, inject: bool) -> list[Tensor]:
    network = tiny_network(mended(frame_taps_see_global_injection=aliased))
    torch.manual_seed(0)
    patches = torch.randn(1, 2, 6, 64)
    injected = torch.randn(8, 1, 2, 6, 64)
    with torch.inference_mode():
        taps = network.front_end.model.aggregator(patches, GRID, (lambda index: injected[index]) if inject else None)
    return list(taps.features)


def test_the_frame_half_of_a_tap_differs_by_exactly_the_injection_before_the_global_block() -> None:
    torch.manual_seed(0)
    torch.randn(1, 2, 6, 64)
    injected = torch.randn(8, 1, 2, 6, 64)
    for pair, (published, clean) in enumerate(zip(decode(True, inject=True), decode(False, inject=True), strict=True)):
        difference = published - clean
        torch.testing.assert_close(difference[:, :, 5:, :64], injected[2 * pair + 1], atol=1e-5, rtol=1e-5)
        assert not difference[:, :, :5].any()
        assert not difference[..., 64:].any()


def test_without_an_injection_the_taps_have_no_quirk() -> None:
    for published, clean in zip(decode(True, inject=False), decode(False, inject=False), strict=True):
        assert torch.equal(published, clean)


def test_decoding_gives_the_same_with_and_without_a_gradient() -> None:
    network = tiny_network()
    torch.manual_seed(0)
    patches, injected = torch.randn(1, 2, 6, 64), torch.randn(8, 1, 2, 6, 64)
    before = patches.clone()
    with_gradient = network.front_end.model.aggregator(patches, GRID, lambda index: injected[index])
    with torch.inference_mode():
        without = network.front_end.model.aggregator(patches, GRID, lambda index: injected[index])
    assert torch.equal(patches, before)
    for one, other in zip(with_gradient.features, without.features, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
