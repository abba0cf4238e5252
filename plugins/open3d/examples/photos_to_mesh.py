"""Photos or a video to a coloured mesh, seen through the stages one by one.

python photos_to_mesh.py photos/ room.glb
"""

import sys

import amb3r_open3d as a3


def main(images: str, output: str) -> None:
    scene = a3.Reconstruct(a3.SceneOptions(device="CPU:0", max_frames=60))(images)
    print(f"{len(scene)} views placed, scale: {scene.reconstruction.scale.kind}")

    stages = (
        a3.MaskDepth(a3.MaskDepthOptions(min_agreeing_views=1))
        >> a3.FuseTSDF(a3.FuseTSDFOptions(voxel_size="auto", confidence="weight"))
        >> a3.CleanMesh()
    )
    mesh = stages(scene)
    a3.write_mesh(mesh, output, scene, overwrite=True)
    print(f"{output}: {len(mesh.triangle.indices)} triangles")
    if a3.can_render():
        print(a3.screenshot(mesh, "room.png", scene, overwrite=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
