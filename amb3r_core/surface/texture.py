"""A photo texture for a mesh: every place coloured by the photos that see it best, without their seams.

Two passes over the photos, one photo in memory at a time. The first looks at cells of the texture: who sees them, how well, in
which colour. From that follow common exposures, the photos' sharpness, and which photo shows something else than the others (a
passer-by). The second blends: coarse light and colour averaged over many photos, fine detail mostly from the best one.
"""

from dataclasses import dataclass, replace

from amb3r_core.errors import InputError, OptionError
from amb3r_core.progress import Monitor, silent, track
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.mesh import Texture, TriangleMesh
from amb3r_core.surface.texture_atlas import make_atlas
from amb3r_core.surface.texture_paint import Blend, Painter, PaintOptions

SMALLEST_SIZE, LARGEST_SIZE = 64, 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureOptions:
    """How to colour a mesh from photos."""

    size: int = 4096
    """Side of the texture in texels."""
    blend: Blend = "bands"
    """bands: coarse colour of many photos, fine detail of the best. best: each place from one photo. mean: all that see it."""
    equalise: bool = True
    """Bring the photos to a common exposure and white balance."""
    reject: bool = True
    """Leave out photos that show a place otherwise than most: passers-by, reflections."""
    detail_share: float = 0.004
    """What counts as fine detail: smaller than this share of a photo's longer side."""
    choosiness: float = 3.0
    """The power of quality by which the best photo wins in fine detail; higher is sharper and shows more seams."""

    def __post_init__(self) -> None:
        if not SMALLEST_SIZE <= self.size <= LARGEST_SIZE:
            wanted = f"{SMALLEST_SIZE} to {LARGEST_SIZE} is wanted"
            raise OptionError(f"`texture_size={self.size}`: {wanted}", option="texture_size")

    @property
    def paint(self) -> PaintOptions:
        """How photos are mixed."""
        return PaintOptions(
            blend=self.blend,
            equalise=self.equalise,
            reject=self.reject,
            detail_share=self.detail_share,
            choosiness=self.choosiness,
        )


def textured(
    mesh: TriangleMesh, reconstruction: Reconstruction, options: TextureOptions | None = None, monitor: Monitor = silent
) -> TriangleMesh:
    """The mesh with a texture of the scene's photos. Same mesh, photos and options: same bytes.

    Raises `InputError` for a mesh without triangles and for a scene without photos or dense colours, `DependencyError` without
    the extra `mesh`.
    """
    options = options or TextureOptions()
    if not len(mesh.triangles):
        raise InputError("the mesh has no triangle, so there is nothing to texture")
    if not reconstruction.views:
        raise InputError("the scene has no photo, so there is nothing to texture the mesh with")
    atlas = make_atlas(mesh.vertices, mesh.triangles, options.size)
    painter = Painter(mesh, reconstruction, options.paint, atlas)
    n_views = reconstruction.n_views
    for index in track(range(n_views), monitor, stage="look at photos", total=n_views):
        painter.look(index)
    painter.decide()
    for index in track(range(n_views), monitor, stage="paint texture", total=n_views):
        painter.paint(index)
    image, n_unseen = painter.finish()
    return replace(mesh, texture=Texture(image=image, uv=atlas.uv(), n_unseen=n_unseen))
