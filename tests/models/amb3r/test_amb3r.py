from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork, Outputs, Pass
from amb3r_core.models.amb3r.config import FRONT_END, LARGE, ModelConfig, tiny_config
from amb3r_core.models.amb3r.manifest import published_tensors
from tests.golden import build
from tests.models.amb3r.tiny import mended, tiny_images, tiny_network


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Amb3rNetwork(config).state_dict().items()}


def dense_of(one: Pass) -> list[Tensor]:
    assert one.poses is not None
    assert one.depth is not None
    assert one.points is not None
    assert one.median_depth_m is not None
    return [one.poses[-1], one.depth.values, one.depth.confidence, one.points.values, one.median_depth_m]


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    assert shapes(LARGE) == {name: spec.shape for name, spec in published_tensors().items()}


def test_the_front_end_alone_has_the_names_under_its_prefix() -> None:
    prefix = "front_end.model."
    assert shapes(FRONT_END) == {name: spec.shape for name, spec in published_tensors().items() if name.startswith(prefix)}


def test_the_same_input_gives_the_same_bytes() -> None:
    with torch.inference_mode():
        first, second = (tiny_network()(tiny_images())[-1] for _ in range(2))
    for one, other in zip(dense_of(first), dense_of(second), strict=True):
        assert torch.equal(one, other)


def test_the_second_pass_differs_from_the_first() -> None:
    with torch.inference_mode():
        draft, refined = tiny_network()(tiny_images())
    for one, other in zip(dense_of(draft), dense_of(refined), strict=True):
        assert (one - other).abs().mean() > 1e-4 * one.abs().mean()


def test_swapping_all_views_but_the_first_swaps_the_answer() -> None:
    images, order = tiny_images(3), torch.tensor([0, 2, 1])
    with torch.inference_mode():
        straight, swapped = tiny_network()(images)[-1], tiny_network()(images[:, order])[-1]
    for one, other in zip(dense_of(straight), dense_of(swapped), strict=True):
        torch.testing.assert_close(other, one[:, order], rtol=1e-4, atol=1e-5)


def test_the_first_view_is_special() -> None:
    images, order = tiny_images(2), torch.tensor([1, 0])
    with torch.inference_mode():
        straight, swapped = tiny_network().draft(images), tiny_network().draft(images[:, order])
    assert (dense_of(straight)[1][:, order] - dense_of(swapped)[1]).abs().max() > 1e-4


def test_scenes_of_one_batch_do_not_see_each_other() -> None:
    images = torch.cat([tiny_images(2), tiny_images(2).flip(-1)])
    with torch.inference_mode():
        together, alone = tiny_network()(images)[-1], tiny_network()(images[:1])[-1]
    for one, other in zip(dense_of(together), dense_of(alone), strict=True):
        torch.testing.assert_close(one[:1], other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_views", [1, 2])
def test_one_view_is_enough(n_views: int) -> None:
    with torch.inference_mode():
        refined = tiny_network()(tiny_images(n_views, 14, 14))[-1]
    assert all(bool(tensor.isfinite().all()) for tensor in dense_of(refined))


def test_only_the_heads_asked_for_run_and_give_the_same_numbers() -> None:
    with torch.inference_mode():
        everything, points = tiny_network().draft(tiny_images()), tiny_network().draft(tiny_images(), Outputs.POINTS)
    assert (points.poses, points.depth, points.median_depth_m) == (None, None, None)
    assert points.points is not None
    assert everything.points is not None
    assert torch.equal(points.points.values, everything.points.values)


def test_every_quirk_changes_the_answer() -> None:
    with torch.inference_mode():
        published = tiny_network()(tiny_images())[-1]
        for quirk in fields(type(tiny_config().quirks)):
            other = tiny_network(mended(**{quirk.name: False}))(tiny_images())[-1]
            assert (dense_of(other)[1] - dense_of(published)[1]).abs().max() > 1e-5, quirk.name


def test_a_further_round_adds_to_the_tokens_of_the_last() -> None:
    network = tiny_network()
    with torch.inference_mode():
        second = network.refine(network.draft(tiny_images()))
        third = network.refine(second)
    assert (third.encoder.patches - second.encoder.patches).abs().max() > 1e-4


def test_padding_does_not_enter_the_voxels() -> None:
    network = tiny_network()
    valid = torch.ones(1, 2, 42, 56, dtype=torch.bool)
    valid[..., :14] = False
    seen: list[tuple[Tensor, Tensor]] = []
    assert network.backend is not None
    handle = network.backend.point_transformer.register_forward_pre_hook(lambda _, voxels: seen.append(voxels))
    with torch.inference_mode():
        first = network.draft(tiny_images(2))
        assert first.points is not None
        wild = torch.where(valid[..., None], first.points.values, 5.0)
        moved = replace(first, points=replace(first.points, values=wild))
        for one, mask in ((first, valid), (moved, valid), (moved, None)):
            network.refine(one, valid=mask)
    handle.remove()
    plain, masked, unmasked = seen
    assert torch.equal(plain[0], masked[0])
    assert torch.equal(plain[1], masked[1])
    assert plain[0].shape != unmasked[0].shape


def test_images_that_no_patch_grid_covers_are_refused() -> None:
    with pytest.raises(ValueError, match="40 x 56 pixels: multiples of 14"):
        tiny_network().draft(torch.rand(1, 1, 3, 40, 56))


def test_refining_needs_a_draft_with_points() -> None:
    network = tiny_network()
    with torch.inference_mode(), pytest.raises(ValueError, match="first pass with points"):
        network.refine(network.draft(tiny_images(), Outputs.DEPTH))


def test_a_training_step_lowers_the_loss_through_both_passes() -> None:
    network, images = build(tiny_config()).train(), tiny_images(2)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)

    def loss() -> Tensor:
        torch.manual_seed(0)
        draft, refined = network(images)
        return sum(((tensor - 1) ** 2).mean() for one in (draft, refined) for tensor in dense_of(one)[:4])

    before = loss()
    before.backward()
    missing = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert all("mask_token" in name or "metric_scale_projector" in name for name in missing)
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    assert loss() < before


def test_a_saved_state_loads_back_bit_equal() -> None:
    network = tiny_network()
    with torch.device("meta"):
        other = Amb3rNetwork(tiny_config())
    other.load_state_dict({name: tensor.clone() for name, tensor in network.state_dict().items()}, assign=True)
    with torch.inference_mode():
        one, two = network(tiny_images(2))[-1], other.eval()(tiny_images(2))[-1]
    assert all(torch.equal(a, b) for a, b in zip(dense_of(one), dense_of(two), strict=True))
