"""A scene folder with bytes flipped or cut off is read, or refused in one line; never a traceback."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from amb3r_core.errors import Amb3rError
from amb3r_core.export.npz import scene_arrays
from amb3r_core.export.scene_dir import save_scene
from amb3r_core.scene_folder.ply import read_cloud
from amb3r_core.scene_folder.reader import read_scene
from tests.fakes import rich_scene

FILES = ("scene.amb3r", "points.ply", "dense/depth.npy", "dense/confidence.npy", "dense/rgb.npy")
N_CASES = 300
HEADER_BYTES = 400


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes cut off somewhere, or some of them changed, most often near the beginning."""
    if chance.random() < 0.2:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    reach = min(len(data), HEADER_BYTES) if chance.random() < 0.6 else len(data)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        place = chance.randrange(reach)
        changed[place] = chance.choice((changed[place] ^ 1 << chance.randrange(8), *b'09"[]{},.-e\0\n'))
    return bytes(changed)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a flipped bit makes a depth of 1e38, which overflows
def test_a_damaged_scene_is_read_or_refused_in_one_line(tmp_path: Path):
    save_scene(rich_scene(tmp_path / "photos"), tmp_path / "scene")
    chance, refusals = random.Random(0), list[str]()
    whole = {name: (tmp_path / "scene" / name).read_bytes() for name in FILES}
    for number in range(N_CASES):
        name = FILES[number % len(FILES)]
        (tmp_path / "scene" / name).write_bytes(damaged(whole[name], chance))
        try:
            stored = read_scene(tmp_path / "scene")
            scene_arrays(replace(stored.reconstruction, dense=stored.open_dense()))
            if stored.points_path is not None:
                read_cloud(stored.points_path)
        except Amb3rError as error:
            refusals.append(str(error))
        (tmp_path / "scene" / name).write_bytes(whole[name])
    assert N_CASES / 4 < len(refusals) < N_CASES
    assert all(str(tmp_path) in refusal for refusal in refusals)
