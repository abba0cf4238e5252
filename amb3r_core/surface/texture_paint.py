"""The two passes over the photos that colour an atlas; `amb3r_core.surface.texture` says what they are for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from amb3r_core.scene.arrays import Float32, UInt8
from amb3r_core.scene.reconstruction import Reconstruction
from amb3r_core.surface.mesh import TriangleMesh
from amb3r_core.surface.texture_atlas import Atlas
from amb3r_core.surface.texture_choice import Observations, agreement, sharpness
from amb3r_core.surface.texture_exposure import Exposure, equalised
from amb3r_core.surface.texture_fill import filled, spread_over_surface
from amb3r_core.surface.texture_photo import Photo, photo_of, sampled
from amb3r_core.surface.texture_sight import Caster, sight_of
from amb3r_core.surface.texture_texels import Ints, Texels, barycentric, texels_of

Blend = Literal["bands", "best", "mean"]
STEP = 1 << 19
"""Texels at a time."""
BEST_POWER = 24.0
"""The power of quality that leaves one photo a place."""
FAINTEST = 1e-30
"""The smallest weight of a photo that sees a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintOptions:
    """How photos are mixed."""

    blend: Blend
    equalise: bool
    reject: bool
    detail_share: float
    """What counts as fine detail: smaller than this share of a photo's longer side."""
    choosiness: float
    """The power of quality by which the best photo wins in fine detail."""


class Painter:
    """Collects the colours of an atlas: `look` at each photo, `decide`, `paint` each photo, `finish`."""

    def __init__(self, mesh: TriangleMesh, reconstruction: Reconstruction, options: PaintOptions, atlas: Atlas) -> None:
        self._mesh, self._scene, self._options, self._atlas = mesh, reconstruction, options, atlas
        self._caster = Caster(mesh)
        self._texels: Texels = texels_of(mesh, atlas)
        self._seen = Observations.empty(reconstruction.n_views, self._texels.n_cells)
        self._factor = np.zeros((0, 0), np.float32)
        self._peak = np.zeros(0, np.float32)
        self._exposure = Exposure(np.ones((0, 3)), np.zeros((0, 3)))
        self._bands = [_Sum(len(self._texels.texel)) for _ in ("coarse", "fine")]

    def look(self, index: int) -> None:
        """First pass: what one photo shows of each cell."""
        photo = photo_of(self._scene, index)
        sight = sight_of(self._caster, self._scene, index, photo)
        middle = self._texels.middle
        pixels, quality = sight.look(self._texels.points[middle], self._texels.normals[middle])
        cells = np.flatnonzero(quality)
        pixels = on_photo(pixels[cells], sight.camera.width, photo)
        coarse = photo.blurred(self._sigma(photo))
        self._seen.quality[index] = quality
        self._seen.colors[index, cells] = np.rint(sampled(coarse, pixels)).astype(np.uint8)
        self._seen.detail[index, cells] = sampled(_detail(photo, coarse, self._sigma(photo)), pixels)[:, 0]

    def decide(self) -> None:
        """Between the passes: exposures, and how much each photo counts in each cell."""
        seen = self._seen
        if self._options.equalise:
            self._exposure = equalised(seen.colors, seen.quality)
        else:
            self._exposure = Exposure(np.ones((len(seen.colors), 3)), np.zeros((len(seen.colors), 3)))
        agrees = agreement(seen, self._exposure) if self._options.reject else np.ones(seen.quality.shape, np.float32)
        self._factor = agrees * sharpness(seen)[:, None]
        self._peak = (seen.quality * self._factor).max(axis=0)

    def paint(self, index: int) -> None:
        """Second pass: adds one photo's colours to the texels it sees."""
        photo = photo_of(self._scene, index)
        sight = sight_of(self._caster, self._scene, index, photo)
        photo = photo.reduced(self._pixels_per_texel(index))
        both = np.concatenate([photo.blurred(self._sigma(photo)), photo.rgb], axis=2)
        says = np.stack([self._factor[index], self._peak])
        chosen = self._texels.of_cells(self._cells_near(index))
        for start in range(0, len(chosen), STEP):
            texels = chosen[start : start + STEP]
            pixels, quality = sight.look(self._texels.points[texels], self._texels.normals[texels])
            seen = np.flatnonzero(quality)
            factor, peak = self._texels.smooth(says, texels[seen])
            counts = factor > 0
            seen, share = seen[counts], quality[seen[counts]] * factor[counts] / np.maximum(peak[counts], 1e-20)
            texels, found = texels[seen], sampled(both, on_photo(pixels[seen], sight.camera.width, photo))
            low = self._exposure.correct(index, found[:, :3])
            high = self._exposure.correct(index, found[:, 3:]) - low
            for band, colors, weight in zip(self._bands, (low, high), self._weights(share), strict=True):
                band.add(texels, colors, weight)

    def finish(self) -> tuple[UInt8, int]:
        """The image (size, size, 3), and how many faces no photo sees."""
        coarse, fine = self._bands
        seen, colors = coarse.weight > 0, coarse.taken_mean()
        colors += fine.taken_mean()
        unseen, n_unseen = np.flatnonzero(~seen), self._n_unseen(seen)
        if len(unseen):
            of_vertices = self._vertex_colors(colors, seen)
            face = self._texels.face[unseen]
            shares = barycentric(self._atlas, self._texels.texel[unseen], face)
            colors[unseen] = (shares[:, :, None] * of_vertices[self._mesh.triangles[face]]).sum(axis=1)
        size = self._texels.size
        known = np.zeros(size * size, dtype=np.bool_)
        known[self._texels.texel] = True
        image = np.empty((size, size, 3), dtype=np.uint8)
        for channel in range(3):
            plane = np.zeros(size * size, dtype=np.float32)
            plane[self._texels.texel] = np.clip(colors[:, channel], 0.0, 255.0)
            image[..., channel] = np.rint(filled(plane.reshape(size, size), known.reshape(size, size)))
        return image, n_unseen

    def _sigma(self, photo: Photo) -> float:
        return self._options.detail_share * max(photo.camera.width, photo.camera.height)

    def _pixels_per_texel(self, index: int) -> int:
        """How many pixels of a photo fall on a texel where it comes near, at least 1."""
        found = self._seen.quality[index]
        if not found.any():
            return 1
        face = self._atlas.corners
        e1, e2 = face[:, 1] - face[:, 0], face[:, 2] - face[:, 0]
        texels = 0.5 * float(np.abs(e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]).sum())
        a, b, c = (self._mesh.vertices[self._mesh.triangles[:, corner]] for corner in range(3))
        area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
        near = float(np.sort(found[found > 0])[int(0.9 * (found > 0).sum())])
        return max(int((near * area / max(texels, 1e-12)) ** 0.5), 1)

    def _cells_near(self, index: int) -> Ints:
        """The cells that a photo sees, and those beside them."""
        n = self._texels.across
        near = np.zeros((n + 2, n + 2), dtype=np.bool_)
        row, column = np.divmod(self._texels.block[self._seen.quality[index] > 0], n)
        for down in range(3):
            for right in range(3):
                near[row + down, column + right] = True
        return np.flatnonzero(near[1:-1, 1:-1].ravel()[self._texels.block])

    def _weights(self, share: Float32) -> tuple[Float32, Float32]:
        """Weights of coarse colour and of fine detail, of photos whose quality is a share of the best one's."""
        if self._options.blend == "mean":
            return np.ones_like(share), np.ones_like(share)
        powers = (BEST_POWER, BEST_POWER) if self._options.blend == "best" else (1.0, self._options.choosiness)
        coarse, fine = (np.clip(share, FAINTEST ** (1.0 / power), 4.0) ** power for power in powers)
        return coarse, fine

    def _n_unseen(self, seen: NDArray[np.bool_]) -> int:
        """Faces of whose texels none is seen; a face too small for a texel counts by its neighbours at its corners."""
        triangles = self._mesh.triangles
        has = np.bincount(self._texels.face, minlength=len(triangles)) > 0
        shown = np.bincount(self._texels.face[seen], minlength=len(triangles)) > 0
        touched = np.zeros(len(self._mesh.vertices), dtype=np.bool_)
        touched[triangles[shown]] = True
        return int(np.where(has, ~shown, ~touched[triangles].any(axis=1)).sum())

    def _vertex_colors(self, colors: Float32, seen: NDArray[np.bool_]) -> Float32:
        """Colours (V, 3) of vertices from the seen texels of the faces around them, spread to where nothing is seen."""
        triangles, n = self._mesh.triangles, len(self._mesh.vertices)
        face = self._texels.face[seen]
        count = np.bincount(face, minlength=len(triangles))
        shown = np.flatnonzero(count)
        corner = triangles[shown].ravel()
        weight = np.bincount(corner, minlength=n)
        total = np.zeros((n, 3), np.float32)
        for channel in range(3):
            of_face = np.bincount(face, weights=colors[seen, channel], minlength=len(triangles))[shown] / count[shown]
            total[:, channel] = np.bincount(corner, weights=np.repeat(of_face, 3), minlength=n)
        return spread_over_surface(total / np.maximum(weight, 1)[:, None].astype(np.float32), weight > 0, triangles)


class _Sum:
    """Weighted colours of texels as they come in."""

    def __init__(self, n_texels: int) -> None:
        self.colors = np.zeros((n_texels, 3), np.float32)
        self.weight = np.zeros(n_texels, np.float32)

    def add(self, texels: Ints, colors: Float32, weight: Float32) -> None:
        """Adds to distinct texels."""
        self.colors[texels] += colors * weight[:, None]
        self.weight[texels] += weight

    def taken_mean(self) -> Float32:
        """The mean colours, in the memory of the sums: nothing can be added after."""
        self.colors /= np.maximum(self.weight, np.finfo(np.float32).tiny)[:, None]
        return self.colors


def on_photo(pixels: Float32, width: int, photo: Photo) -> Float32:
    """Pixels (M, 2) of an image of another width, on the photo."""
    scale = np.float32(photo.camera.width / width)
    return (pixels + np.float32(0.5)) * scale - np.float32(0.5)


def _detail(photo: Photo, coarse: UInt8, sigma: float) -> UInt8:
    """How strong fine detail is around each pixel (H, W, 1)."""
    difference = np.abs(photo.rgb.astype(np.int16) - coarse).max(axis=2).astype(np.uint8)
    return np.asarray(Image.fromarray(difference).filter(ImageFilter.GaussianBlur(2.0 * sigma)))[..., None]
