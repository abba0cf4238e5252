"""COLMAP model with images beside it: PINHOLE cameras, real poses, and tracks through every view that sees a point.

`images/` holds the photos under the names the model uses; `sparse/0` holds the model. Observations are where the fused points
project in the views whose depth maps confirm them. COLMAP counts pixels from the corner of the top-left pixel: +0.5.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amb3r_core.export.colmap_tracks import Observations, add_observations, write_points
from amb3r_core.export.image_files import PlacedImage, place_images
from amb3r_core.export.notes import comment_lines, write_sidecar
from amb3r_core.export.points import ScenePoints
from amb3r_core.optional import require
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.conventions import CORNER_MINUS_CENTER
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.tracks import Tracks

MODEL_FOLDER = Path("sparse") / "0"
IMAGES_FOLDER = "images"


def export_colmap(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes `images/`, the binary model in `sparse/0`, and `amb3r.json` into the folder `path`."""
    return _export(reconstruction, path, points, lambda model, folder: model.write_binary(str(folder)))


def export_colmap_text(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """The same with the model as text, whose camera file starts with the scene's notes."""

    def write(model: Any, folder: Path) -> None:
        model.write_text(str(folder))
        cameras = folder / "cameras.txt"
        notes = "".join(f"# {line}\n" for line in comment_lines(reconstruction))
        cameras.write_text(notes + cameras.read_text(encoding="utf-8"), encoding="utf-8")

    return _export(reconstruction, path, points, write)


def _export(
    reconstruction: Reconstruction, path: Path, points: ScenePoints | None, write: Callable[[Any, Path], None]
) -> list[Path]:
    folder = path / MODEL_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    images = place_images(reconstruction, path / IMAGES_FOLDER)
    points = points or ScenePoints(reconstruction)
    tracks = points.tracks
    write(points.once(("colmap", *images), lambda: colmap_model(reconstruction, images, tracks)), folder)
    sidecar = write_sidecar(path, reconstruction, {"image_names": [image.name for image in images]})
    return [sidecar, *sorted(folder.iterdir()), *(path / IMAGES_FOLDER / image.name for image in images)]


def colmap_model(reconstruction: Reconstruction, images: list[PlacedImage], tracks: Tracks) -> Any:
    """The `pycolmap.Reconstruction`; image ids are 1 + view index, equal cameras are one camera.

    Points and observations come in by the model's own files: handing each observation over by itself takes several times as long.
    """
    pycolmap: Any = require("pycolmap", extra="", purpose="to write COLMAP models")
    model = pycolmap.Reconstruction()
    camera_ids = _add_cameras(pycolmap, model, [image.camera for image in images])
    for index, (view, image) in enumerate(zip(reconstruction.views, images, strict=True)):
        entry = pycolmap.Image(name=image.name, camera_id=camera_ids[index], image_id=index + 1)
        model.add_image_with_trivial_frame(entry, pycolmap.Rigid3d(view.world_to_cam[:3]))
    if len(tracks.points) == 0:
        return model
    with tempfile.TemporaryDirectory(prefix="amb3r-colmap-") as name:
        model.write_binary(name)
        add_observations(Path(name), [_observed(reconstruction, images, tracks, index) for index in range(len(images))])
        write_points(Path(name), tracks)
        model = pycolmap.Reconstruction(name)
    model.update_point_3d_errors()
    return model


def _observed(reconstruction: Reconstruction, images: list[PlacedImage], tracks: Tracks, index: int) -> Observations:
    rows = tracks.of_view(index)
    pixels = _project(reconstruction.views[index].world_to_cam, images[index].camera, tracks.points[rows])
    return Observations(pixels=pixels, point=rows)


def _add_cameras(pycolmap: Any, model: Any, cameras: list[PinholeCamera]) -> list[int]:
    """Adds each distinct camera; the id of every view's."""
    ids: dict[PinholeCamera, int] = {}
    for camera in cameras:
        if camera not in ids:
            ids[camera] = len(ids) + 1
            parameters = [camera.fx, camera.fy, camera.cx + CORNER_MINUS_CENTER, camera.cy + CORNER_MINUS_CENTER]
            entry = pycolmap.Camera(
                camera_id=ids[camera], model="PINHOLE", width=camera.width, height=camera.height, params=parameters
            )
            model.add_camera_with_trivial_rig(entry)
    return [ids[camera] for camera in cameras]


def _project(world_to_cam: Float64, camera: PinholeCamera, points: Float64) -> Float64:
    """COLMAP pixels (K, 2) of world points (K, 3)."""
    return camera.project(points @ world_to_cam[:3, :3].T + world_to_cam[:3, 3]) + CORNER_MINUS_CENTER
