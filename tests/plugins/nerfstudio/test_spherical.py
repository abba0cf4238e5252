"""Spherical harmonics turn with their splat."""

import numpy as np
import pytest
from amb3r_nerfstudio.spherical import basis, sphere_points, turn_coefficients, turning_matrix

from amb3r_core.scene.conventions import rotation_from_quaternion

DIRECTIONS = sphere_points(500)


def rotations(count: int) -> list[np.ndarray]:
    return [rotation_from_quaternion(q) for q in np.random.default_rng(1).normal(size=(count, 4))]


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_basis_is_orthonormal_on_the_sphere(degree: int):
    values = basis(degree, sphere_points(20_000))
    gram = values.T @ values / 20_000 * 4 * np.pi
    assert np.abs(gram - np.eye(2 * degree + 1)).max() < 1e-3


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_turned_field_shows_the_same_colours_in_turned_directions(degree: int):
    coefficients = np.random.default_rng(0).normal(size=2 * degree + 1)
    for rotation in rotations(5):
        turned = turning_matrix(degree, rotation) @ coefficients
        assert np.abs(basis(degree, DIRECTIONS @ rotation.T) @ turned - basis(degree, DIRECTIONS) @ coefficients).max() < 1e-12


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_turning_is_a_representation_of_rotations(degree: int):
    first, second = rotations(2)
    matrix = turning_matrix(degree, first)
    assert np.abs(matrix @ matrix.T - np.eye(2 * degree + 1)).max() < 1e-12
    assert np.abs(turning_matrix(degree, second @ first) - turning_matrix(degree, second) @ matrix).max() < 1e-12
    assert np.abs(turning_matrix(degree, np.eye(3)) - np.eye(2 * degree + 1)).max() < 1e-12


@pytest.mark.parametrize("count", [0, 3, 8, 15])
def test_all_degrees_turn_together(count: int):
    rest = np.random.default_rng(2).normal(size=(4, count, 3)).astype(np.float32)
    (rotation,) = rotations(1)
    turned = turn_coefficients(rest, rotation)
    values = [basis(degree, DIRECTIONS) for degree in (1, 2, 3)]
    moved = [basis(degree, DIRECTIONS @ rotation.T) for degree in (1, 2, 3)]
    before = np.concatenate(values, axis=1)[:, :count] @ rest
    after = np.concatenate(moved, axis=1)[:, :count] @ turned
    assert np.abs(before - after).max(initial=0) < 1e-5


def test_incomplete_degrees_are_refused():
    with pytest.raises(ValueError, match="5 coefficients"):
        turn_coefficients(np.zeros((1, 5, 3), np.float32), np.eye(3))
    with pytest.raises(ValueError, match="degree must be"):
        basis(4, DIRECTIONS)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_basis_is_the_one_of_gsplats_renderer():
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("gsplat.cuda._torch_impl")
    ours = np.concatenate([basis(degree, DIRECTIONS) for degree in (1, 2, 3)], axis=1)
    coefficients = torch.eye(16, dtype=torch.float64)[None, :, :, None].expand(500, 16, 16, 3)
    theirs = reference._spherical_harmonics(3, torch.as_tensor(DIRECTIONS)[:, None].expand(-1, 16, 3), coefficients)
    assert np.abs(theirs[:, 1:, 0].numpy() - ours).max() < 1e-6
