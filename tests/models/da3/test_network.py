import torch

from amb3r_core.models.da3.config import tiny_any_view
from amb3r_core.models.da3.network import AnyViewNetwork, NestedNetwork, Outputs
from tests.models.da3.tiny import close, tiny_any, tiny_images, tiny_network, tiny_pair, tiny_single


def test_only_what_is_asked_for_is_worked_out() -> None:
    with torch.inference_mode():
        less = tiny_any()(tiny_images(), outputs=Outputs.NOTHING_MORE)
        more = tiny_any()(tiny_images(), outputs=Outputs.CAMERAS | Outputs.RAYS)
    assert less.poses is None
    assert less.maps.rays is None
    assert more.poses is not None
    assert more.maps.rays is not None
    close(less.maps.depth, more.maps.depth)


def test_scenes_of_one_batch_know_nothing_of_one_another() -> None:
    images = torch.cat([tiny_images(3), tiny_images(4)[:, 1:]])
    with torch.inference_mode():
        together, alone = tiny_any()(images), tiny_any()(images[1:])
    close(together.maps.depth[1:], alone.maps.depth)
    close(together.poses[1:], alone.poses)


def test_the_pair_says_what_its_networks_say() -> None:
    pair = tiny_network(tiny_pair()).model
    assert isinstance(pair, NestedNetwork)
    with torch.inference_mode():
        views, metric = pair(tiny_images(2))
        close(metric.depth, pair.da3_metric(tiny_images(2)).depth)
        close(views.maps.depth, pair.da3(tiny_images(2)).maps.depth)
    assert metric.sky is not None


def test_one_view_is_enough_for_both_kinds() -> None:
    with torch.inference_mode():
        assert tiny_any()(tiny_images(1)).maps.depth.shape == (1, 1, 42, 56)
        assert tiny_single()(tiny_images(1)).depth.shape == (1, 1, 42, 56)


def test_gated_blocks_and_the_unused_gaussian_head_leave_the_seam_as_it_is() -> None:
    network = tiny_network(tiny_any_view(gaussian_channels=38, mlp="swiglu")).model
    assert isinstance(network, AnyViewNetwork)
    assert any(name.startswith("gs_head.images_merger.4") for name in network.state_dict())
    with torch.inference_mode():
        assert network(tiny_images(2)).maps.depth.shape == (1, 2, 42, 56)
