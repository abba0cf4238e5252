import pytest
import torch

from amb3r_core.models.da3.reference import ReferenceRule, choose_reference


def tokens(n_views: int = 6) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, n_views, 32) + torch.randn(2, 1, 32)


@pytest.mark.parametrize("rule", ["balanced", "widest"])
def test_the_choice_follows_the_view_wherever_it_stands(rule: ReferenceRule) -> None:
    views, order = tokens(), torch.tensor([3, 5, 0, 1, 4, 2])
    assert torch.equal(order[choose_reference(views[:, order], rule)], choose_reference(views, rule))


def test_simple_rules_go_by_place() -> None:
    assert choose_reference(tokens(5), "first").tolist() == [0, 0]
    assert choose_reference(tokens(5), "middle").tolist() == [2, 2]


@pytest.mark.parametrize("rule", ["middle", "balanced", "widest"])
def test_of_one_or_two_views_the_first_is_the_reference(rule: ReferenceRule) -> None:
    assert choose_reference(tokens(2), rule).tolist() == [0, 0]
    assert choose_reference(tokens(1), rule).tolist() == [0, 0]


def test_a_view_like_none_of_the_others_is_no_balanced_reference() -> None:
    views = tokens(6)
    views[:, 2] *= -3
    assert 2 not in choose_reference(views, "balanced").tolist()
