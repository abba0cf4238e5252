"""The back end at its published size against numbers the published architecture gave for the same synthetic weights.

Two scenes of 900 points and 1024 channels (case E), every 64th channel of the answers. Takes 2 GB.
"""

import numpy as np
import pytest

from amb3r_core.models.amb3r.config import LARGE
from tests.golden import build_backend, compare, run_backend
from tests.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("full size network")]


def test_every_published_number_of_the_back_end_comes_out_again() -> None:
    with np.load(ROOT / "tests" / "data" / "goldens" / "case_E.npz") as file:
        golden = {name: file[name] for name in file.files}
    comparisons = compare(run_backend(build_backend(LARGE), 2), golden)
    assert [one.name for one in comparisons] == list(golden)
    assert [one for one in comparisons if not one.passes] == []
    assert max(one.error for one in comparisons) < 1e-5
