"""Straightening images: what a pinhole would have seen."""

import numpy as np
import pytest
import torch

from amb3r_core.compute.lens import undistort, undistort_mask
from amb3r_core.scene.camera import Camera, PinholeCamera
from amb3r_core.scene.lens import simple_radial

PINHOLE = PinholeCamera(width=80, height=60, fx=80.0, fy=80.0, cx=39.5, cy=29.5)
BENT = Camera(pinhole=PINHOLE, lens=simple_radial(-0.15))


def wave(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return 0.5 + 0.3 * torch.sin(u * 0.15) * torch.cos(v * 0.12)


def test_a_pinhole_image_is_left_as_it_is() -> None:
    image = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(undistort(image, Camera(pinhole=PINHOLE)), image, atol=1e-5)


def test_a_bent_image_becomes_the_pinhole_image() -> None:
    v, u = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    seen = BENT.undistort(np.stack([u.double().numpy(), v.double().numpy()], axis=-1))
    bent = wave(torch.from_numpy(seen[..., 0]), torch.from_numpy(seen[..., 1])).float()
    straight = undistort(bent[None], BENT)[0]
    assert (straight - wave(u, v)).abs().max() < 5e-3


def test_a_straightened_mask_holds_only_what_comes_from_usable_pixels() -> None:
    usable = torch.arange(80)[None].repeat(60, 1) < 40
    straight = undistort_mask(usable, BENT)
    assert bool((straight <= (undistort(usable[None].float(), BENT)[0] > 0.99)).all())
    assert 0 < int(straight.sum()) < int(usable.sum())


def test_a_camera_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the image is \(H, W\) = \(30, 40\) but its camera \(60, 80\)"):
        undistort(torch.zeros(3, 30, 40), BENT)
