"""Space-filling curves."""

import numpy as np
import pytest
import torch

from amb3r_core.voxel.curves import CURVES, curve_depth, hilbert_code, serialize, z_code
from amb3r_core.voxel.serialization import finest_stage
from tests.paths import SHARED

GOLDENS = SHARED / "reference" / "goldens"


def cube(depth: int) -> torch.Tensor:
    axis = torch.arange(1 << depth)
    return torch.cartesian_prod(axis, axis, axis)


@pytest.mark.parametrize("code", [z_code, hilbert_code])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_curve_visits_every_cell_of_a_cube_once(code, depth: int) -> None:
    codes = code(cube(depth), depth)
    assert torch.equal(codes.sort().values, torch.arange(8**depth))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_steps_along_the_hilbert_curve_are_one_cell_long(depth: int) -> None:
    cells = cube(depth)
    along = cells[hilbert_code(cells, depth).argsort()]
    assert (along.diff(dim=0).abs().sum(dim=1) == 1).all()


@pytest.mark.parametrize("code", [z_code, hilbert_code])
def test_the_eight_children_of_a_cell_share_all_but_three_bits(code) -> None:
    cells = cube(4)
    parent = z_code(cells >> 1, 3)
    for cell in range(8**3):
        assert len(set((code(cells[parent == cell], 4) >> 3).tolist())) == 1


def test_x_is_the_most_significant_axis_of_the_z_curve() -> None:
    assert z_code(torch.eye(3, dtype=torch.long), 1).tolist() == [4, 2, 1]


def test_scenes_come_one_after_another_whatever_the_curve() -> None:
    index = torch.tensor([[1, 0, 0, 0], [0, 3, 3, 3]])
    assert (serialize(index, 2)[:, 0] > serialize(index, 2)[:, 1]).all()


def test_one_voxel_at_the_origin_needs_no_bits() -> None:
    index = torch.tensor([[0, 0, 0, 0], [2, 0, 0, 0]])
    assert curve_depth(index[:, 1:]) == 0
    assert serialize(index, 0).tolist() == [[0, 2]] * len(CURVES)


@pytest.mark.parametrize("n_scenes", [1, 2])
def test_codes_and_orders_are_those_of_the_published_network(n_scenes: int) -> None:
    file = GOLDENS / f"case_E_backend_B{n_scenes}.npz"
    if not file.is_file():
        pytest.skip("the golden files are not beside this checkout")
    golden = np.load(file)
    stage = finest_stage(torch.from_numpy(golden["voxel_index"].astype(np.int64)), None)
    assert np.array_equal(stage.codes.numpy(), golden["serialized_code"])
    assert np.array_equal(stage.orders.numpy(), golden["serialized_order"])
    counts = []
    for level in range(5):
        counts.append(torch.bincount(stage.index[:, 0]).tolist())
        stage = stage.pooled(None)[0] if level < 4 else stage
    assert counts == golden["voxel_count_per_level"].tolist()
