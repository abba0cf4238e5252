"""Stages and attention patches."""

import torch

from amb3r_core.voxel.serialization import finest_stage, plan_patches
from tests.voxel.clouds import random_voxels


def test_the_last_patch_borrows_the_same_slots_of_the_one_before() -> None:
    plan = plan_patches(torch.arange(10), [10], size=4)
    assert plan.shapes == ((3, 4),)
    assert plan.rows.view(3, 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 6, 7]]
    assert plan.place.tolist() == list(range(10))


def test_full_patches_borrow_nothing_and_a_small_scene_is_one_patch() -> None:
    plan = plan_patches(torch.arange(11), [8, 3], size=4)
    assert plan.shapes == ((2, 4), (1, 3))
    assert plan.rows.tolist() == list(range(11))


def test_chunks_are_all_patches_in_order_in_portions_of_one_length() -> None:
    plan = plan_patches(torch.arange(31), [26, 3, 2], size=4)
    chunks = list(plan.chunks(9))
    assert [tuple(chunk.shape) for chunk in chunks] == [(2, 4), (2, 4), (2, 4), (1, 4), (1, 3), (1, 2)]
    assert torch.equal(torch.cat([chunk.flatten() for chunk in chunks]), plan.rows)
    assert [tuple(chunk.shape) for chunk in plan.chunks(1)][:2] == [(1, 4), (1, 4)]


def test_patches_do_not_mix_scenes_and_keep_every_voxel_once() -> None:
    counts = [3, 0, 9, 4, 130]
    order = torch.cat([torch.randperm(n) + start for n, start in zip(counts, (0, 3, 3, 12, 16), strict=True)])
    scene = torch.repeat_interleave(torch.arange(5), torch.tensor(counts))
    plan = plan_patches(order, counts, size=4)
    start = 0
    for n_patches, length in plan.shapes:
        patches = plan.rows[start : start + n_patches * length].view(n_patches, length)
        assert (scene[patches] == scene[patches[:, :1]]).all()
        start += n_patches * length
    assert torch.equal(plan.rows[plan.place], torch.arange(len(order)))


def test_smallest_scene_shrinks_every_patch_of_the_batch() -> None:
    index = torch.cat([torch.tensor([[0, 0, 0, i] for i in range(3)]), torch.tensor([[1, 0, 0, i] for i in range(20)])])
    stage = finest_stage(index, None)
    assert stage.patches(0, 8, "per_scene").shapes == ((3, 8), (1, 3))
    assert {length for _, length in stage.patches(0, 8, "smallest_scene").shapes} == {3}


def test_pooling_merges_the_voxels_of_each_cell_of_twice_the_size() -> None:
    stage = finest_stage(random_voxels(), None)
    coarse, parent = stage.pooled(None)
    merged = torch.cat([stage.index[:, :1], stage.index[:, 1:] >> 1], dim=1)
    assert torch.equal(coarse.index[parent], merged)
    assert len(torch.unique(merged, dim=0)) == len(coarse.index)
    assert (coarse.codes[0].diff() > 0).all()


def test_pooling_beyond_the_last_bit_only_reorders() -> None:
    stage = finest_stage(torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0]]), None)
    coarse, parent = stage.pooled(None)
    assert coarse.depth == 0
    assert torch.equal(coarse.index[parent], stage.index)


def test_shuffling_draws_one_permutation_per_stage_from_the_seed() -> None:
    index = random_voxels()
    generator = torch.Generator().manual_seed(0)
    plain = finest_stage(index, None)
    shuffled = finest_stage(index, generator)
    assert torch.equal(shuffled.codes, plain.codes[[0, 1, 3, 2]])  # torch.randperm(4) after seed 0
    coarse, _ = shuffled.pooled(generator)
    kept, _ = shuffled.pooled(None)
    assert torch.equal(coarse.codes, kept.codes[[0, 2, 3, 1]])
