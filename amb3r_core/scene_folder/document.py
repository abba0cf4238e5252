"""Between the values of a scene and the records of its document."""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.camera import Letterbox, PinholeCamera
from amb3r_core.scene.lens import STRAIGHT, Lens, is_lens_model
from amb3r_core.scene.reconstruction import (
    Provenance,
    Reconstruction,
    Scale,
    UnregisteredView,
    VideoSource,
    View,
    WeightsInfo,
)
from amb3r_core.scene_folder.codec import FieldError, encode
from amb3r_core.scene_folder.json_text import add_half, exact, subtract_half, to_json
from amb3r_core.scene_folder.records import (
    FORMAT,
    FORMAT_VERSION,
    DenseRecord,
    EngineRecord,
    LensRecord,
    PointsRecord,
    PoseRow,
    ScaleRecord,
    SceneRecord,
    Triple,
    UnregisteredRecord,
    VideoRecord,
    ViewRecord,
    WeightsRecord,
    is_absolute,
)

SCENE_FILE = "scene.amb3r"
POINTS_FILE = "points.ply"
DEPTH_FILE, CONFIDENCE_FILE, RGB_FILE = "dense/depth.npy", "dense/confidence.npy", "dense/rgb.npy"

MissingPhotos = Literal["refuse", "accept"]
"""What to do about a photo or mask that the document names inside the scene folder and that is not there."""


def scene_text(reconstruction: Reconstruction, folder: Path, n_points: int | None) -> str:
    """The text of `scene.amb3r` in `folder`; n_points: of `points.ply`, None when there is none."""
    return to_json(encode(record_of(reconstruction, folder, n_points))) + "\n"


def record_of(reconstruction: Reconstruction, folder: Path, n_points: int | None) -> SceneRecord:
    """What the document of a scene in `folder` says."""
    scale, dense, video, up = reconstruction.scale, reconstruction.dense, reconstruction.video, reconstruction.up_world
    return SceneRecord(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        unit="metre" if scale.is_metric else "unit",
        metric=scale.is_metric,
        scale=ScaleRecord(kind=scale.kind, source=scale.source, relative_spread=_float(scale.relative_spread)),
        frame="opencv",
        pixel_origin="corner",
        up_world=None if up is None else (float(up[0]), float(up[1]), float(up[2])),
        views=tuple(_view_record(view, folder) for view in reconstruction.views),
        unregistered=tuple(
            UnregisteredRecord(name=view.name, reason=view.reason, image=_stored(view.path, folder))
            for view in reconstruction.unregistered
        ),
        dense=None
        if dense is None
        else DenseRecord(
            depth=DEPTH_FILE,
            confidence=CONFIDENCE_FILE,
            rgb=RGB_FILE,
            width=int(dense.width),
            height=int(dense.height),
            weight_is_probability=bool(dense.weight_is_probability),
        ),
        points=None if n_points is None else PointsRecord(file=POINTS_FILE, count=n_points, has_confidence=True),
        video=None
        if video is None
        else VideoRecord(path=_told(stored_path(video.path, folder)), frames_per_second=float(video.frames_per_second)),
        engine=_engine_record(reconstruction.provenance),
        pose_trust=_float(reconstruction.pose_trust),
    )


def _view_record(view: View, folder: Path) -> ViewRecord:
    camera, letterbox = view.camera, view.letterbox
    return ViewRecord(
        name=view.name,
        image=_stored(view.path, folder),
        width=int(camera.width),
        height=int(camera.height),
        K=_K_of(camera),
        cam_to_world=_rows_of(view.cam_to_world),
        letterbox=(int(letterbox.x), int(letterbox.y), int(letterbox.width), int(letterbox.height)),
        timestamp_s=_float(view.timestamp_s),
        is_keyframe=bool(view.is_keyframe),
        mask=_stored(view.mask_path, folder),
        lens=None if view.lens.is_straight else LensRecord(model=view.lens.model, coefficients=view.lens.coefficients),
        pose_trust=_float(view.pose_trust),
    )


def _K_of(camera: PinholeCamera) -> tuple[Triple, Triple, Triple]:
    zero, one = exact(0.0), exact(1.0)
    return (
        (exact(camera.fx), zero, add_half(camera.cx)),
        (zero, exact(camera.fy), add_half(camera.cy)),
        (zero, zero, one),
    )


def _rows_of(pose: Float64) -> tuple[PoseRow, PoseRow, PoseRow, PoseRow]:
    a, b, c, d = ((float(row[0]), float(row[1]), float(row[2]), float(row[3])) for row in pose)
    return a, b, c, d


def _engine_record(provenance: Provenance) -> EngineRecord:
    weights = provenance.weights
    return EngineRecord(
        name="amb3r",
        version=provenance.version,
        model=provenance.model,
        pipeline=provenance.pipeline,
        weights=None
        if weights is None
        else WeightsRecord(name=weights.name, sha256=weights.sha256, licence=weights.licence, source=weights.source),
        weights_licence=None if weights is None else weights.licence,
        config=dict(provenance.config),
        seconds={stage: float(seconds) for stage, seconds in provenance.seconds.items()},
        notes=tuple(provenance.notes),
    )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _told(path: str) -> str:
    """A path that is only told, with question marks for bytes that are no UTF-8."""
    return path.encode("utf-8", "replace").decode("utf-8")


def _stored(path: str | None, folder: Path) -> str | None:
    return None if path is None else stored_path(path, folder)


def stored_path(path: str, folder: Path) -> str:
    """The path as the document names it."""
    absolute = Path(os.path.abspath(path))
    inside = Path(os.path.abspath(folder))
    return (absolute.relative_to(inside) if absolute.is_relative_to(inside) else absolute).as_posix()


def reconstruction_of(record: SceneRecord, folder: Path, missing_photos: MissingPhotos = "refuse") -> Reconstruction:
    """The scene a record describes, without its dense maps. Raises `FieldError` for a file that should be there."""
    scale, video = record.scale, record.video
    places = _Places(folder, missing_photos)
    return Reconstruction(
        views=tuple(_view_of(view, places, index) for index, view in enumerate(record.views)),
        scale=Scale(kind=scale.kind, source=scale.source, relative_spread=scale.relative_spread),
        provenance=_provenance_of(record.engine),
        unregistered=tuple(
            UnregisteredView(name=view.name, reason=view.reason, path=places.photo(view.image, "unregistered", index, "image"))
            for index, view in enumerate(record.unregistered)
        ),
        up_world=record.up_world,
        video=None
        if video is None
        else VideoSource(path=str(resolved(video.path, folder)), frames_per_second=video.frames_per_second),
        pose_trust=record.pose_trust,
    )


def _view_of(record: ViewRecord, places: "_Places", index: int) -> View:
    x, y, width, height = record.letterbox
    return View(
        name=record.name,
        camera=_camera_of(record),
        cam_to_world=np.array(record.cam_to_world),
        letterbox=Letterbox(x=x, y=y, width=width, height=height),
        lens=_lens_of(record.lens),
        path=places.photo(record.image, "views", index, "image"),
        mask_path=places.photo(record.mask, "views", index, "mask"),
        is_keyframe=record.is_keyframe,
        timestamp_s=record.timestamp_s,
        pose_trust=record.pose_trust,
    )


def _camera_of(record: ViewRecord) -> PinholeCamera:
    (fx, _, cx), (_, fy, cy), _ = record.K
    return PinholeCamera(
        width=record.width,
        height=record.height,
        fx=float(fx),
        fy=float(fy),
        cx=subtract_half(cx),
        cy=subtract_half(cy),
    )


def _lens_of(record: LensRecord | None) -> Lens:
    """The lens of a record; straight where its model is of a later day."""
    if record is None or not is_lens_model(record.model):
        return STRAIGHT
    return Lens(model=record.model, coefficients=record.coefficients)


def _provenance_of(record: EngineRecord) -> Provenance:
    weights = record.weights
    return Provenance(
        model=record.model,
        version=record.version,
        pipeline=record.pipeline,
        weights=None
        if weights is None
        else WeightsInfo(name=weights.name, sha256=weights.sha256, licence=weights.licence, source=weights.source),
        config=record.config,
        seconds=record.seconds,
        notes=record.notes,
    )


class _Places:
    """Where photos lie: inside the scene folder they must be there, elsewhere they may have been moved."""

    def __init__(self, folder: Path, missing: MissingPhotos) -> None:
        self._folder, self._missing = folder, missing

    def photo(self, path: str | None, *steps: str | int) -> str | None:
        if path is None:
            return None
        place = resolved(path, self._folder)
        if self._missing == "refuse" and place.is_relative_to(self._folder) and not os.path.isfile(place):
            raise FieldError(f"the file {path} is missing", *steps)
        return str(place)


def resolved(path: str, folder: Path) -> Path:
    """The place of a path that the document names."""
    return Path(path) if is_absolute(path) else folder / path


def own_file(path: str, folder: Path, *steps: str | int) -> Path:
    """The place of a file of the scene itself. Raises `FieldError` when it is missing, or outside the folder, links followed."""
    place = resolved(path, folder)
    if not is_inside(place, folder):
        raise FieldError(f"{path} leaves the scene folder", *steps)
    if not os.path.isfile(place):  # unlike `Path.is_file` it takes a path of any length
        raise FieldError(f"the file {path} is missing", *steps)
    return place


def is_inside(place: Path, folder: Path) -> bool:
    """Whether a file lies in the folder, with all links followed."""
    return Path(os.path.realpath(place)).is_relative_to(os.path.realpath(folder))


def files_outside(reconstruction: Reconstruction, folder: Path) -> list[str]:
    """The photos and masks that a scene names and that lie outside its folder, with all links followed."""
    named = [path for view in reconstruction.views for path in (view.path, view.mask_path)]
    named += [view.path for view in reconstruction.unregistered]
    return [path for path in named if path is not None and not is_inside(Path(path), folder)]
