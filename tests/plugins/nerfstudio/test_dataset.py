"""Datasets written from an exact room: no Nerfstudio is needed to write them, nor here."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amb3r_nerfstudio.dataset import DatasetConfig, write_dataset
from amb3r_nerfstudio.seed import SeedConfig, evenly

from amb3r_core.errors import InputError
from amb3r_core.export.ply import read_vertices
from amb3r_core.export.png import write_png
from amb3r_core.progress import Cancelled, Progress
from amb3r_core.scene.cloud import PointCloud
from amb3r_core.scene.conventions import invert, opencv_to_opengl
from amb3r_core.scene.fusion import fuse
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.scene.trust import LEAST_WEIGHT, Keep, kept
from tests.fakes import Room, calibrated, fake_room

Image = pytest.importorskip("PIL.Image")

SEED = SeedConfig(points=3000, splats=2000)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return fake_room(6, mixed=True, images_folder=tmp_path_factory.mktemp("photos"), n_unregistered=1)


@pytest.fixture(scope="module")
def folder(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dataset")
    write_dataset(room.reconstruction, out, DatasetConfig(seed=SEED))
    return out


def document(folder: Path) -> dict:
    return json.loads((folder / "transforms.json").read_text(encoding="utf-8"))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def seed_points(folder: Path) -> np.ndarray:
    vertices = read_vertices(folder / "sparse_pc.ply")
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


def without_dense(scene: Reconstruction) -> Reconstruction:
    return replace(scene, dense=None)


def test_seed_points_agree_with_a_frames_depth_and_are_as_many_as_asked(room: Room, folder: Path):
    points, world = seed_points(folder), np.vstack([document(folder)["applied_transform"], [0, 0, 0, 1]])
    assert abs(len(points) - SEED.points) <= 0.1 * SEED.points
    assert len(np.unique(points, axis=0)) == len(points)
    assert np.quantile(room.distance_to_surface(points @ world[:3, :3]), 0.99) < 0.03
    agrees = np.zeros(len(points), dtype=bool)
    for frame in document(folder)["frames"]:
        cam = invert(opencv_to_opengl(np.array(frame["transform_matrix"])))
        x, y, z = (points @ cam[:3, :3].T + cam[:3, 3]).T
        depth = pixels(folder / frame["depth_file_path"]) / 1000
        height, width = depth.shape
        column = np.floor((frame["fl_x"] * x / z + frame["cx"]) * width / frame["w"]).astype(int)
        row = np.floor((frame["fl_y"] * y / z + frame["cy"]) * height / frame["h"]).astype(int)
        inside = (z > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        agrees[inside] |= np.abs(depth[row[inside], column[inside]] - z[inside]) <= 0.02 * z[inside]
    assert agrees.mean() >= 0.99


def test_frames_have_flat_padded_names_and_remember_the_original_ones(room: Room, folder: Path):
    frames = document(folder)["frames"]
    assert [frame["file_path"] for frame in frames] == [f"images/frame_{n:05d}.png" for n in range(1, 7)]
    names = document(folder)["amb3r"]["original_names"]
    assert [names[frame["file_path"]] for frame in frames] == [view.name for view in room.reconstruction.views]
    assert document(folder)["amb3r"]["not_placed"] == {"lost_0.png": "too blurred"}
    for frame, view in zip(frames, room.reconstruction.views, strict=True):
        assert np.array_equal(pixels(folder / frame["file_path"]), pixels(Path(view.path)))


def test_downscaled_images_are_means_so_that_divided_intrinsics_are_exact(folder: Path):
    for frame in document(folder)["frames"]:
        whole = pixels(folder / frame["file_path"]).astype(float)
        for factor in (2, 4, 8):
            small = pixels(folder / f"images_{factor}" / Path(frame["file_path"]).name)
            height, width = whole.shape[0] // factor, whole.shape[1] // factor
            assert small.shape == (height, width, 3)
            blocks = whole[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
            assert np.abs(small - blocks.mean(axis=(1, 3))).max() <= 1
            assert (folder / f"depths_{factor}" / Path(frame["depth_file_path"]).name).is_file()


def test_depth_is_exact_to_half_a_millimetre_and_zero_where_it_would_mislead(room: Room, folder: Path):
    scene = room.reconstruction
    for index, frame in enumerate(document(folder)["frames"]):
        steps = pixels(folder / frame["depth_file_path"])
        truth = scene.dense.depth[index][scene.views[index].letterbox.slices]
        known = steps > 0
        assert np.abs(steps[known] / 1000 - truth[known]).max() <= 0.0005 + 1e-6
        assert 0.8 < known.mean() < 1.0
    gaps = document(folder)["amb3r"]["depth"]
    assert gaps["edge"] > 0
    assert gaps["never_known"] == gaps["untrusted"] == gaps["doubtful"] == gaps["too_far"] == 0
    assert len(gaps["confidence_percentiles"]) == 5


def test_doubtful_and_far_depth_is_left_out_and_counted(tmp_path: Path):
    scene = fake_room(2, original_scale=1.0).reconstruction
    depth, confidence = scene.dense.depth.copy(), scene.dense.confidence.copy()
    confidence[0, :24] = 1.0
    depth[1] += 70.0
    written = write_dataset(
        replace(scene, dense=replace(scene.dense, depth=depth, confidence=confidence)),
        tmp_path / "out",
        DatasetConfig(seed=SeedConfig(points=100, splats=0, min_weight=0.5)),
    )
    assert written.depth.doubtful == pytest.approx(0.25, abs=0.01)
    assert written.depth.too_far == pytest.approx(0.5, abs=0.02)
    assert not pixels(tmp_path / "out" / "depth" / "frame_00001.png")[:24].any()


def files_of(folder: Path) -> dict[str, bytes]:
    """The bytes of a dataset's files by name, but for the two documents."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in files.items() if name not in ("transforms.json", "amb3r.json")}


@pytest.mark.parametrize("keep", ["trusted", "most"])
def test_everything_in_the_dataset_is_made_of_the_depth_that_is_kept(tmp_path: Path, keep: Keep):
    scene = calibrated(fake_room(4, 60, 45, original_scale=1.0, images_folder=tmp_path / "photos").reconstruction)
    config = DatasetConfig(seed=SEED, keep=keep, confidence_masks="write", preview="write", world="first-camera")
    written = write_dataset(scene, tmp_path / "a", config)
    write_dataset(kept(scene, keep), tmp_path / "b", replace(config, keep="all"))
    write_dataset(scene, tmp_path / "c", replace(config, keep="all"))
    cut, all_of_it = files_of(tmp_path / "a"), files_of(tmp_path / "c")
    assert cut == files_of(tmp_path / "b")
    made_of_depth = {"depth", "confidence", "masks", "sparse_pc.ply", "splat_init.ply", "colmap", "preview.png"}
    differs = {name.split("/")[0] for name, data in cut.items() if data != all_of_it[name]}
    assert made_of_depth <= differs
    first = {"trusted": 36, "most": 12}[keep]
    assert written.depth.untrusted == first / 60
    assert (written.depth.never_known, written.depth.doubtful) == (0, 0)
    assert f"not trusted {first / 60:.1%}" in written.depth.sentence
    for frame in document(tmp_path / "a")["frames"]:
        depth, confidence = (pixels(tmp_path / "a" / frame[f"{name}_file_path"]) for name in ("depth", "confidence"))
        assert not depth[:, :first].any()
        assert (depth[:, first:] > 0).mean() > 0.7
        assert np.array_equal(confidence > 0, depth > 0)
        assert confidence.dtype == np.uint8
        assert set(np.unique(confidence[:, 36:])) == {0, round(255 * (1 + LEAST_WEIGHT["trusted"]) / 2)}
    told = document(tmp_path / "a")["amb3r"]
    assert told["confidence_is_probability"]
    assert (told["depth"]["untrusted"], told["depth"]["keep"]) == (first / 60, keep)
    sidecar = json.loads((tmp_path / "a" / "amb3r.json").read_text())
    assert sidecar["depth"] == {"keep": keep, "least_weight": LEAST_WEIGHT[keep], "answered": 1.0, "kept": 1 - first / 60}


def test_a_dataset_without_trusted_depth_is_refused(tmp_path: Path):
    scene = calibrated(fake_room(2, 20, 16).reconstruction)
    scene.dense.confidence[:] = 1.001
    with pytest.raises(InputError, match="no depth of this scene is trusted"):
        write_dataset(scene, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_applied_transform_is_always_there_because_the_colmap_model_is(room: Room, tmp_path: Path):
    write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED, world="first-camera"))
    written = document(tmp_path)
    assert written["applied_transform"] == np.eye(4)[:3].tolist()
    assert "orientation_override" not in written
    assert "applied_scale" not in written
    first = opencv_to_opengl(room.reconstruction.views[0].cam_to_world)
    assert np.allclose(written["frames"][0]["transform_matrix"], first)


def test_equal_cameras_are_shared_and_different_ones_never(room: Room, folder: Path, tmp_path: Path):
    assert "fl_x" not in document(folder)
    equal = fake_room(2).reconstruction
    assert write_dataset(equal, tmp_path / "a", DatasetConfig(seed=SEED)).has_shared_intrinsics
    assert document(tmp_path / "a")["w"] == 64
    assert all("w" not in frame for frame in document(tmp_path / "a")["frames"])
    write_dataset(equal, tmp_path / "b", DatasetConfig(seed=SEED, intrinsics="per-frame"))
    assert "w" not in document(tmp_path / "b")


def test_confidence_masks_ignore_pixels_without_trusted_depth(room: Room, tmp_path: Path):
    dense = room.reconstruction.dense
    depth, confidence = dense.depth.copy(), dense.confidence.copy()
    depth[:, :10] = 0.0
    confidence[:, 10:20] = 1.01
    doubtful = replace(room.reconstruction, dense=replace(dense, depth=depth, confidence=confidence))
    config = DatasetConfig(seed=replace(SEED, min_weight=0.5), confidence_masks="write", num_downscales=1)
    write_dataset(doubtful, tmp_path / "out", config)
    for frame in document(tmp_path / "out")["frames"]:
        mask = pixels(tmp_path / "out" / frame["mask_path"])
        assert mask.shape == (frame["h"], frame["w"])
        assert (tmp_path / "out" / "masks_2" / Path(frame["mask_path"]).name).is_file()
        limit = round(20 * frame["h"] / depth.shape[1])
        assert (mask[:limit] == 0).all()
        assert (mask[limit:] == 255).mean() > 0.99
    with pytest.raises(InputError, match="leave `confidence_masks` out"):
        write_dataset(without_dense(room.reconstruction), tmp_path / "none", config)


def test_masks_come_for_all_frames_at_all_sizes(room: Room, tmp_path: Path):
    scene = room.reconstruction
    half = np.zeros((scene.views[0].camera.height, scene.views[0].camera.width), np.uint8)
    half[:, half.shape[1] // 2 + 1 :] = 255
    write_png(tmp_path / "mask.png", half)
    masked = replace(scene, views=(replace(scene.views[0], mask_path=str(tmp_path / "mask.png")), *scene.views[1:]))
    write_dataset(masked, tmp_path / "out", DatasetConfig(seed=SEED, mask_radius=0.9))
    for frame in document(tmp_path / "out")["frames"]:
        mask = pixels(tmp_path / "out" / frame["mask_path"])
        assert mask.shape == (frame["h"], frame["w"])
        assert mask[0, 0] == mask[-1, -1] == 0
        small = pixels(tmp_path / "out" / "masks_2" / Path(frame["mask_path"]).name)
        blocks = mask[: small.shape[0] * 2, : small.shape[1] * 2].reshape(small.shape[0], 2, small.shape[1], 2)
        assert np.array_equal(small, blocks.min(axis=(1, 3)))
    first = pixels(tmp_path / "out" / "masks" / "frame_00001.png")
    assert not first[:, : first.shape[1] // 2].any()
    assert first.any()


def test_held_out_frames_are_named_and_listed(room: Room, tmp_path: Path):
    names = frozenset({"photo_001.png", "photo_004.png"})
    write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED, eval_names=names))
    written = document(tmp_path)
    assert written["val_filenames"] == ["images/frame_eval_00002.png", "images/frame_eval_00005.png"]
    assert written["test_filenames"] == written["val_filenames"]
    assert len(written["train_filenames"]) == 4
    assert all("frame_train_" in name for name in written["train_filenames"])


def test_photos_can_stay_where_they_are(room: Room, tmp_path: Path):
    write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED, images="reference"))
    paths = [Path(frame["file_path"]) for frame in document(tmp_path)["frames"]]
    assert paths == [Path(view.path).resolve() for view in room.reconstruction.views]
    assert not list((tmp_path / "images").iterdir())
    assert not (tmp_path / "images_2").exists()


def test_photos_that_were_made_anew_are_copied_also_when_the_others_stay(tmp_path: Path):
    """A turned photo is kept upright in the job's hidden work folder, which goes when the dataset is done."""
    originals = tmp_path / "photos"
    scene = fake_room(2, images_folder=originals).reconstruction
    kept = originals / ".out.work" / "kept" / "a.png"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(Path(str(scene.views[0].path)).read_bytes())
    scene = replace(scene, views=(replace(scene.views[0], path=str(kept)), scene.views[1]))
    write_dataset(scene, tmp_path / "set", DatasetConfig(seed=SEED, images="reference", originals=(originals,)))
    first, second = (frame["file_path"] for frame in document(tmp_path / "set")["frames"])
    assert (tmp_path / "set" / first).is_file()
    assert not Path(first).is_absolute()
    assert Path(second) == Path(str(scene.views[1].path)).resolve()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "turned"])
def test_odd_photos_become_plain_upright_ones(mode: str, tmp_path: Path):
    scene = fake_room(1, images_folder=tmp_path / "photos").reconstruction
    path = tmp_path / "photos" / "photo_000.png"
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    if mode == "turned":
        path = path.with_suffix(".jpg")
        exif = Image.Exif()
        exif[0x0112] = 6
        rgb.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    elif mode == "I;16":
        Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        rgb.convert(mode).save(path)
    written = replace(scene, views=(replace(scene.views[0], path=str(path)),))
    write_dataset(written, tmp_path / "out", DatasetConfig(seed=SEED))
    with Image.open(tmp_path / "out" / document(tmp_path / "out")["frames"][0]["file_path"]) as image:
        assert image.mode == "RGB"
        assert image.size == rgb.size
        error = np.abs(np.asarray(image.convert("L")).astype(float) - np.asarray(rgb.convert("L")).astype(float))
    assert error.mean() < (15 if mode == "P" else 3)  # a palette of 256 colours is dithered


def test_a_photo_of_another_size_than_its_camera_is_named(room: Room, tmp_path: Path):
    write_png(tmp_path / "small.png", np.zeros((4, 4, 3), np.uint8))
    scene = room.reconstruction
    wrong = replace(scene, views=(replace(scene.views[0], path=str(tmp_path / "small.png")), *scene.views[1:]))
    with pytest.raises(InputError, match=r"small\.png is 4x4 but its camera is 128x96"):
        write_dataset(wrong, tmp_path / "out")


def test_one_view_and_no_depth_make_a_dataset_too(room: Room, tmp_path: Path):
    one = fake_room(1).reconstruction
    assert write_dataset(one, tmp_path / "eins und zwei ü", DatasetConfig(seed=SEED)).n_frames == 1
    written = write_dataset(without_dense(room.reconstruction), tmp_path / "b", DatasetConfig(seed=SEED))
    assert (written.n_points, written.n_splats, written.depth) == (0, 0, None)
    assert "ply_file_path" not in document(tmp_path / "b")
    assert not (tmp_path / "b" / "splat_init.ply").exists()


def test_a_scene_without_views_is_refused(room: Room, tmp_path: Path):
    empty = replace(room.reconstruction, views=(), dense=None)
    with pytest.raises(InputError, match="no view could be placed"):
        write_dataset(empty, tmp_path / "out")


def test_writing_again_gives_the_same_bytes_and_leaves_strangers_alone(room: Room, tmp_path: Path):
    out = tmp_path / "out"
    write_dataset(room.reconstruction, out, DatasetConfig(seed=SEED))
    before = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (out / "outputs").mkdir()
    (out / "outputs" / "model.ckpt").write_text("weeks of training")
    write_dataset(room.reconstruction, out, DatasetConfig(seed=SEED))
    after = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert after.pop(Path("outputs/model.ckpt")) == b"weeks of training"
    assert after == before
    write_dataset(room.reconstruction, out, DatasetConfig(seed=SEED, num_downscales=1, colmap="omit"))
    assert not (out / "images_4").exists()
    assert not (out / "colmap").exists()


def test_somebody_elses_images_are_never_replaced(room: Room, tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "holiday.jpg").write_text("dear")
    with pytest.raises(InputError, match="holds images that no earlier run of this command wrote"):
        write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED))
    assert (tmp_path / "images" / "holiday.jpg").read_text() == "dear"


def test_a_run_that_is_stopped_leaves_no_half_dataset(room: Room, tmp_path: Path):
    def stop(progress: Progress) -> None:
        if progress.message == "tracks":
            raise Cancelled

    with pytest.raises(Cancelled):
        write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED), stop)
    assert not list(tmp_path.iterdir())
    write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED))
    text = (tmp_path / "transforms.json").read_bytes()
    with pytest.raises(Cancelled):
        write_dataset(room.reconstruction, tmp_path, DatasetConfig(seed=SEED), stop)
    assert (tmp_path / "transforms.json").read_bytes() == text
    assert not list(tmp_path.glob(".amb3r*"))


def test_the_colmap_model_has_long_tracks_that_project_where_they_say(room: Room, folder: Path):
    pycolmap = pytest.importorskip("pycolmap")
    model = pycolmap.Reconstruction(str(folder / "colmap" / "sparse" / "0"))
    assert model.num_reg_images() == 6
    assert model.compute_mean_track_length() >= 3
    assert model.compute_mean_reprojection_error() <= 0.5
    points = np.array([point.xyz for point in model.points3D.values()])
    assert np.quantile(room.distance_to_surface(points), 0.99) < 0.03
    assert {image.name for image in model.images.values()} == {f"frame_{n:05d}.png" for n in range(1, 7)}


def test_evenly_gives_exactly_the_asked_number(room: Room):
    cloud = fuse(room.reconstruction)
    counts = [1, 10, 777, 3000, len(cloud), 10**6]
    assert [len(evenly(cloud, count)) for count in counts] == [*counts[:-1], len(cloud)]


@pytest.mark.slow
def test_a_million_points_are_thinned_in_half_a_minute():
    import time

    n_points = 1_000_000
    random = np.random.default_rng(0)
    cloud = PointCloud(
        points=(random.random((n_points, 3)) * [5, 4, 0.01]).astype(np.float32),
        colors=random.integers(0, 256, (n_points, 3), dtype=np.uint8),
        confidence=np.full(n_points, 2, np.float32),
        view_index=np.zeros(n_points, np.int32),
        radius=np.full(n_points, 0.002, np.float32),
    )
    start = time.process_time()
    assert len(evenly(cloud, 150_000)) == 150_000
    assert time.process_time() - start < 30
