"""The network at its published size against numbers the published architecture gave for the same synthetic weights.

`tests/data/goldens` holds strided arrays of two cases: two views of 84 x 112 pixels (A) and one of 70 x 98 (C). Takes 7 GB.
"""

import numpy as np
import psutil
import pytest

from amb3r_core.models.amb3r.amb3r import Amb3rNetwork
from amb3r_core.models.amb3r.config import LARGE
from tests.golden import build, compare, run
from tests.paths import ROOT
from tests.synthetic_weights import synthetic_images

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("full size network")]
GOLDENS = ROOT / "tests" / "data" / "goldens"
NEEDED_BYTES = 8 * 2**30


@pytest.fixture(scope="module")
def network() -> Amb3rNetwork:
    if psutil.virtual_memory().available < NEEDED_BYTES:
        pytest.skip("the network at its published size takes 8 GiB of free memory")
    return build(LARGE)


@pytest.mark.parametrize(("case", "n_views", "height", "width"), [("A", 2, 84, 112), ("C", 1, 70, 98)])
def test_every_published_number_comes_out_again(network: Amb3rNetwork, case: str, n_views: int, height: int, width: int) -> None:
    with np.load(GOLDENS / f"case_{case}.npz") as file:
        golden = {name: file[name] for name in file.files}
    comparisons = compare(run(network, synthetic_images(1, n_views, height, width)), golden)
    assert len(comparisons) >= 28
    assert [one for one in comparisons if not one.passes] == []
