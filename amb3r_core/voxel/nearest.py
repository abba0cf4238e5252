"""Exact nearest neighbours: boxes of queries against a tree of boxes of points.

Points are halved across their widest axis until a leaf holds few, and queries likewise. Descending level by level, a pair
of a query box and a node is dropped once the node is farther than some other node with k points can be; the leaves that
remain are read nearest first until none can improve. Far queries are no special case, which a search through rings of
voxels could not say. All comparisons are of rounded distances, and rounding keeps order: the answer is brute force's own.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

LEAF = 32
"""Points to a leaf, and queries to a box."""
FAN_OUT = 8
BOXES_AT_ONCE = 2048
"""Query boxes searched at a time; bounds the memory, not the answer."""
LEAVES_AT_ONCE = 4


def nearest_points(queries: Tensor, points: Tensor, k: int) -> Tensor:
    """Rows (N, min(k, V)) of the points (V, 3) nearest to each of queries (N, 3), nearest first.

    Distances are compared as rounded sums of squares in the inputs' dtype, float32 or float64, all finite;
    among equal distances the lower row comes first. Not differentiable.
    """
    k = min(k, len(points))
    if not k or not len(queries):
        return torch.zeros(len(queries), k, dtype=torch.long, device=queries.device)
    queries, points = queries.detach(), points.detach()
    tree = _build_tree(points)
    rows, is_real = _compact_boxes(queries)
    found = torch.cat([_search(tree, queries[part], k) for part in torch.split(rows, BOXES_AT_ONCE)])
    index = torch.empty(len(queries), k, dtype=torch.long, device=queries.device)
    index[rows[is_real]] = found[is_real]
    return index


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Sums of squared differences over the last axis of three, each step rounded alike whatever the shapes."""
    x, y, z = (a - b).unbind(dim=-1)
    return x * x + y * y + z * z


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """Boxes low, high (M, 3) of one level of the tree and the number of points (M,) in each."""

    low: Tensor
    high: Tensor
    count: Tensor

    def parents(self) -> "_Level":
        """The level above."""
        return _Level(
            low=torch.amin(torch.unflatten(self.low, 0, (-1, FAN_OUT)), 1),
            high=torch.amax(torch.unflatten(self.high, 0, (-1, FAN_OUT)), 1),
            count=torch.sum(torch.unflatten(self.count, 0, (-1, FAN_OUT)), 1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """levels from the leaves up; leaves (L, S, 3) and their rows (L, S), filled up with infinity and V."""

    levels: list[_Level]
    leaves: Tensor
    rows: Tensor


def _build_tree(points: Tensor) -> _Tree:
    rows, is_real = _compact_boxes(points)
    leaves = points[rows]
    level = _Level(low=torch.amin(leaves, 1), high=torch.amax(leaves, 1), count=torch.sum(is_real, 1))
    levels = [level]
    while len(levels[-1].count) > FAN_OUT:
        levels.append(levels[-1].parents())
    return _Tree(
        levels=levels,
        leaves=leaves.masked_fill(~is_real[..., None], torch.inf),
        rows=rows.masked_fill(~is_real, len(points)),
    )


def _compact_boxes(points: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (2 ** d, S <= LEAF) of points (V, 3) halved d times across their widest axis, and which are real.

    The others repeat the last point, to make the halves even.
    """
    n_halvings = max(0, math.ceil(math.log2(len(points) / LEAF)))
    size = -(-len(points) // 2**n_halvings)
    places = torch.arange(size << n_halvings, device=points.device)
    rows, is_real = places.clamp_max(len(points) - 1)[None], (places < len(points))[None]
    for _ in range(n_halvings):
        members = points[rows]
        widest = (members.amax(dim=1) - members.amin(dim=1)).argmax(dim=1)
        along = members.gather(2, widest[:, None, None].expand(-1, rows.shape[1], 1))[..., 0]
        order = torch.argsort(along, dim=1, stable=True)
        rows = rows.gather(1, order).view(2 * len(rows), -1)
        is_real = is_real.gather(1, order).view(rows.shape)
    return rows, is_real


def _search(tree: _Tree, boxes: Tensor, k: int) -> Tensor:
    """Rows (G, LEAF, k) nearest to the queries of boxes (G, LEAF, 3)."""
    box, leaf, gap = _leaves_in_reach(tree, boxes, k)
    # Two stable sorts: by box, then nearest leaf first within each.
    order = torch.argsort(gap, stable=True)
    order = order[torch.argsort(box[order], stable=True)]
    leaf, gap = leaf[order], gap[order]
    n_left = torch.bincount(box, minlength=len(boxes))
    return _read_leaves(tree, boxes, k, leaf, gap, n_left)


def _leaves_in_reach(tree: _Tree, boxes: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of a box and a leaf that may hold one of its k nearest, with the squared gap between the two."""
    low, high = boxes.amin(dim=1), boxes.amax(dim=1)
    reach = boxes.new_full((len(boxes),), torch.inf)
    n_top = len(tree.levels[-1].count)
    box = torch.arange(len(boxes), device=boxes.device).repeat_interleave(n_top)
    node = torch.arange(n_top, device=boxes.device).repeat(len(boxes))
    gap = reach[:0]
    for depth, level in enumerate(reversed(tree.levels)):
        if depth:
            box, node = _children(box, node)
        above, below = level.low[node] - high[box], low[box] - level.high[node]
        gap = squared_distances(torch.maximum(above, below).clamp_min(0), above.new_zeros(3))
        farthest = squared_distances(torch.maximum(high[box] - level.low[node], level.high[node] - low[box]), above.new_zeros(3))
        farthest = farthest.masked_fill(level.count[node] < k, torch.inf)
        reach.scatter_reduce_(0, box, farthest, "amin")
        near = gap <= reach[box]
        box, node, gap = box[near], node[near], gap[near]
    return box, node, gap


def _children(box: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
    child = node[:, None] * FAN_OUT + torch.arange(FAN_OUT, device=node.device)
    return box.repeat_interleave(FAN_OUT), child.flatten()


def _read_leaves(tree: _Tree, boxes: Tensor, k: int, leaf: Tensor, gap: Tensor, n_left: Tensor) -> Tensor:
    """Keep the k best of each query while reading the leaves of its box, nearest first.

    leaf and gap list the leaves of box 0, then of box 1, and so on; n_left (G,) says how many each has.
    """
    end = n_left.cumsum(0)
    cursor = end - n_left
    best_distance = boxes.new_full((*boxes.shape[:2], k), torch.inf)
    best_row = torch.full(best_distance.shape, int(tree.rows.max()) + 1, device=boxes.device)
    active = torch.arange(len(boxes), device=boxes.device)
    while len(active):
        slots = cursor[active, None] + torch.arange(LEAVES_AT_ONCE, device=boxes.device)
        outside = slots >= end[active, None]
        chosen = leaf[slots.clamp_max(len(leaf) - 1)]
        points = tree.leaves[chosen].masked_fill(outside[..., None, None], torch.inf).flatten(1, 2)
        distance = squared_distances(boxes[active][:, :, None], points[:, None])
        row = tree.rows[chosen].flatten(1)[:, None].expand(distance.shape)
        merged = torch.cat([best_distance[active], distance], dim=2), torch.cat([best_row[active], row], dim=2)
        best_distance[active], best_row[active] = _smallest(*merged, k)
        cursor[active] += LEAVES_AT_ONCE
        active = active[cursor[active] < end[active]]
        active = active[gap[cursor[active]] <= best_distance[active, :, -1].amax(dim=1)]
    return best_row


def _smallest(distance: Tensor, row: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest distances along the last axis and their rows, in order; the lower row first in a tie."""
    if distance.dtype == torch.float32:
        # The bits of floats that are not negative sort as the floats do, which leaves room for the row below them.
        keys = (distance.view(torch.int32).long() << 32) | row
        keys = torch.topk(keys, k, dim=-1, largest=False, sorted=True).values
        return (keys >> 32).int().view(torch.float32), keys & 0xFFFFFFFF
    by_row = torch.argsort(row, dim=-1)
    order = by_row.gather(-1, torch.argsort(distance.gather(-1, by_row), dim=-1, stable=True))[..., :k]
    return distance.gather(-1, order), row.gather(-1, order)
