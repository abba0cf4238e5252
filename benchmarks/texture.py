"""How well a textured mesh shows what photos show: rendered unlit through their cameras, beside plainer ways to colour it.

    python benchmarks/texture.py SCENE MESH.ply                    # a reconstructed scene and its mesh
    python benchmarks/texture.py SCENE MESH.ply --hold-out 2,5,8,12    # these photos are kept from texturing and scored apart

PSNR over the pixels that the mesh covers, with the photos' own exposure; coverage: share of pixels that the mesh covers.
"""

import argparse
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amb3r_core import load_scene
from amb3r_core.scene.camera import PinholeCamera
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.texture import TextureOptions, textured
from amb3r_core.surface.texture_photo import photo_of, sampled
from amb3r_core.surface.texture_sight import Caster
from benchmarks.records import Results, add_json_option, recorded

WAYS = {
    "best photo": TextureOptions(blend="best", equalise=False, reject=False),
    "mean of photos": TextureOptions(blend="mean", equalise=False, reject=False),
    "ours": TextureOptions(),
}


def main() -> None:
    """Textures the mesh in each way and scores the renders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("mesh", type=Path, help="a PLY, OBJ or GLB in the scene's world")
    parser.add_argument("--hold-out", type=lambda text: [int(part) for part in text.split(",")], default=[])
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--pictures", type=Path, help="folder for the renders beside their photos")
    add_json_option(parser)
    arguments = parser.parse_args()
    scene, mesh = load_scene(arguments.scene), read_mesh(arguments.mesh)
    with recorded("texture", arguments) as results:
        for way in arguments.ways:
            compare(way, scene, mesh, arguments, results)


def compare(way: str, scene: Reconstruction, mesh: TriangleMesh, arguments: argparse.Namespace, results: Results) -> None:
    """One way to texture: its time, and its renders through cameras that it used and that it did not."""
    held = arguments.hold_out
    used = [index for index in range(scene.n_views) if index not in held]
    started = time.perf_counter(), time.process_time()
    result = textured(mesh, subset(scene, used), replace(WAYS[way], size=arguments.size))
    seconds, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    row: dict[str, object] = {"way": way, "faces": len(mesh.triangles), "seconds": seconds, "processor_s": processor}
    row |= {"peak_memory_gb": memory, "unseen_faces": 0 if result.texture is None else result.texture.n_unseen}
    for name, indices in (("own", used), ("held", held)):
        if indices:
            psnr, covered = score(result, scene, indices, arguments.pictures and arguments.pictures / f"{way}-{name}")
            row |= {f"psnr_{name}": psnr, f"covered_{name}": covered}
    results.append(row)
    print(
        "  ".join(f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()),
        flush=True,
    )


def subset(scene: Reconstruction, indices: list[int]) -> Reconstruction:
    """The scene with these views alone."""
    dense = scene.dense
    if dense is not None:
        dense = replace(dense, depth=dense.depth[indices], confidence=dense.confidence[indices], rgb=dense.rgb[indices])
    return replace(scene, views=tuple(scene.views[index] for index in indices), dense=dense)


def score(mesh: TriangleMesh, scene: Reconstruction, indices: list[int], pictures: Path | None) -> tuple[float, float]:
    """Mean PSNR on covered pixels and share of covered pixels, through the cameras of some views."""
    caster, values, shares = Caster(mesh), [], []
    for index in indices:
        photo = photo_of(scene, index)
        picture, covered = render(caster, mesh, photo.camera, scene.views[index].cam_to_world)
        error = (picture - photo.rgb)[covered]
        values.append(10 * np.log10(255.0**2 / max(float((error**2).mean()), 1e-12)))
        shares.append(float(covered.mean()))
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            both = np.concatenate([photo.rgb, np.clip(np.rint(picture), 0, 255).astype(np.uint8)], axis=1)
            Image.fromarray(both).save(pictures / f"{index:02d}.jpg", quality=92)
    return float(np.mean(values)), float(np.mean(shares))


def render(caster: Caster, mesh: TriangleMesh, camera: PinholeCamera, pose: NDArray) -> tuple[NDArray, NDArray]:
    """The mesh's texture (H, W, 3) in 0..255 as a camera sees it without light, and where it sees the mesh (H, W)."""
    assert mesh.texture is not None
    found = caster.cast(camera, pose)
    covered = np.isfinite(found["t_hit"])
    corners = mesh.texture.uv[found["primitive_ids"][covered]]
    second, third = (found["primitive_uvs"][covered][:, [column]] for column in range(2))
    uv = (1 - second - third) * corners[:, 0] + second * corners[:, 1] + third * corners[:, 2]
    height, width = mesh.texture.image.shape[:2]
    place = np.stack([uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5], axis=1).astype(np.float32)
    picture = np.full((camera.height, camera.width, 3), 128.0, dtype=np.float32)
    picture[covered] = sampled(mesh.texture.image, place)
    return picture, covered


def read_mesh(path: Path) -> TriangleMesh:
    """A mesh file as it lies, with its normals."""
    import trimesh

    loaded = trimesh.load_mesh(path, process=False)
    return TriangleMesh(
        vertices=np.asarray(loaded.vertices, dtype=np.float32),
        triangles=np.asarray(loaded.faces, dtype=np.int32),
        normals=np.asarray(loaded.vertex_normals, dtype=np.float32),
    )


if __name__ == "__main__":
    main()
