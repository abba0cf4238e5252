"""The networks at their published sizes against numbers that the published package gave for the same synthetic weights.

`tests/data/goldens/da3` holds thinned arrays, made by `benchmarks/da3_goldens.py make`.
"""

import psutil
import pytest

from amb3r_core.models.da3.network import Da3Network
from tests.da3_cases import CASES, Case
from tests.da3_golden import build, compare_case, compare_rays
from tests.models.da3.published import GOLDENS, golden

FAST = [case for case in CASES if case.variant == "da3-small" and max(case.size) < 200]
NEEDED_BYTES = {"da3-giant": 8 * 2**30}


@pytest.fixture(scope="module")
def small() -> Da3Network:
    return build("da3-small")


@pytest.mark.parametrize("case", FAST, ids=lambda case: case.name)
def test_every_number_of_small_comes_out_again(case: Case, small: Da3Network) -> None:
    comparisons = compare_case(case, golden(case.name), network=small)
    assert len(comparisons) >= 12
    assert [one for one in comparisons if not one.passes] == []


@pytest.mark.slow
@pytest.mark.xdist_group("full size network")
@pytest.mark.parametrize("case", [case for case in CASES if case not in FAST], ids=lambda case: case.name)
def test_every_number_of_the_larger_ones_comes_out_again(case: Case) -> None:
    if psutil.virtual_memory().available < NEEDED_BYTES.get(case.variant, 3 * 2**30):
        pytest.skip(f"{case.variant} takes more memory than is free")
    comparisons = compare_case(case, golden(case.name))
    assert len(comparisons) >= 7
    assert [one for one in comparisons if not one.passes] == []


def test_exact_rays_become_the_cameras_that_the_package_makes_of_them() -> None:
    assert [one for one in compare_rays(golden("rays")) if not one.passes] == []


def test_other_weights_are_told_apart(small: Da3Network) -> None:
    case = CASES[0]
    salted = build("da3-small", "salt")
    assert not all(one.passes for one in compare_case(case, golden(case.name), network=salted))


def test_the_golden_files_stay_small() -> None:
    files = list(GOLDENS.glob("*.npz"))
    assert {path.stem for path in files} == {case.name for case in CASES} | {"rays"}
    assert sum(path.stat().st_size for path in files) < 600_000
