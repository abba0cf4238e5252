"""Where the golden files of the published package lie."""

import numpy as np

from tests.golden import Array
from tests.paths import ROOT

GOLDENS = ROOT / "tests" / "data" / "goldens" / "da3"


def golden(name: str) -> dict[str, Array]:
    """The arrays of one golden file."""
    with np.load(GOLDENS / f"{name}.npz") as file:
        return {array: file[array] for array in file.files}
