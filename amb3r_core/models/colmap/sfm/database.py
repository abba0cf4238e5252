"""The COLMAP database of a set of photos: cameras, features and verified pairs. Image n + 1 is photo n."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pycolmap

from amb3r_core.models.colmap.sfm.features import Features
from amb3r_core.models.colmap.sfm.matching import VerifiedPair
from amb3r_core.storage.atomic import written_whole

MODELS_TOO = 4
"""Space that must be free, over the database's own size: the attempts' models come after it."""
ZEROS = bytes(1 << 20)
OPEN_TRIES = 200
OPEN_PAUSE_S = 0.05


@contextmanager
def opened_database(path: Path) -> Generator[pycolmap.Database]:
    """The database, once other processes let it be: opening writes a little, and several attempts share one.

    Raises what pycolmap does where that lasts.
    """
    for left in reversed(range(OPEN_TRIES)):
        try:
            database = pycolmap.Database.open(path)
            break
        except RuntimeError:
            if not left:
                raise
            time.sleep(OPEN_PAUSE_S)
    else:
        raise AssertionError("the last try returns or raises")
    with database:
        yield database


def write_database(
    path: Path,
    names: Sequence[str],
    cameras: Sequence[pycolmap.Camera],
    features: Sequence[Features],
    pairs: Sequence[VerifiedPair],
) -> None:
    """Writes the database, replacing an older one at once."""
    with written_whole(path) as partial:
        _check_space(partial, MODELS_TOO * _n_bytes(features, pairs))
        with pycolmap.Database.open(partial) as database, pycolmap.DatabaseTransaction(database):
            _write_cameras(database, cameras)
            for index, (name, camera, found) in enumerate(zip(names, cameras, features, strict=True)):
                _write_photo(database, index + 1, image_name(index, name), camera, found)
            for pair in pairs:
                database.write_matches(pair.first + 1, pair.second + 1, pair.matches)
                database.write_two_view_geometry(pair.first + 1, pair.second + 1, pair.to_colmap())


def _write_cameras(database: pycolmap.Database, cameras: Sequence[pycolmap.Camera]) -> None:
    for camera in {camera.camera_id: camera for camera in cameras}.values():
        database.write_camera(camera, use_camera_id=True)
        rig = pycolmap.Rig(rig_id=camera.camera_id)
        rig.add_ref_sensor(camera.sensor_id)
        database.write_rig(rig, use_rig_id=True)


def _n_bytes(features: Sequence[Features], pairs: Sequence[VerifiedPair]) -> int:
    return sum(found.keypoints.nbytes for found in features) + sum(2 * pair.matches.nbytes for pair in pairs)


def _check_space(path: Path, n_bytes: int) -> None:
    """Raises `OSError` when so much cannot be written beside `path`: pycolmap ends the process when its own writing fails."""
    with path.open("wb") as file:
        for _ in range(n_bytes // len(ZEROS) + 1):
            file.write(ZEROS)
    path.unlink()


def image_name(index: int, name: str) -> str:
    """What the database calls a photo."""
    return f"{index:06d} {name}"


def photo_of(image_id: int) -> int:
    """The index of the photo behind an image id."""
    return image_id - 1


def _write_photo(database: pycolmap.Database, image_id: int, name: str, camera: pycolmap.Camera, found: Features) -> None:
    image = pycolmap.Image(image_id=image_id, name=name, camera_id=camera.camera_id)
    database.write_image(image, use_image_id=True)
    frame = pycolmap.Frame(frame_id=image_id, rig_id=camera.camera_id)
    frame.add_data_id(image.data_id)
    database.write_frame(frame, use_frame_id=True)
    database.write_keypoints(image_id, found.keypoints)
