"""OBJ of a mesh and the MTL of its material, as text, in the scene's own world."""

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from amb3r_core.export.notes import comment_lines
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.files_image import unit_normals
from amb3r_core.surface.mesh import TriangleMesh

MATERIAL = "surface"
_ROWS = 1 << 16


def write_obj(mesh: TriangleMesh, path: Path, reconstruction: Reconstruction, mtl_name: str | None) -> None:
    """Writes the mesh; `mtl_name` is the file of its material, where it has a texture.

    Else vertex colours follow the position, as most readers know them; a material would hide them.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"# {line}\n" for line in comment_lines(reconstruction))
        file.write(f"o {MATERIAL}\n" if mtl_name is None else f"mtllib {mtl_name}\no {MATERIAL}\n")
        if mesh.colors is not None and mesh.texture is None:
            _write_rows(file, "v %.9g %.9g %.9g %.6g %.6g %.6g\n", np.hstack([mesh.vertices, mesh.colors / 255.0]))
        else:
            _write_rows(file, "v %.9g %.9g %.9g\n", mesh.vertices)
        _write_rows(file, "vn %.6g %.6g %.6g\n", unit_normals(mesh))
        corners = mesh.triangles + 1
        if mesh.texture is None:
            _write_rows(file, "f %d//%d %d//%d %d//%d\n", np.repeat(corners, 2, axis=1))
            return
        uv, place = np.unique(mesh.texture.uv.reshape(-1, 2), axis=0, return_inverse=True)
        _write_rows(file, "vt %.7g %.7g\n", uv)
        file.write(f"usemtl {MATERIAL}\n")
        rows = np.stack([corners, place.reshape(-1, 3) + 1, corners], axis=2).reshape(-1, 9)
        _write_rows(file, "f %d/%d/%d %d/%d/%d %d/%d/%d\n", rows)


def write_mtl(path: Path, reconstruction: Reconstruction, image_name: str) -> None:
    """Writes the material: lit, without gloss, rough and not metallic for readers that know of it."""
    lines = [f"# {line}" for line in comment_lines(reconstruction)]
    lines += [f"newmtl {MATERIAL}", "Ka 0 0 0", "Kd 1 1 1", "Ks 0 0 0", "d 1", "illum 1", "Pr 0.9", "Pm 0"]
    lines.append(f"map_Kd {image_name}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_rows(file: TextIO, form: str, rows: NDArray[np.generic]) -> None:
    for start in range(0, len(rows), _ROWS):
        block: Iterable[list[float]] = rows[start : start + _ROWS].tolist()
        file.write("".join([form % tuple(row) for row in block]))
