"""Small groups: of images that look alike, and of keyframes near one another.

Everything follows from the similarities, a seed, and the order of the rows; callers sort the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from amb3r_core.scene.arrays import Float64

Groups = list[list[int]]


@dataclass(frozen=True, kw_only=True)
class ImageClusterConfig:
    """Published values."""

    min_size: int = 5
    max_size: int = 8
    """Also held at the first assignment, which the published code does not."""
    restarts: int = 50
    patience: int = 20
    """Restarts without a better result before the search ends."""
    passes: int = 2
    """Rounds in which images move to a better cluster."""
    separation: float = 0.5
    """Weight of the distance between medoids in a clustering's cost."""


def cluster_images(similarity: Float64, config: ImageClusterConfig, seed: int) -> Groups:
    """Groups of alike images, the medoid first in each, then its members in order. similarity (N, N) in [0, 1]."""
    rng = np.random.default_rng(seed)
    best: tuple[float, Groups] | None = None
    without_gain = 0
    for _ in range(config.restarts):
        groups = _ImageClustering(similarity, config, rng).run()
        cost = clustering_cost(similarity, groups, config.separation)
        if best is None or cost < best[0] - 1e-12:
            best, without_gain = (cost, groups), 0
        else:
            without_gain += 1
        if without_gain >= config.patience:
            break
    assert best is not None
    return sorted(best[1], key=lambda group: group[0])


def clustering_cost(similarity: Float64, groups: Groups, separation: float) -> float:
    """Mean over groups of the mean distance to the medoid, plus `separation` times the mean distance between nearest medoids."""
    spread = float(np.mean([1.0 - similarity[group[0], group].mean() for group in groups]))
    if len(groups) < 2:
        return spread
    heads = [group[0] for group in groups]
    apart = 1.0 - similarity[np.ix_(heads, heads)]
    np.fill_diagonal(apart, np.inf)
    return spread + separation * float(apart.min(axis=1).mean())


def farthest_points(distance_from: Callable[[int], Float64], n_points: int, first: int) -> list[int]:
    """Rows that are far from one another, greedily, from `first` on. distance_from: of all rows (N,) from one."""
    chosen = [first]
    nearest = distance_from(first).copy()
    while len(chosen) < n_points:
        nearest[chosen[-1]] = -np.inf  # Stays the least in what follows, so that no row is chosen twice.
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, distance_from(chosen[-1]))
    return chosen


def medoid_first(similarity: Float64, group: list[int]) -> list[int]:
    """The group with its most central row first, the others in order."""
    members = sorted(group)
    head = members[int(np.argmax(similarity[np.ix_(members, members)].sum(axis=1)))]
    return [head, *(member for member in members if member != head)]


@dataclass
class _ImageClustering:
    """One restart."""

    similarity: Float64
    config: ImageClusterConfig
    rng: np.random.Generator
    groups: Groups = field(default_factory=list[list[int]])
    sums: Float64 = field(default_factory=lambda: np.zeros((0, 0)))
    """Each image's summed similarity to each cluster (N, K); kept up to date on every move."""

    def run(self) -> Groups:
        self._assign()
        self._merge_small()
        for _ in range(self.config.passes):
            self._move_to_better()
        return [medoid_first(self.similarity, group) for group in self.groups]

    def _assign(self) -> None:
        """Every image to its most similar seed that has room, the surest images first."""
        n = len(self.similarity)
        n_seeds = -(-n // self.config.min_size)
        seeds = farthest_points(lambda row: 1.0 - self.similarity[row], n_seeds, int(self.rng.random() * n))
        self.groups = [[seed] for seed in seeds]
        sizes, taken = np.ones(n_seeds, dtype=np.intp), set(seeds)
        to_seeds = self.similarity[:, seeds]
        for image in np.argsort(-to_seeds.max(axis=1), kind="stable").tolist():
            if image not in taken:
                home = int(np.argmax(np.where(sizes >= self.config.max_size, -np.inf, to_seeds[image])))
                self.groups[home].append(image)
                sizes[home] += 1
        self.sums = np.stack([self.similarity[:, group].sum(axis=1) for group in self.groups], axis=1)

    def _merge_small(self) -> None:
        while len(self.groups) > 1:
            sizes = [len(group) for group in self.groups]
            small = int(np.argmin(sizes))
            if sizes[small] >= self.config.min_size:
                return
            mean = self.sums[self.groups[small]].sum(axis=0) / (sizes[small] * np.array(sizes))
            mean[small] = -np.inf
            nearest = int(np.argmax(mean))
            if sizes[nearest] + sizes[small] <= self.config.max_size:
                self._dissolve(small, nearest)
            elif sum(self.config.max_size - size for k, size in enumerate(sizes) if k != small) >= sizes[small]:
                self._dissolve(small, None)
            elif not self._grow(small):
                return

    def _dissolve(self, small: int, target: int | None) -> None:
        """Sends a cluster's images to one other, or each to the most similar one with room."""
        orphans = self._remove(small)
        if target is not None:
            target -= target > small
        for image in orphans:
            self._add(image, self._best_with_room(image) if target is None else target)

    def _grow(self, small: int) -> bool:
        """Fills a cluster up with the images most similar to it that others can spare; False when there are too few.

        Where every other cluster is full; the published code overfills one instead.
        """
        while len(self.groups[small]) < self.config.min_size:
            spare = [
                (k, image)
                for k, group in enumerate(self.groups)
                if k != small and len(group) > self.config.min_size
                for image in group
            ]
            if not spare:
                return False
            own, image = max(spare, key=lambda entry: float(self.sums[entry[1], small]))
            self.groups[own].remove(image)
            self.sums[:, own] -= self.similarity[:, image]
            self._add(image, small)
        return True

    def _best_with_room(self, image: int) -> int:
        """The most similar cluster that is not full."""
        sizes = np.array([len(group) for group in self.groups])
        return int(np.argmax(np.where(sizes < self.config.max_size, self.sums[image] / sizes, -np.inf)))

    def _move_to_better(self) -> None:
        home = {image: k for k, group in enumerate(self.groups) for image in group}
        sizes = np.array([len(group) for group in self.groups])
        for image in range(len(self.similarity)):
            own = home[image]
            if sizes[own] <= self.config.min_size:
                continue
            mean = self.sums[image] / sizes
            mean[own] = (self.sums[image, own] - self.similarity[image, image]) / (sizes[own] - 1)
            mean[(sizes >= self.config.max_size) & (np.arange(len(sizes)) != own)] = -np.inf
            best = int(np.argmax(mean))
            if best != own and mean[best] > mean[own]:
                self.groups[own].remove(image)
                self.sums[:, own] -= self.similarity[:, image]
                self._add(image, best)
                home[image] = best
                sizes[own] -= 1
                sizes[best] += 1

    def _add(self, image: int, cluster: int) -> None:
        self.groups[cluster].append(image)
        self.sums[:, cluster] += self.similarity[:, image]

    def _remove(self, cluster: int) -> list[int]:
        self.sums = np.delete(self.sums, cluster, axis=1)
        return self.groups.pop(cluster)


@dataclass(frozen=True, kw_only=True)
class KeyframeClusterConfig:
    """Published values; distances in map units."""

    min_size: int = 4
    max_size: int = 8
    max_spread: float = 1.2
    """No two keyframes of a cluster may be further apart."""
    max_alone: int = 10
    """So many keyframes near one another stay one cluster."""
    regroup_from: int = 40
    """From so many keyframes on, new ones regroup only the clusters within `max_spread` of them. Ours."""
    restarts: int = 10
    passes: int = 3
    isolation: float = 0.5
    """Weight of the share of clusters smaller than `min_size` in a clustering's cost."""


def cluster_keyframes(distance: Float64, config: KeyframeClusterConfig, seed: int) -> Groups:
    """Groups of keyframes near one another, the medoid first in each. distance (K, K) between their poses."""
    rng = np.random.default_rng(seed)
    found: list[tuple[float, Groups]] = []
    for _ in range(config.restarts):
        groups = _assign_keyframes(distance, config, int(rng.random() * len(distance)))
        groups = _merge_keyframes(distance, groups, config)
        for _ in range(config.passes):
            groups = _settle_keyframes(distance, groups, config)
        groups = [medoid_first(-distance, group) for group in groups]
        found.append((_keyframe_cost(distance, groups, config), groups))
    best = min(found, key=lambda entry: entry[0])
    return sorted(best[1], key=lambda group: group[0])


def _assign_keyframes(distance: Float64, config: KeyframeClusterConfig, first: int) -> Groups:
    """To the nearest seed whose cluster has room and is near as a whole; the others are clusters of their own."""
    seeds = farthest_points(lambda row: distance[row], -(-len(distance) // config.min_size), first)
    groups = [[seed] for seed in seeds]
    for row in np.argsort(distance[:, seeds].min(axis=1), kind="stable").tolist():
        if row in seeds:
            continue
        open_groups = [k for k in range(len(groups)) if _fits(distance, [row], groups[k], config)]
        if open_groups:
            groups[min(open_groups, key=lambda k: distance[row, groups[k][0]])].append(row)
        else:
            groups.append([row])
    return groups


def _merge_keyframes(distance: Float64, groups: Groups, config: KeyframeClusterConfig) -> Groups:
    """Small clusters join their nearest neighbour as long as the limits hold; the others are islands."""
    groups = [list(group) for group in groups]
    islands: Groups = []
    while True:
        small = [k for k, group in enumerate(groups) if len(group) < config.min_size]
        if not small:
            return groups + islands
        group = groups.pop(min(small, key=lambda k: (len(groups[k]), k)))
        fitting = [k for k in range(len(groups)) if _fits(distance, group, groups[k], config)]
        if fitting:
            nearest = min(fitting, key=lambda k: float(distance[np.ix_(group, groups[k])].mean()))
            groups[nearest] = groups[nearest] + group
        else:
            islands.append(group)


def _settle_keyframes(distance: Float64, groups: Groups, config: KeyframeClusterConfig) -> Groups:
    """Each keyframe moves to a cluster that is nearer on average, within the limits."""
    groups = [list(group) for group in groups]
    home = {row: k for k, group in enumerate(groups) for row in group}
    for row in range(len(distance)):
        own = home[row]
        rest = [other for other in groups[own] if other != row]
        if len(groups[own]) <= config.min_size:
            continue
        here = float(distance[row, rest].mean())
        others = [k for k in range(len(groups)) if k != own and _fits(distance, [row], groups[k], config)]
        nearer = [k for k in others if float(distance[row, groups[k]].mean()) < here]
        if nearer:
            best = min(nearer, key=lambda k: float(distance[row, groups[k]].mean()))
            groups[own], home[row] = rest, best
            groups[best].append(row)
    return groups


def _fits(distance: Float64, rows: list[int], group: list[int], config: KeyframeClusterConfig) -> bool:
    if len(rows) + len(group) > config.max_size:
        return False
    return bool((distance[np.ix_(rows, group)] <= config.max_spread).all())


def _keyframe_cost(distance: Float64, groups: Groups, config: KeyframeClusterConfig) -> float:
    spread = float(np.mean([distance[group[0], group].mean() for group in groups]))
    isolated = sum(len(group) < config.min_size for group in groups) / len(groups)
    return spread + config.isolation * isolated
