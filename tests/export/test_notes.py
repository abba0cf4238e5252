"""Every export can say scale, weights and licence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from amb3r_core.export.notes import comment_lines, provenance_record, unit_name, write_json, write_sidecar
from amb3r_core.scene.reconstruction import Scale
from tests.fakes import fake_room, judged

SCENE = fake_room(1).reconstruction


def test_the_record_names_scale_weights_and_licence():
    record = provenance_record(SCENE)
    assert (record["unit"], record["scale"], record["scale_source"]) == ("metre", "metric", "made to measure")
    assert (record["weights"], record["weights_licence"]) == ("fake weights", "CC-BY-4.0")


def test_a_model_without_weights_and_a_scene_without_size_say_so():
    scene = replace(SCENE, scale=Scale(kind="relative", source="none"), provenance=replace(SCENE.provenance, weights=None))
    assert unit_name(scene) == "unit"
    assert provenance_record(scene)["weights_licence"] == "none"
    assert "scale relative, unit unit" in comment_lines(scene)


def test_comments_are_single_ascii_lines():
    scene = replace(SCENE, scale=Scale(kind="metric", source="Türe\r\nend_header"))
    lines = comment_lines(scene)
    assert all(line.isascii() and "\n" not in line and "\r" not in line for line in lines)
    assert r"scale source T\xfcre end_header" in lines


def test_record_and_comments_tell_how_far_the_poses_are_trusted():
    scene = judged(fake_room(3).reconstruction, 0.31, {2: 0.05})
    assert provenance_record(scene)["poses"] == {"trust": 0.31, "word": "doubtful", "standing_out": ["photo_002.png"]}
    told = "poses: doubtful (31%): check them before you build on them; less than the others: photo_002.png (5%)"
    assert told in comment_lines(scene)
    assert provenance_record(SCENE)["poses"] is None
    assert not any("poses" in line for line in comment_lines(SCENE))


def test_the_sidecar_is_json_with_what_is_added(tmp_path: Path):
    path = write_sidecar(tmp_path, SCENE, {"more": 1})
    assert json.loads(path.read_text())["more"] == 1
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
