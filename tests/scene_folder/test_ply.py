"""Vertices of PLY files: what is written comes back, and what is wrong with others' files is named."""

from pathlib import Path

import pytest

from amb3r_core.errors import FormatError
from amb3r_core.scene_folder.ply import count_vertices, map_vertices, read_cloud, read_vertices


def test_an_ascii_or_foreign_file_is_named_with_its_trouble(tmp_path: Path):
    path = tmp_path / "a.ply"
    end = b"element vertex 1\nproperty float x\nend_header\n"
    cases = {
        b"solid stl": "not a PLY file",
        b"ply\nformat ascii 1.0\n" + end: "format is ascii, wanted binary_little_endian",
        b"ply\nformat binary_little_endian 1.0\n": "the header has no end",
        b"ply\nformat binary_little_endian 1.0\nend_header\n": "no vertex element",
        b"ply\nformat binary_little_endian 1.0\n" + end: "cut short: 1 vertices need 4 bytes, 0 are there",
        b"ply\nformat binary_little_endian 1.0\n" + end.replace(b"1\n", b"9" * 15 + b"\n", 1): "cut short: 9{15} vertices",
        b"ply\nformat binary_little_endian 1.0\n" + end.replace(b"1\n", b"9" * 5000 + b"\n", 1): "must be vertex with a count",
        b"ply\nelement face 3\n" + end: "the first element must be vertex",
        b"ply\nelement vertex 1\nproperty quad x\nend_header\n": "property x has the unknown type 'quad'",
        b"ply\nelement vertex 1\nproperty list uchar int x\nend_header\n": "lists are not supported",
        b"ply\nelement vertex 1\nproperty float x\nproperty float x\nend_header\n": "named twice",
    }
    for content, message in cases.items():
        path.write_bytes(content)
        for read in (read_vertices, map_vertices, count_vertices):
            with pytest.raises(FormatError, match=rf"a\.ply: .*{message}"):
                read(path)


def test_a_cloud_without_confidence_is_named(tmp_path: Path):
    header = b"ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float x\nend_header\n"
    (tmp_path / "a.ply").write_bytes(header + b"\0" * 4)
    with pytest.raises(FormatError, match="the vertices have no y, z, red, green, blue, confidence, radius, view_index"):
        read_cloud(tmp_path / "a.ply")
