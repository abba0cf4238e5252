"""Write a mesh with its colours or texture as PLY, OBJ, GLB, STL or USDZ, whole or not at all.

PLY, OBJ and STL keep the scene's own world; GLB and USDZ stand upright with +Y up, in metres where the scene is. Materials are
rough, not metallic and lit, so that the surface can be lit anew. Images and vertex colours are sRGB, except where a format says
linear light (vertex colours of glTF and USD).
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from amb3r_core.errors import InputError
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.storage.staging import staged_file
from amb3r_core.surface.files_glb import write_glb_mesh
from amb3r_core.surface.files_image import IMAGE_SUFFIXES, ImageFormat, encoded
from amb3r_core.surface.files_obj import write_mtl, write_obj
from amb3r_core.surface.files_ply import write_ply_mesh, write_stl
from amb3r_core.surface.files_usd import write_usdz
from amb3r_core.surface.mesh import TriangleMesh

MESH_SUFFIXES = (".ply", ".obj", ".glb", ".stl", ".usdz")

_Packed = Callable[[TriangleMesh, Path, Reconstruction, ImageFormat], None]
_PACKED: Mapping[str, _Packed] = MappingProxyType({".glb": write_glb_mesh, ".usdz": write_usdz})
"""Formats that hold their texture."""


def write_mesh_file(
    mesh: TriangleMesh,
    path: Path,
    reconstruction: Reconstruction,
    *,
    overwrite: bool = False,
    image_format: ImageFormat = "jpeg",
) -> list[Path]:
    """Writes a mesh of a scene by the suffix, one of `MESH_SUFFIXES`; the written files, the mesh first.

    A texture beside PLY and OBJ is named like the mesh, with underscores for spaces, which many readers do not understand there.
    Raises `InputError` for another suffix, a mesh without triangles, and for what is there already; `ResourceError` for a full
    disk; `DependencyError` for USDZ without the extra `mesh`.
    """
    path = Path(path)
    check_mesh_suffix(path)
    if not len(mesh.triangles):
        raise InputError(f"{path}: not written, because the mesh has no triangle")
    suffix = path.suffix.lower()
    if suffix in _PACKED:
        with staged_file(path, overwrite=overwrite) as partial:
            _PACKED[suffix](mesh, partial, reconstruction, image_format)
        return [path]
    targets = mesh_files(path, has_texture=mesh.texture is not None, image_format=image_format)
    with ExitStack() as stack:  # the mesh, which is entered first, is put in place last
        partials = [stack.enter_context(staged_file(target, overwrite=overwrite)) for target in targets]
        _write_parts(mesh, targets, partials, reconstruction, image_format)
    return targets


def check_mesh_suffix(path: Path) -> None:
    """`InputError` unless the name ends as a mesh file's does."""
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise InputError(f"{path}: a mesh is written as {', '.join(MESH_SUFFIXES)}")


def mesh_files(path: Path, *, has_texture: bool, image_format: ImageFormat = "jpeg") -> list[Path]:
    """The files that a mesh at `path` consists of, the mesh first."""
    suffix, stem = path.suffix.lower(), "_".join(path.stem.split())
    files = [path]
    if has_texture and suffix == ".obj":
        files.append(path.with_name(f"{stem}.mtl"))
    if has_texture and suffix in (".obj", ".ply"):
        files.append(path.with_name(f"{stem}{IMAGE_SUFFIXES[image_format]}"))
    return files


def _write_parts(
    mesh: TriangleMesh, targets: list[Path], partials: list[Path], reconstruction: Reconstruction, image_format: ImageFormat
) -> None:
    """Writes the files of a format that keeps its texture beside it."""
    suffix = targets[0].suffix.lower()
    image_name = targets[-1].name if mesh.texture is not None and suffix != ".stl" else None
    if suffix == ".stl":
        write_stl(mesh, partials[0], reconstruction)
    elif suffix == ".ply":
        write_ply_mesh(mesh, partials[0], reconstruction, image_name)
    else:
        write_obj(mesh, partials[0], reconstruction, targets[1].name if image_name is not None else None)
    if image_name is not None and mesh.texture is not None:
        if suffix == ".obj":
            write_mtl(partials[1], reconstruction, image_name)
        partials[-1].write_bytes(encoded(mesh.texture.image, image_format))
