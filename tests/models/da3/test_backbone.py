import pytest
import torch

from amb3r_core.models.blocks.attention import Rotation
from amb3r_core.models.da3 import backbone as backbone_module
from amb3r_core.models.da3.backbone import BackboneTaps, OnePlace
from tests.models.da3.tiny import close, tiny_any, tiny_images, tiny_single

CPU = torch.device("cpu")


def test_turning_the_camera_tokens_alone_is_turning_all_patches_to_one_place() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 2 * 7, 3, 16)
    positions = torch.cat([torch.zeros(1, 2), torch.ones(6, 2)])
    products = []
    for rotation in (Rotation(positions, 16), OnePlace(6, 16, CPU)):
        products.append(torch.einsum("slhc,smhc->slmh", rotation.apply(query), rotation.apply(key)))
    torch.testing.assert_close(products[0], products[1])


def test_the_views_after_the_reference_may_come_in_any_order() -> None:
    network, images = tiny_any().backbone, tiny_images(4)
    with torch.inference_mode():
        taps: BackboneTaps = network(images, rule="first")
        swapped: BackboneTaps = network(images[:, [0, 3, 1, 2]], rule="first")
    for one, other in zip(taps.features, swapped.features, strict=True):
        close(other, one[:, [0, 3, 1, 2]])
    close(swapped.camera, taps.camera[:, [0, 3, 1, 2]])


def test_with_a_chosen_reference_the_order_of_all_views_does_not_matter() -> None:
    network, images = tiny_any().backbone, tiny_images(5)
    order = [4, 2, 0, 1, 3]
    with torch.inference_mode():
        taps: BackboneTaps = network(images)
        mixed: BackboneTaps = network(images[:, order])
    assert order[int(mixed.reference[0])] == int(taps.reference[0])
    close(mixed.features[-1], taps.features[-1][:, order])


def test_known_cameras_take_the_place_of_the_learned_token() -> None:
    network, images = tiny_any().backbone, tiny_images(3)
    with torch.inference_mode():
        learned: BackboneTaps = network(images, rule="first")
        tokens = network.pretrained.camera_token
        given: BackboneTaps = network(images, torch.cat([tokens[:, :1], tokens[:, 1:], tokens[:, 1:]], dim=1))
    close(given.camera, learned.camera)


def test_views_are_seen_by_themselves_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    images = tiny_images(3)
    for network in (tiny_any().backbone, tiny_single().backbone):
        with torch.inference_mode():
            whole: BackboneTaps = network(images)
            monkeypatch.setattr(backbone_module, "VIEWS_PER_CHUNK", 2)
            chunked: BackboneTaps = network(images)
        close(chunked.features[-1], whole.features[-1])


def test_single_views_know_nothing_of_one_another() -> None:
    network, images = tiny_single().backbone, tiny_images(3)
    with torch.inference_mode():
        together: BackboneTaps = network(images)
        alone: BackboneTaps = network(images[:, 1:2])
    close(alone.features[-1][:, 0], together.features[-1][:, 1])


def test_a_gradient_does_not_change_the_numbers() -> None:
    network, images = tiny_any().backbone, tiny_images(3)
    with_gradient: BackboneTaps = network(images)
    with torch.inference_mode():
        without: BackboneTaps = network(images)
    close(without.features[-1], with_gradient.features[-1].detach())
    with_gradient.features[0].sum().backward()


def test_positions_are_used_as_they_are_on_their_own_grid_and_resized_on_others() -> None:
    transformer = tiny_any().backbone.pretrained
    assert torch.equal(transformer._positions((5, 5)), transformer.pos_embed[:, 1:])
    assert transformer._positions((3, 4)).shape == (1, 12, 32)


def test_images_that_patches_do_not_fill_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 14"):
        tiny_any()(torch.zeros(1, 2, 3, 42, 57))
