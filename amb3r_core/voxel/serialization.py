"""Voxels strung on space-filling curves, and the attention patches cut from those strings."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from amb3r_core.voxel.config import PatchRule
from amb3r_core.voxel.curves import CURVES, curve_depth, serialize
from amb3r_core.voxel.keys import distinct, rows_per_scene
from amb3r_core.voxel.sites import SparseSites


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchPlan:
    """Which rows attend to one another: `rows` holds patches one after another, `shapes` their (count, length).

    rows (M,) int64 into the V voxels, some of them twice; place (V,) int64 is where in `rows` each voxel's
    own slot is, the one whose result it keeps.
    """

    rows: Tensor
    shapes: tuple[tuple[int, int], ...]
    place: Tensor

    def chunks(self, n_rows: int) -> Iterator[Tensor]:
        """The patches (count, length) in order, as many of one length at a time as n_rows hold, at least one."""
        start = 0
        for n_patches, length in self.shapes:
            patches = self.rows[start : start + n_patches * length].view(n_patches, length)
            start += n_patches * length
            yield from torch.split(patches, max(1, n_rows // length))


class Stage:
    """The voxels of one stage of the U, on their four curves.

    index (V, 4) int64 = scene, x, y, z; codes (4, V) int64, one row per curve slot; depth is the bits per
    axis in the codes. Slots may be shuffled; slot 0 also says how voxels merge into the next stage.
    """

    def __init__(self, index: Tensor, codes: Tensor, depth: int) -> None:
        self.index = index
        self.codes = codes
        self.depth = depth
        self.orders = torch.argsort(codes, dim=1)
        self.sites = SparseSites(index)
        self._plans: dict[tuple[int, int, PatchRule], PatchPlan] = {}

    def patches(self, slot: int, size: int, rule: PatchRule) -> PatchPlan:
        """The attention patches along one curve, made at the first call for it."""
        key = (slot, size, rule)
        if key not in self._plans:
            counts = rows_per_scene(self.index[:, 0])
            self._plans[key] = plan_patches(self.orders[slot], counts, _patch_size(counts, size, rule))
        return self._plans[key]

    def pooled(self, shuffle: torch.Generator | None) -> tuple["Stage", Tensor]:
        """The stage of twice the voxel size, and the row (V,) there that each voxel here merges into.

        The parents' codes are the children's without the last three bits, not computed anew: a Hilbert curve
        of fewer bits would run elsewhere. Where no bit is left voxels no longer merge, only their order changes.
        """
        bits = 1 if self.depth else 0
        parent_codes, parent = distinct(self.codes[0] >> 3 * bits)
        first = torch.full_like(parent_codes, len(parent)).scatter_reduce(
            0, parent, torch.arange(len(parent), device=parent.device), "amin"
        )
        index = torch.cat([self.index[first, :1], self.index[first, 1:] >> bits], dim=1)
        codes = _shuffled(self.codes[:, first] >> 3 * bits, shuffle)
        return Stage(index, codes, self.depth - bits), parent


def finest_stage(index: Tensor, shuffle: torch.Generator | None) -> Stage:
    """The stage of the voxels (V, 4) themselves."""
    depth = curve_depth(index[:, 1:])
    return Stage(index, _shuffled(serialize(index, depth), shuffle), depth)


def plan_patches(order: Tensor, counts: list[int], size: int) -> PatchPlan:
    """Patches of `size` along an order (V,) that visits scene after scene, of `counts` voxels each.

    A scene's last patch is filled up with the same slots of the patch before, so its missing voxels are
    keys and queries twice: the kernels of the published code want full patches, and the weights know it.
    A scene that is smaller than a patch is one patch as it is.
    """
    full: list[Tensor] = []
    short: list[Tensor] = []
    for voxels in torch.split(order, counts):
        if 0 < len(voxels) < size:
            short.append(voxels)
        elif len(voxels):
            n_missing = -len(voxels) % size
            rest = size - n_missing
            borrowed = voxels[len(voxels) - rest - n_missing : len(voxels) - rest]
            full.append(torch.cat([voxels, borrowed]))
    rows = torch.cat([*full, *short])
    n_full = sum(len(patches) for patches in full) // size
    shapes = [(n_full, size)] if n_full else []
    return PatchPlan(
        rows=rows,
        shapes=(*shapes, *((1, len(voxels)) for voxels in short)),
        place=_own_places(rows, len(order)),
    )


def _own_places(rows: Tensor, n_voxels: int) -> Tensor:
    """The first place of each voxel in rows: the borrowed ones come later, in a patch that is not theirs."""
    places = torch.arange(len(rows), device=rows.device)
    return torch.full((n_voxels,), len(rows), device=rows.device).scatter_reduce(0, rows, places, "amin")


def _patch_size(counts: list[int], size: int, rule: PatchRule) -> int:
    if rule == "per_scene":
        return size
    return min(size, *(count for count in counts if count), size)


def _shuffled(codes: Tensor, shuffle: torch.Generator | None) -> Tensor:
    """The curve slots in a random order, as training did; as they are where there is no generator."""
    if shuffle is None:
        return codes
    return codes[torch.randperm(len(CURVES), generator=shuffle).to(codes.device)]
