import torch

from amb3r_core.models.da3.network import Outputs
from tests.models.da3.tiny import close, tiny_any, tiny_images


def test_cameras_change_with_what_the_other_cameras_are() -> None:
    torch.manual_seed(0)
    poses = torch.randn(1, 3, 9)
    encoder = tiny_any().cam_enc
    with torch.inference_mode():
        tokens, moved = encoder(poses), encoder(poses + torch.tensor([[[0.0], [0.0], [1.0]]]))
    assert tokens.shape == (1, 3, 32)
    assert (tokens[:, 0] - moved[:, 0]).abs().max() > 1e-3


def test_a_field_of_view_is_never_negative() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        poses = tiny_any().cam_dec(10 * torch.randn(2, 50, 64))
    assert bool((poses[..., 7:] >= 0).all())
    assert bool((poses[..., :7] < 0).any())


def test_each_camera_is_read_from_its_own_token() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(1, 4, 64)
    with torch.inference_mode():
        close(tiny_any().cam_dec(tokens)[:, 2], tiny_any().cam_dec(tokens[:, 2:3])[:, 0])


def test_known_cameras_change_the_answer() -> None:
    network, images = tiny_any(), tiny_images(3)
    poses = torch.tensor([0, 0, 0, 0, 0, 0, 1, 0.8, 1.0]).expand(1, 3, 9)
    with torch.inference_mode():
        free, held = network(images), network(images, poses, outputs=Outputs.CAMERAS)
    assert (free.maps.depth - held.maps.depth).abs().max() > 1e-3
    assert held.poses.shape == (1, 3, 9)
