"""A lens bends what a pinhole sees, and its inverse undoes that."""

import numpy as np
import pytest

from amb3r_core.scene.lens import STRAIGHT, Lens, simple_radial

BARREL, PINCUSHION = simple_radial(-0.2), simple_radial(0.15)


@pytest.mark.parametrize("lens", [STRAIGHT, BARREL, PINCUSHION, simple_radial(1e-9)])
def test_undistorting_undoes_distorting(lens: Lens) -> None:
    x, y = np.meshgrid(np.linspace(-0.9, 0.9, 31), np.linspace(-0.7, 0.7, 23))
    back_x, back_y = lens.undistort(*lens.distort(x, y))
    assert max(np.abs(back_x - x).max(), np.abs(back_y - y).max()) < 1e-9


def test_a_barrel_pulls_inwards_and_a_pincushion_pushes_outwards() -> None:
    x, y = np.array([0.5]), np.array([0.25])
    assert BARREL.distort(x, y)[0] < x < PINCUSHION.distort(x, y)[0]
    assert BARREL.distort(x, y)[1] / BARREL.distort(x, y)[0] == pytest.approx(0.5)


def test_a_straight_lens_changes_nothing() -> None:
    x, y = np.array([0.5]), np.array([-0.25])
    assert STRAIGHT.is_straight
    assert not BARREL.is_straight
    np.testing.assert_array_equal(STRAIGHT.distort(x, y), (x, y))
    np.testing.assert_array_equal(STRAIGHT.undistort(x, y), (x, y))


def test_beyond_the_fold_of_a_barrel_there_is_no_ray() -> None:
    fold = 1.0 / np.sqrt(-3.0 * BARREL.coefficients[0])
    farthest = BARREL.distort(np.array([fold]), np.zeros(1))[0]
    assert np.isfinite(BARREL.undistort(0.999 * farthest, np.zeros(1))).all()
    assert np.isnan(BARREL.undistort(1.001 * farthest, np.zeros(1))).all()


def test_blending_goes_from_one_lens_to_the_other() -> None:
    assert BARREL.blended(PINCUSHION, 0.0) == BARREL
    assert BARREL.blended(PINCUSHION, 1.0) == PINCUSHION
    assert BARREL.blended(PINCUSHION, 0.5).coefficients[0] == pytest.approx(-0.025)


def test_a_lens_checks_its_coefficients() -> None:
    with pytest.raises(ValueError, match=r"a SIMPLE_RADIAL lens needs 1 finite coefficient\(s\), not \(0.1, 0.2\)"):
        Lens(coefficients=(0.1, 0.2))
    with pytest.raises(ValueError, match="finite"):
        simple_radial(float("nan"))
    with pytest.raises(ValueError, match="lens model 'FOV' is not known; wanted SIMPLE_RADIAL"):
        Lens(model="FOV", coefficients=(0.0,))  # pyright: ignore[reportArgumentType]


LENSES = [
    Lens(model="RADIAL", coefficients=(-0.2, 0.05)),
    Lens(model="OPENCV", coefficients=(-0.2, 0.05, 0.002, -0.003)),
    Lens(model="FULL_OPENCV", coefficients=(0.1, -0.05, 0.001, 0.002, 0.02, 0.3, -0.1, 0.01)),
    Lens(model="SIMPLE_RADIAL_FISHEYE", coefficients=(0.02,)),
    Lens(model="RADIAL_FISHEYE", coefficients=(0.02, -0.003)),
    Lens(model="OPENCV_FISHEYE", coefficients=(0.03, -0.01, 0.004, -0.001)),
]


@pytest.mark.parametrize("lens", LENSES, ids=[lens.model for lens in LENSES])
def test_each_model_bends_as_colmaps_does_and_is_undone(lens: Lens) -> None:
    import pycolmap

    x, y = np.meshgrid(np.linspace(-0.9, 0.9, 31), np.linspace(-0.7, 0.7, 23))
    focal = [1.0] if lens.model in ("RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE") else [1.0, 1.0]
    camera = pycolmap.Camera(model=lens.model, width=2, height=2, params=[*focal, 0.0, 0.0, *lens.coefficients])
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    theirs = np.array(camera.img_from_cam(rays))
    ours = lens.distort(x, y)
    assert np.abs(np.stack([axis.ravel() for axis in ours], axis=1) - theirs).max() < 1e-12
    back_x, back_y = lens.undistort(*ours)
    assert max(np.abs(back_x - x).max(), np.abs(back_y - y).max()) < 1e-8


def test_a_fisheye_is_never_straight() -> None:
    assert not Lens(model="OPENCV_FISHEYE", coefficients=(0.0,) * 4).is_straight
    assert Lens(model="OPENCV", coefficients=(0.0,) * 4).is_straight
