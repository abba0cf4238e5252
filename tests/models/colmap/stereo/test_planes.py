"""Planes through trusted pixels, on inverse depths that are known."""

import torch
from torch import Tensor

from amb3r_core.models.colmap.stereo.evidence import Hypotheses
from amb3r_core.models.colmap.stereo.planes import PlanePrior, add_plane_votes, colours, plane_prior

HEIGHT, WIDTH = 60, 80
RED, BLUE = (0.7, 0.1, 0.1), (0.1, 0.1, 0.7)


def plane(across: float, down: float, middle: float) -> Tensor:
    rows, columns = torch.arange(HEIGHT)[:, None] / HEIGHT, torch.arange(WIDTH)[None] / WIDTH
    return middle + across * columns + down * rows


def painted(is_left: Tensor) -> Tensor:
    """(3, h, w): red on the left, blue on the right."""
    return torch.where(is_left, torch.tensor(RED)[:, None, None], torch.tensor(BLUE)[:, None, None])


LEFT = (torch.arange(WIDTH) < 40).expand(HEIGHT, WIDTH)
TRUTH = torch.where(LEFT, plane(0.2, 0.1, 0.5), plane(-0.3, 0.0, 1.2))


def test_each_colour_gets_its_own_plane_across_a_hole_without_trust() -> None:
    hole = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    hole[20:40, 10:30] = True
    found = torch.where(hole, 3 * TRUTH, TRUTH)
    prior = plane_prior(painted(LEFT), found, (~hole).float(), step=0.005)
    assert float((prior.inverse_depth / TRUTH - 1)[hole].abs().max()) < 0.01
    assert float(prior.strength[hole].min()) > 0.5
    away = (torch.arange(WIDTH) < 30) | (torch.arange(WIDTH) > 50)
    assert float((prior.inverse_depth / TRUTH - 1)[:, away].abs().max()) < 0.01


def test_a_trusted_outlier_does_not_bend_the_plane() -> None:
    found = TRUTH.clone()
    found[25:33, 12:20] *= 0.5
    prior = plane_prior(painted(LEFT), found, torch.ones_like(found), step=0.005)
    assert float((prior.inverse_depth / TRUTH - 1)[25:33, 12:20].abs().max()) < 0.03


def test_depth_that_lies_on_no_plane_gives_none() -> None:
    noise = torch.rand((HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0)) + 0.2
    prior = plane_prior(painted(LEFT), noise, torch.ones_like(noise), step=0.005)
    assert float(prior.strength.mean()) < 0.02


def test_a_pixel_trusted_by_itself_hears_less_of_its_plane() -> None:
    trust = torch.full_like(TRUTH, 0.5)
    trust[30, 20] = 1.0
    prior = plane_prior(painted(LEFT), TRUTH, trust, step=0.005)
    assert float(prior.strength[30, 20]) < 0.6 * float(prior.strength[30, 18])


def test_votes_lower_the_costs_at_the_plane_alone() -> None:
    hypotheses = Hypotheses(0.1, 0.1, 10)
    prior = PlanePrior(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.8, 0.0]]))
    cost = torch.ones(1, 2, 10)
    add_plane_votes(cost, prior, hypotheses, tolerance=0.01, price=0.5)
    assert int(cost[0, 0].argmin()) == 4
    assert abs(float(cost[0, 0, 4]) - 0.6) < 1e-6
    assert bool((cost[0, 1] == 1).all())


def test_a_prior_says_where_a_depth_lies_on_it() -> None:
    prior = PlanePrior(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.9, 0.9, 0.9]))
    met = prior.met_by(torch.tensor([1.0, 1.2, 1.0]), 0.02)
    assert abs(float(met[0]) - 0.9) < 1e-6
    assert float(met[1]) < 1e-6
    assert float(met[2]) == 0


def test_colours_part_an_image_by_what_is_seen() -> None:
    found = colours(painted(LEFT))
    assert len(found[:, :39].unique()) == 1
    assert len(found[:, 41:].unique()) == 1
    assert int(found[0, 0]) != int(found[0, -1])
