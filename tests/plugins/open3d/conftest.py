"""The exact room as the plugin's scene."""

import pytest
from amb3r_open3d.scene import Scene

from tests.fakes import Room, fake_room


@pytest.fixture(scope="session")
def room() -> Room:
    return fake_room(5, 96, 72)


@pytest.fixture(scope="session")
def scene(room: Room) -> Scene:
    return Scene(room.reconstruction)
