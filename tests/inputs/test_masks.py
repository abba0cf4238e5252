"""Which mask belongs to which photo."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.images import FrameList, frames_from_arrays
from amb3r_core.inputs.masks import with_masks


def photos(*names: str) -> FrameList:
    return frames_from_arrays([np.zeros((30, 40, 3), np.uint8)] * len(names), names)


def mask(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    """Leaves out the left half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(size[::-1], np.uint8)
    values[:, size[0] // 2 :] = 255
    Image.fromarray(values).save(path)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a.png",
            "a.jpg.png",
            "A.PNG",
            "a_mask.png",
            "a-mask.webp",
            "mask_a.png",
            "a.mask.png",
            "a_Masks.png",
            "a.gif",
            "a.tiff",
        ),
        *("a.jpg_mask.png", "a.jpg"),
    ],
)
def test_a_mask_is_known_by_its_photos_name(name: str, tmp_path: Path) -> None:
    mask(tmp_path / "masks" / name)
    (frame,) = with_masks(photos("a.jpg"), tmp_path / "masks")
    assert frame.decode_mask is not None
    used = frame.decode_mask()
    assert not used[:, :19].any()
    assert used[:, 21:].all()
    assert frame.mask_path == tmp_path / "masks" / name


def test_mirrored_folders_keep_masks_of_equal_names_apart(tmp_path: Path) -> None:
    names = ("left/t0.jpg", "right/t0.jpg")
    for name in names:
        mask(tmp_path / "masks" / name.replace("jpg", "png"))
    paths = [frame.mask_path for frame in with_masks(photos(*names), tmp_path / "masks")]
    assert paths == [tmp_path / "masks" / "left" / "t0.png", tmp_path / "masks" / "right" / "t0.png"]


def test_photos_without_a_mask_and_masks_without_a_photo_are_named(tmp_path: Path) -> None:
    mask(tmp_path / "a.png")
    mask(tmp_path / "x.png")
    found = with_masks(photos("a.jpg", "b.jpg"), tmp_path)
    assert [frame.decode_mask is not None for frame in found] == [True, False]
    assert found.notes == (f"masks of {tmp_path.name}: 1 of 2 photos matched by path; none for b.jpg; no photo for x",)


def test_a_folder_without_a_mask_of_any_photo_is_an_error(tmp_path: Path) -> None:
    mask(tmp_path / "x.png")
    with pytest.raises(
        InputError, match=r"no mask in it belongs to one of the 2 photos \(it holds x\.png; the first photo is a\.jpg\)"
    ):
        with_masks(photos("a.jpg", "b.jpg"), tmp_path)
    with pytest.raises(InputError, match="the masks folder does not exist"):
        with_masks(photos("a.jpg"), tmp_path / "gone")


def test_two_masks_for_one_photo_are_refused(tmp_path: Path) -> None:
    mask(tmp_path / "a.png")
    mask(tmp_path / "a_mask.png")
    with pytest.raises(InputError, match=r"the photo a\.jpg fits a, a_mask alike"):
        with_masks(photos("a.jpg"), tmp_path)


def test_a_photo_that_is_called_a_mask_has_one_too(tmp_path: Path) -> None:
    mask(tmp_path / "mask_a.png")
    found = with_masks(photos("a.jpg", "mask_a.jpg"), tmp_path)
    assert [frame.decode_mask is not None for frame in found] == [False, True]


def test_a_mask_of_another_shape_stops_the_job_before_its_work(tmp_path: Path) -> None:
    mask(tmp_path / "a.png", (30, 40))
    with pytest.raises(InputError, match="30x40 but its photo is 40x30"):
        with_masks(photos("a.jpg"), tmp_path)


def test_a_mask_holds_beside_the_one_that_a_photo_brings(tmp_path: Path) -> None:
    from dataclasses import replace

    mask(tmp_path / "a.png")
    upper = np.arange(30)[:, None].repeat(40, axis=1) < 10
    frames = photos("a.jpg")
    own = replace(frames, frames=(replace(frames[0], decode_mask=lambda: upper),))
    (frame,) = with_masks(own, tmp_path)
    assert frame.decode_mask is not None
    assert frame.decode_mask().sum() == 10 * 20
