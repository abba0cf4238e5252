from dataclasses import replace

import pytest

from amb3r_core.models.da3.config import LARGE, SINGLE, SMALL, AnyViewConfig, BackboneConfig, SingleViewConfig


def test_odd_blocks_are_joint_once_views_know_of_one_another() -> None:
    assert [block for block in range(12) if SMALL.backbone.is_joint(block)] == [5, 7, 9, 11]
    assert not any(SINGLE.backbone.is_joint(block) for block in range(24))


def test_a_tap_of_a_joint_network_is_twice_as_wide() -> None:
    assert (LARGE.backbone.tap_channels, SINGLE.backbone.tap_channels) == (2048, 1024)


def test_taps_must_be_joint_blocks_in_order() -> None:
    with pytest.raises(ValueError, match="must be blocks that see all views"):
        replace(SMALL.backbone, taps=(4, 7, 9, 11))
    with pytest.raises(ValueError, match="must ascend and stay below the depth 12"):
        replace(SMALL.backbone, taps=(5, 7, 9, 12))


def test_a_width_that_rotary_positions_can_not_split_is_refused() -> None:
    with pytest.raises(ValueError, match="rotary positions"):
        BackboneConfig(width=100, n_heads=6, depth=4, taps=(0, 1, 2, 3), joint_from=None)


def test_a_backbone_must_be_of_its_networks_kind() -> None:
    with pytest.raises(ValueError, match="joint_from"):
        AnyViewConfig(backbone=SINGLE.backbone, dense=SINGLE.dense)
    with pytest.raises(ValueError, match="must be None"):
        SingleViewConfig(backbone=SMALL.backbone, dense=SMALL.dense)
