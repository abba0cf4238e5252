"""USDZ of a mesh: OpenUSD's package of one stage and its texture, +Y up, with a lit preview material."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from amb3r_core.errors import InputError
from amb3r_core.export.glb import gltf_from_world, linear_colors
from amb3r_core.export.notes import provenance_record
from amb3r_core.optional import require
from amb3r_core.scene.arrays import Float32
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.files_glb import ROUGHNESS
from amb3r_core.surface.files_image import IMAGE_SUFFIXES, ImageFormat, encoded, unit_normals
from amb3r_core.surface.mesh import TriangleMesh

ROOT = "/amb3r"


def write_usdz(mesh: TriangleMesh, path: Path, reconstruction: Reconstruction, image_format: ImageFormat) -> None:
    """Writes one USDZ that holds its texture. Raises `DependencyError` without the extra `mesh`."""
    usd = _Usd()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name[:40]}.usd") as scratch:
        folder = Path(scratch)
        image_name = None
        if mesh.texture is not None:
            image_name = f"texture{IMAGE_SUFFIXES[image_format]}"
            (folder / image_name).write_bytes(encoded(mesh.texture.image, image_format))
        stage = usd.Usd.Stage.CreateNew(str(folder / "scene.usdc"))
        _describe(usd, stage, reconstruction)
        surface = _add_surface(usd, stage, mesh)
        _add_material(usd, stage, surface, mesh, image_name)
        stage.GetRootLayer().Save()
        package = folder / "package.usdz"
        if not usd.UsdUtils.CreateNewUsdzPackage(usd.Sdf.AssetPath(str(folder / "scene.usdc")), str(package)):
            raise InputError(f"{path}: OpenUSD could not pack this mesh")
        package.replace(path)


class _Usd:
    """The parts of OpenUSD that are used."""

    def __init__(self) -> None:
        names = ("Gf", "Sdf", "Usd", "UsdGeom", "UsdShade", "UsdUtils", "Vt")
        parts: dict[str, Any] = {name: require(f"pxr.{name}", extra="mesh", purpose="to write USDZ") for name in names}
        self.Gf, self.Sdf, self.Usd, self.UsdGeom = parts["Gf"], parts["Sdf"], parts["Usd"], parts["UsdGeom"]
        self.UsdShade, self.UsdUtils, self.Vt = parts["UsdShade"], parts["UsdUtils"], parts["Vt"]

    def vectors(self, values: Float32) -> Any:
        """An array (M, 3) as USD holds it."""
        return self.Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(values, dtype=np.float32))


def _describe(usd: _Usd, stage: Any, reconstruction: Reconstruction) -> None:
    """Axes, unit, notes and the upright root."""
    usd.UsdGeom.SetStageUpAxis(stage, usd.UsdGeom.Tokens.y)
    usd.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = usd.UsdGeom.Xform.Define(stage, ROOT)
    root.AddTransformOp().Set(usd.Gf.Matrix4d(gltf_from_world(reconstruction).T.tolist()))
    stage.SetDefaultPrim(root.GetPrim())
    notes = {key: _plain(value) for key, value in provenance_record(reconstruction).items()}
    stage.GetRootLayer().customLayerData = {"amb3r": notes}


def _plain(value: object) -> str | float:
    """What USD's dictionaries hold; lists of nothing have no type there."""
    if isinstance(value, list):
        return "\n".join(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return float(value) if isinstance(value, float) else "" if value is None else str(value)


def _add_surface(usd: _Usd, stage: Any, mesh: TriangleMesh) -> Any:
    surface = usd.UsdGeom.Mesh.Define(stage, f"{ROOT}/surface")
    surface.CreatePointsAttr(usd.vectors(mesh.vertices))
    surface.CreateExtentAttr(usd.vectors(np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)])))
    counts = np.full(len(mesh.triangles), 3, dtype=np.int32)
    surface.CreateFaceVertexCountsAttr(usd.Vt.IntArray.FromNumpy(counts))
    indices = np.ascontiguousarray(mesh.triangles.ravel(), dtype=np.int32)
    surface.CreateFaceVertexIndicesAttr(usd.Vt.IntArray.FromNumpy(indices))
    surface.CreateNormalsAttr(usd.vectors(unit_normals(mesh)))
    surface.SetNormalsInterpolation(usd.UsdGeom.Tokens.vertex)
    surface.CreateSubdivisionSchemeAttr(usd.UsdGeom.Tokens.none)
    surface.CreateDoubleSidedAttr(True)
    if mesh.texture is not None:
        kind = usd.Sdf.ValueTypeNames.TexCoord2fArray
        place = usd.UsdGeom.PrimvarsAPI(surface).CreatePrimvar("st", kind, usd.UsdGeom.Tokens.faceVarying)
        place.Set(usd.Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(mesh.texture.uv.reshape(-1, 2), dtype=np.float32)))
    elif mesh.colors is not None:
        surface.CreateDisplayColorPrimvar(usd.UsdGeom.Tokens.vertex).Set(usd.vectors(linear_colors(mesh.colors)))
    return surface


def _add_material(usd: _Usd, stage: Any, surface: Any, mesh: TriangleMesh, image_name: str | None) -> None:
    """A rough, not metallic material whose colour is the texture's or the vertices'."""
    kinds, shade = usd.Sdf.ValueTypeNames, usd.UsdShade
    material = shade.Material.Define(stage, f"{ROOT}/material")
    shader = shade.Shader.Define(stage, f"{ROOT}/material/preview")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", kinds.Float).Set(ROUGHNESS)
    shader.CreateInput("metallic", kinds.Float).Set(0.0)
    color = shader.CreateInput("diffuseColor", kinds.Color3f)
    if image_name is not None:
        reader = _reader(usd, stage, "UsdPrimvarReader_float2", "st")
        texture = shade.Shader.Define(stage, f"{ROOT}/material/texture")
        texture.CreateIdAttr("UsdUVTexture")
        texture.CreateInput("file", kinds.Asset).Set(f"./{image_name}")
        texture.CreateInput("sourceColorSpace", kinds.Token).Set("sRGB")
        for side in ("wrapS", "wrapT"):
            texture.CreateInput(side, kinds.Token).Set("clamp")
        texture.CreateInput("st", kinds.Float2).ConnectToSource(reader.CreateOutput("result", kinds.Float2))
        color.ConnectToSource(texture.CreateOutput("rgb", kinds.Float3))
    elif mesh.colors is not None:
        reader = _reader(usd, stage, "UsdPrimvarReader_float3", "displayColor")
        color.ConnectToSource(reader.CreateOutput("result", kinds.Float3))
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    shade.MaterialBindingAPI.Apply(surface.GetPrim()).Bind(material)


def _reader(usd: _Usd, stage: Any, kind: str, primvar: str) -> Any:
    """A shader that reads one value of the mesh."""
    reader = usd.UsdShade.Shader.Define(stage, f"{ROOT}/material/{primvar}")
    reader.CreateIdAttr(kind)
    reader.CreateInput("varname", usd.Sdf.ValueTypeNames.String).Set(primvar)
    return reader
