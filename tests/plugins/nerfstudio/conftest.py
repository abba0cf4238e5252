"""What the plugin's tests share."""

from dataclasses import replace
from pathlib import Path

import pytest
from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
from amb3r_nerfstudio.seed import SeedConfig

from tests.fakes import Room, fake_room, judged


@pytest.fixture(scope="session")
def exact_room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Ten exact views whose poses are sure; photos and depth maps have the same 64x48 pixels."""
    room = fake_room(10, original_scale=1.0, images_folder=tmp_path_factory.mktemp("exact photos"))
    return replace(room, reconstruction=judged(room.reconstruction, 0.97))


@pytest.fixture(scope="session")
def exact_dataset(exact_room: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of the exact room."""
    folder = tmp_path_factory.mktemp("exact dataset")
    write_dataset(exact_room.reconstruction, folder, DatasetConfig(seed=SeedConfig(points=4000, splats=8000)))
    return folder
