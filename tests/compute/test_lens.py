"""Straightening images: what a pinhole would have seen."""

import torch

from amb3r_core.compute.lens import undistort

K = torch.tensor([[80.0, 0, 39.5], [0, 80, 29.5], [0, 0, 1]], dtype=torch.float64)


def wave(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return 0.5 + 0.3 * torch.sin(u * 0.15) * torch.cos(v * 0.12)


def test_a_pinhole_image_is_left_as_it_is() -> None:
    image = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(undistort(image, K, 0.0), image, atol=1e-5)


def test_a_bent_image_becomes_the_pinhole_image() -> None:
    k1 = -0.15
    v, u = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    x_bent, y_bent = (u - 39.5) / 80, (v - 29.5) / 80
    x, y = x_bent.clone(), y_bent.clone()
    for _ in range(20):  # inverse of x_bent = x (1 + k1 r^2)
        bend = 1 + k1 * (x**2 + y**2)
        x, y = x_bent / bend, y_bent / bend
    bent = wave(x * 80 + 39.5, y * 80 + 29.5)
    straight = undistort(bent[None], K, k1)[0]
    assert (straight - wave(u, v)).abs().max() < 5e-3
