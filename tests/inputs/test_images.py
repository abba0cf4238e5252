"""Photos in: order, orientation, depth of bits, masks, and what bad files get."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from amb3r_core.errors import DependencyError, InputError
from amb3r_core.inputs.image_files import EXIF_ORIENTATION
from amb3r_core.inputs.images import find_images, frames_from_arrays, natural_key, open_photos
from amb3r_core.scene.camera import PinholeCamera

GRADIENT = np.stack(np.broadcast_arrays(np.arange(40)[None, :] * 6, np.arange(30)[:, None] * 8, 90), axis=-1).astype(np.uint8)


def save(path: Path, image: np.ndarray = GRADIENT, **options: object) -> Path:
    Image.fromarray(image).save(path, **options)
    return path


def test_names_sort_as_people_count(tmp_path: Path) -> None:
    for name in ("b10.png", "b2.png", "A1.png"):
        save(tmp_path / name)
    assert [path.name for path in find_images([tmp_path])] == ["A1.png", "b2.png", "b10.png"]


def test_natural_key_does_not_compare_numbers_with_letters() -> None:
    assert sorted(["1a", "a1", "01", "b"], key=natural_key) == ["01", "1a", "a1", "b"]


def test_folder_without_images_uses_its_images_subfolder(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    save(tmp_path / "images" / "a.png")
    assert len(find_images([tmp_path])) == 1


def test_folders_of_folders_are_walked(tmp_path: Path) -> None:
    for name in ("images/left/1.png", "images/right/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        save(tmp_path / name)
    assert [frame.name for frame in open_photos([tmp_path])] == ["left/1.png", "right/1.png"]


def test_two_sessions_of_one_layout_stay_apart(tmp_path: Path) -> None:
    for name in ("session1/images/1.png", "session1/images/2.png", "session2/images/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save(tmp_path / name)
    names = [frame.name for frame in open_photos([tmp_path / "session1", tmp_path / "session2"])]
    assert names == ["session1/images/1.png", "session2/images/1.png", "session1/images/2.png"]


def test_a_photo_given_by_two_paths_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert [frame.name for frame in open_photos([Path("."), tmp_path])] == ["a.png"]


def test_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images here"):
        find_images([tmp_path])


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such file or folder"):
        find_images([tmp_path / "nowhere"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(tmp_path: Path, orientation: int) -> None:
    upright = Image.fromarray(GRADIENT)
    undo = {
        2: "FLIP_LEFT_RIGHT",
        3: "ROTATE_180",
        4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE",
        6: "ROTATE_90",
        7: "TRANSVERSE",
        8: "ROTATE_270",
    }
    stored = upright.transpose(getattr(Image.Transpose, undo[orientation])) if orientation in undo else upright
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    frame = open_photos([tmp_path])[0]
    assert (frame.width, frame.height) == (40, 30)
    assert np.array_equal(frame.decode(), GRADIENT)
    assert frame.is_upright_file == (orientation == 1)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif", "a.bmp", "a.ppm"])
def test_usual_formats_are_read(tmp_path: Path, name: str) -> None:
    frame = open_photos([save(tmp_path / name)])[0]
    assert frame.decode().shape == (30, 40, 3)


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    deep = (np.arange(1200).reshape(30, 40) * 54).astype(np.uint16)
    frame = open_photos([save(tmp_path / "a.png", deep)])[0]
    assert np.array_equal(frame.decode()[..., 1], np.rint(deep / 257.0).astype(np.uint8))


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    frame = open_photos([save(tmp_path / "a.png", GRADIENT[..., 0])])[0]
    assert np.array_equal(frame.decode()[..., 0], frame.decode()[..., 2])


def test_transparent_pixels_are_masked(tmp_path: Path) -> None:
    alpha = np.where(np.arange(40) < 10, 0, 255)[None, :].repeat(30, axis=0).astype(np.uint8)
    frame = open_photos([save(tmp_path / "a.png", np.dstack([GRADIENT, alpha]))])[0]
    assert frame.decode_mask is not None
    assert np.array_equal(frame.decode_mask(), alpha > 0)
    assert not frame.is_upright_file


def bad_folder(tmp_path: Path) -> Path:
    save(tmp_path / "good.jpg")
    (tmp_path / "text.jpg").write_text("not a picture")
    whole = save(tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def test_all_unreadable_files_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 file\(s\).*cut.jpg.*text.jpg \(not an image\).*`skip_bad=True`"):
        open_photos([bad_folder(tmp_path)])


def test_skipping_leaves_the_good_ones(tmp_path: Path) -> None:
    assert [frame.name for frame in open_photos([bad_folder(tmp_path)], bad_files="skip")] == ["good.jpg"]


def test_only_bad_files_stop_even_when_skipping(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(InputError, match="cannot be read"):
        open_photos([tmp_path], bad_files="skip")


def test_same_names_from_two_folders_stay_apart(tmp_path: Path) -> None:
    for folder in ("left", "right"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "a.png")
    frames = open_photos([tmp_path / "left", tmp_path / "right"])
    assert [frame.name for frame in frames] == ["left/a.png", "right/a.png"]


def test_what_exif_says_and_is_not_believed_is_noted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.FocalLengthIn35mmFilm] = 65535
    save(tmp_path / "a.jpg", exif=exif)
    save(tmp_path / "b.jpg")
    photos = open_photos([tmp_path])
    assert [frame.facts.focal_px for frame in photos] == [None, None]
    assert photos.notes == ("EXIF focal length of a.jpg left out: a 35 mm equivalent of 65535 mm (f = 75734 px) is implausible",)


def test_heic_is_read_upright(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="the heic extra is not installed")
    heif.register_heif_opener()
    save(tmp_path / "a.heic", GRADIENT.repeat(4, axis=0).repeat(4, axis=1), quality=95)
    frame = open_photos([tmp_path])[0]
    assert (frame.width, frame.height) == (160, 120)
    assert np.abs(frame.decode()[::4, ::4].astype(int) - GRADIENT).mean() < 4


def test_missing_heic_extra_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"x")
    with pytest.raises(DependencyError, match=r'pip install "amb3r\[heic\]"'):
        open_photos([tmp_path])


def test_without_the_heic_extra_photos_are_skipped_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"x")
    save(tmp_path / "b.png")
    photos = open_photos([tmp_path], bad_files="skip")
    assert [frame.name for frame in photos] == ["b.png"]
    assert photos.notes[0].startswith(f"left out: 1 file(s) cannot be read: {tmp_path}/a.heic (pillow_heif is needed")


def test_twelve_bits_in_sixteen_are_stretched_alike_over_the_set(tmp_path: Path) -> None:
    dark = np.tile(np.linspace(0, 2000, 40), (30, 1)).astype(np.uint16)
    light = np.tile(np.linspace(1000, 4000, 40), (30, 1)).astype(np.uint16)
    save(tmp_path / "a.png", dark)
    save(tmp_path / "b.png", light)
    photos = open_photos([tmp_path])
    a, b = (frame.decode()[..., 0].astype(int) for frame in photos)
    assert (a.min(), a.max(), b.max()) == (0, pytest.approx(128, abs=1), 255)
    assert abs(a[0, 39] - b[0, 13]) <= 2, "one value has one grey in all photos"
    assert not photos[0].is_upright_file
    assert photos.notes == ("2 deep grey photo(s) stretched alike: 0 is black, 4000 white",)


def test_a_picture_of_another_format_than_its_name_is_not_kept_as_it_is(tmp_path: Path) -> None:
    save(tmp_path / "a.webp").rename(tmp_path / "a.jpg")
    assert not open_photos([tmp_path])[0].is_upright_file


def test_a_folder_with_a_pipe_in_it_does_not_hang(tmp_path: Path) -> None:
    __import__("os").mkfifo(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"a.jpg \(a pipe, socket or device, not a file\)"):
        open_photos([tmp_path])


def test_colours_of_lab_are_not_transparent(tmp_path: Path) -> None:
    Image.new("LAB", (40, 30), (120, 130, 140)).save(tmp_path / "a.tif")
    assert open_photos([tmp_path])[0].decode_mask is None


def test_arrays_must_be_rgb_bytes() -> None:
    with pytest.raises(InputError, match="image 0 is float64"):
        frames_from_arrays([np.zeros((4, 4, 3))])  # pyright: ignore
    assert frames_from_arrays([GRADIENT])[0].decode() is GRADIENT


def test_a_frame_refuses_a_camera_of_another_size_and_a_pose_that_is_none() -> None:
    camera = PinholeCamera(width=64, height=48, fx=50.0, fy=50.0, cx=31.5, cy=23.5)
    frame = frames_from_arrays([GRADIENT])[0]
    with pytest.raises(ValueError, match=r"image_00000\.png is 40x30 but its known camera is 64x48"):
        replace(frame, camera=camera)
    with pytest.raises(ValueError, match=r"the known pose is \(3, 4\), not \(4, 4\)"):
        replace(frame, cam_to_world=np.eye(4)[:3])
