"""A dataset from anybody is checked before Nerfstudio reads it, and every fault is named with its field."""

import json
from pathlib import Path
from typing import Any

import pytest
from amb3r_nerfstudio.transforms_file import notes_of, read_transforms, splats_of

from amb3r_core import FormatError

EYE = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def written(folder: Path, **fields: Any) -> Path:
    """A transforms.json with some of its fields replaced; those of a frame by `frame_...`."""
    frame = {"file_path": "images/a.png", "transform_matrix": EYE}
    frame |= {name.removeprefix("frame_"): value for name, value in fields.items() if name.startswith("frame_")}
    root = {"fl_x": 50, "fl_y": 50, "cx": 32, "cy": 24, "w": 64, "h": 48, "frames": [frame]}
    root |= {name: value for name, value in fields.items() if not name.startswith("frame_")}
    (folder / "transforms.json").write_text(json.dumps(root))
    return folder / "transforms.json"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fl_x": float("nan")}, r"transforms\.json: fl_x: is nan, wanted a number more than 0"),
        ({"fl_y": -5}, r"fl_y: is -5, wanted a number more than 0"),
        ({"w": None}, r"w: is None, wanted a number"),
        ({"k1": float("inf")}, r"k1: is inf, wanted a finite number"),
        ({"cx": 10**400}, r"cx: is 1000"),
        ({"frame_fl_x": float("nan")}, r"frames\[0\]\.fl_x: is nan"),
        ({"frame_transform_matrix": [[1, 2], [3]]}, r"frames\[0\]\.transform_matrix: wanted 3 or 4 rows of 4 finite numbers"),
        ({"frame_transform_matrix": None}, r"frames\[0\]\.transform_matrix: wanted"),
        ({"frame_transform_matrix": [*EYE[:3], [0, 0, 0, float("nan")]]}, r"frames\[0\]\.transform_matrix: wanted"),
        ({"frame_file_path": 5}, r"frames\[0\]\.file_path: wanted text"),
        ({"applied_transform": "up"}, r"applied_transform: wanted"),
        ({"frames": {}}, r"frames: wanted a list"),
        ({"frames": [3]}, r"frames\[0\]: wanted an object"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, fields: dict[str, Any], message: str):
    with pytest.raises(FormatError, match=message):
        read_transforms(written(tmp_path, **fields))


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff\xfe", b'{"fl_x": ' + b"1" * 5000 + b"}"])
def test_a_file_that_is_no_document_is_named(tmp_path: Path, content: bytes):
    (tmp_path / "transforms.json").write_bytes(content)
    with pytest.raises(FormatError, match=r"transforms\.json: "):
        read_transforms(tmp_path / "transforms.json")


def test_the_gaussians_are_a_file_of_the_dataset_or_there_are_none(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.ply").write_bytes(b"ply")
    (tmp_path / "data" / "s.ply").write_bytes(b"ply")
    path = written(tmp_path / "data")
    for notes in (None, {}, {"splat_init": None}, {"splat_init": "gone.ply"}):
        assert splats_of({"amb3r": notes}, path) is None
    assert splats_of({}, path) is None
    assert splats_of({"amb3r": {"splat_init": "s.ply"}}, path) == tmp_path / "data" / "s.ply"
    for wrong, message in (
        (5, "wanted the name"),
        ("../secret.ply", "leaves the dataset"),
        (str(tmp_path / "secret.ply"), "leaves"),
    ):
        with pytest.raises(FormatError, match=rf"amb3r\.splat_init: .*{message}"):
            splats_of({"amb3r": {"splat_init": wrong}}, path)
    with pytest.raises(FormatError, match="amb3r: wanted an object"):
        notes_of({"amb3r": 7}, path)
