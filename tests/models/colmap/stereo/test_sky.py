"""Clear sky in photos: unknown, unlike a white wall."""

import torch

from amb3r_core.models.colmap.stereo.sky import sky

HEIGHT, WIDTH = 60, 80
CLEAR, PALE, WALL = (0.55, 0.75, 0.95), (0.93, 0.95, 0.97), (0.9, 0.9, 0.9)
TREE_TOP = 20


def photo(above: tuple[float, float, float], horizon: int = 30) -> torch.Tensor:
    """One colour above a textured ground (3, H, W), and a dark post that parts it."""
    image = torch.rand((3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0)) * 0.4
    image[:, :horizon] = torch.tensor(above)[:, None, None]
    image[:, TREE_TOP:horizon, 38:42] = 0.1
    return image


def everywhere(n: int) -> torch.Tensor:
    return torch.ones((n, HEIGHT, WIDTH), dtype=torch.bool)


def test_clear_sky_is_found_down_to_the_horizon_on_both_sides_of_a_post():
    (found,) = sky(photo(CLEAR)[None], everywhere(1))
    assert found[:27, :35].all()
    assert found[:27, 45:].all()
    assert not found[30:].any()
    assert not found[TREE_TOP:, 38:42].any()


def test_a_white_wall_is_no_sky():
    assert not sky(photo(WALL)[None], everywhere(1)).any()


def test_a_blue_wall_below_something_is_no_sky():
    image = photo(CLEAR)
    image[:, :8] = 0.2
    assert not sky(image[None], everywhere(1)).any()


def test_pale_sky_counts_where_most_photos_show_clear_sky():
    assert not sky(photo(PALE)[None], everywhere(1)).any()
    found = sky(torch.stack([photo(CLEAR), photo(PALE), photo(CLEAR), photo(CLEAR), photo(WALL)]), everywhere(5))
    assert [bool(one.any()) for one in found] == [True, True, True, True, False]


def test_sky_below_the_padding_of_a_photo_is_found():
    valid, image = everywhere(1), photo(CLEAR)
    valid[:, :6], image[:, :6] = False, 0.0
    (found,) = sky(image[None], valid)
    assert found[9:27, :35].all()
    assert not found[:6].any()
