"""Mesh files as Blender imports them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.surface.files import write_mesh_file
from tests.fakes import fake_room
from tests.paths import ROOT
from tests.surface.shapes import box, with_texture

IMPORT = """
import json, sys
import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
path = sys.argv[1]
load = {"glb": bpy.ops.import_scene.gltf, "obj": bpy.ops.wm.obj_import, "usdz": bpy.ops.wm.usd_import}[path.rsplit(".")[-1]]
load(filepath=path)
(surface,) = [thing for thing in bpy.data.objects if thing.type == "MESH"]
mesh = surface.data
(shader,) = [node for node in mesh.materials[0].node_tree.nodes if node.type == "BSDF_PRINCIPLED"]
print("ANSWER" + json.dumps({
    "corners": [[list(surface.matrix_world @ mesh.vertices[v].co) for v in face.vertices] for face in mesh.polygons],
    "uv": [list(item.uv) for item in mesh.uv_layers[0].data],
    "color_is_linked": shader.inputs["Base Color"].is_linked,
    "metallic": shader.inputs["Metallic"].default_value,
    "roughness": shader.inputs["Roughness"].default_value,
    "images": [[list(image.size), image.colorspace_settings.name] for image in bpy.data.images if image.size[0]],
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".glb", ".obj", ".usdz"])
def test_blender_imports_shape_texture_and_a_lit_material(suffix: str, tmp_path: Path):
    pytest.importorskip("bpy")
    if suffix == ".usdz":
        pytest.importorskip("pxr")
    mesh, scene = with_texture(box()), fake_room(2).reconstruction
    path = write_mesh_file(mesh, tmp_path / f"my mesh{suffix}", scene)[0]
    command = [sys.executable, "-c", IMPORT, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "ANSWER" in done.stdout, done.stdout + done.stderr
    found = json.loads(done.stdout.split("ANSWER")[1].splitlines()[0])
    assert len(found["corners"]) == len(mesh.triangles)
    assert found["color_is_linked"]
    assert found["metallic"] == 0
    assert found["roughness"] > 0.8
    assert found["images"] == [[[64, 64], "sRGB"]]
    assert mesh.texture is not None
    np.testing.assert_allclose(np.array(found["uv"]).reshape(-1, 3, 2), mesh.texture.uv, atol=1e-5)
    corners = np.array(found["corners"])
    assert scene.up_world is not None
    height = mesh.vertices[mesh.triangles] @ np.array(scene.up_world)
    if suffix != ".obj":  # OBJ keeps the scene's own axes
        np.testing.assert_allclose(corners[..., 2], height, atol=1e-5)
