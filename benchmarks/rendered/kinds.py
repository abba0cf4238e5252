"""What kinds of sets there are: a place, where the cameras stand in it, and the lens."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.rendered.camera import Lens, Light, looking
from benchmarks.rendered.places import (
    alike_object,
    bland_object,
    corridor,
    facade,
    land,
    landmark,
    poster_twins,
    room,
    street,
    studio,
    vector,
)
from benchmarks.rendered.surfaces import Array, World, patch, wall
from benchmarks.rendered.textures import Rng, photo, plaster, surface

DARK = Light(background=(0.02, 0.02, 0.025), noise=0.008)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is photographed, from where and with what."""

    world: World
    poses: list[Array]
    """cam_to_world (4, 4) of each photo."""
    lens: Lens = field(default_factory=Lens)
    light: Light = field(default_factory=Light)


def ring(
    rng: Rng,
    n: int,
    radius: float,
    height: float,
    target: Array,
    *,
    start_deg: float = 0,
    arc_deg: float = 360,
    shake: float = 0.03,
) -> list[Array]:
    """Cameras on an arc around the target that look at it, each a little off."""
    steps = n if arc_deg >= 360 else n - 1
    poses = []
    for number in range(n):
        angle = np.radians(start_deg + arc_deg * number / max(steps, 1))
        eye = target + radius * vector(np.cos(angle), np.sin(angle), 0) * rng.uniform(1 - shake, 1 + shake)
        eye[2] = height + shake * radius * rng.uniform(-1, 1)
        poses.append(looking(eye, target + shake * radius * rng.standard_normal(3), rng.normal(0, 1.5)))
    return poses


def turntable(rng: Rng) -> Scene:
    """12-16 photos all around a thing whose front and back look alike."""
    n = int(rng.integers(12, 17))
    lens = Lens(focal_ratio=rng.uniform(1.6, 2.4), width=768, height=1024)
    poses = ring(rng, n, 3.6 * lens.focal_ratio / 1.6, 1.8, vector(0, 0, 0.75), shake=0.01)
    return Scene(world=alike_object(rng, difference=rng.uniform(0.05, 0.2)), poses=poses, lens=lens, light=DARK)


def facade_walk(rng: Rng) -> Scene:
    """A walk along a front of identical windows."""
    n = int(rng.integers(8, 13))
    poses = []
    for x in np.linspace(-8, 8, n):
        eye = vector(x, -7.5 + rng.uniform(-0.6, 0.6), 1.7)
        poses.append(looking(eye, vector(x + rng.uniform(-1.5, 1.5), 0, 3.2), rng.normal(0, 1)))
    return Scene(world=facade(rng, oddities=int(rng.integers(0, 5))), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.7, 1.0)))


def corridor_walk(rng: Rng) -> Scene:
    """Forward between equal bays, a step not a bay long."""
    n, step = int(rng.integers(8, 12)), rng.uniform(0.7, 1.3)
    poses = []
    for number in range(n):
        eye = vector(1 + step * number, rng.uniform(-0.3, 0.3), 1.5)
        poses.append(looking(eye, eye + vector(4, rng.uniform(-0.8, 0.8), rng.uniform(-0.2, 0.2))))
    return Scene(world=corridor(rng), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.7, 0.95)))


def hinge_pair(rng: Rng) -> Scene:
    """Two groups in two halves of a long room, of which one photo each share a narrow strip."""
    world = room(rng, 14, 5, n_things=12)
    poses = []
    for side in (-1, 1):
        for number in range(int(rng.integers(4, 6))):
            eye = vector(side * (3.6 + 0.5 * number), -1.9 + rng.uniform(-0.2, 0.2), rng.uniform(1.3, 1.7))
            poses.append(looking(eye, vector(side * (4.4 + 0.25 * number), 2.4, 1.3), rng.normal(0, 1.5)))
        eye = vector(side * 2.6, -1.9, 1.5)
        poses.append(looking(eye, vector(side * rng.uniform(1.7, 2.0), 2.4, 1.3)))
    return Scene(world=world, poses=poses, lens=Lens(focal_ratio=rng.uniform(0.8, 1.0)))


def hinge_photo(rng: Rng) -> Scene:
    """Two groups that share nothing with each other but that a photo from farther back sees parts of both."""
    world = room(rng, 14, 6, n_things=12)
    poses = []
    for side in (-1, 1):
        for number in range(int(rng.integers(3, 6))):
            eye = vector(side * (3.2 + 0.55 * number), -0.6 + rng.uniform(-0.2, 0.2), rng.uniform(1.3, 1.7))
            poses.append(looking(eye, vector(side * (3.4 + 0.35 * number), 2.9, 1.3), rng.normal(0, 1.5)))
    poses.append(looking(vector(0, -2.8, 1.6), vector(rng.uniform(-0.3, 0.3), 2.9, 1.3)))
    return Scene(world=world, poses=poses, lens=Lens(focal_ratio=rng.uniform(0.75, 0.95)))


def wide5(rng: Rng) -> Scene:
    """Five photos of a room from far apart."""
    angles = np.radians(rng.uniform(0, 360) + np.cumsum(rng.uniform(16, 34, 5)))
    poses = []
    for angle in angles:
        eye = vector(-2.2 * np.cos(angle), -1.7 * np.sin(angle), rng.uniform(1.2, 1.9))
        poses.append(looking(eye, vector(1.6 * np.cos(angle), 1.4 * np.sin(angle), rng.uniform(0.7, 1.2)), rng.normal(0, 3)))
    return Scene(
        world=room(rng, n_things=10, bare=0.5), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.75, 0.95), width=800, height=600)
    )


def bland_few(rng: Rng) -> Scene:
    """Two to four photos of a statue without much on it, before black."""
    n = int(rng.integers(2, 5))
    poses = ring(
        rng,
        n,
        1.9,
        rng.uniform(0.6, 1.0),
        vector(0, 0, 0.4),
        start_deg=rng.uniform(200, 300),
        arc_deg=rng.uniform(28, 40) * (n - 1),
    )
    return Scene(world=bland_object(rng), poses=poses, lens=Lens(focal_ratio=rng.uniform(1.4, 2.0)), light=DARK)


def panorama(rng: Rng) -> Scene:
    """A turn on the spot."""
    n, spread = int(rng.integers(6, 11)), rng.uniform(0.0, 0.02)
    start, step = rng.uniform(0, 360), rng.uniform(12, 22)
    poses = []
    for number in range(n):
        angle = np.radians(start + step * number)
        eye = vector(0, 0, 1.6) + spread * rng.standard_normal(3)
        poses.append(looking(eye, eye + vector(np.cos(angle), np.sin(angle), rng.normal(-0.1, 0.03))))
    return Scene(world=room(rng, n_things=12), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.8, 1.2)))


def forward(rng: Rng) -> Scene:
    """A drive along a street."""
    n, step = int(rng.integers(7, 11)), rng.uniform(0.8, 1.8)
    poses = []
    for number in range(n):
        eye = vector(2 + step * number, -0.8 + 0.05 * rng.standard_normal(), 1.6)
        poses.append(looking(eye, eye + vector(10, rng.normal(0, 0.15), 0.3)))
    return Scene(world=street(rng), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.6, 0.9), width=1216, height=512))


def flat_wall(rng: Rng) -> Scene:
    """One plane from several sides."""
    world = World()
    world.add(wall((-5, 0), (5, 0), 0, 5), photo(rng, 1400))
    poses = []
    for x in np.linspace(-3, 3, int(rng.integers(4, 8))):
        poses.append(
            looking(vector(x, -4 + rng.uniform(-0.7, 0.7), rng.uniform(1.4, 3)), vector(0.3 * x, 0, 2.4), rng.normal(0, 2))
        )
    return Scene(world=world, poses=poses, lens=Lens(focal_ratio=rng.uniform(0.8, 1.2)))


def grid_flight(rng: Rng, world: World, rows: int, columns: int, height: float, step: float, tilt: float) -> list[Array]:
    """A lawn-mower flight over the middle, looking down."""
    poses = []
    for row in range(rows):
        for column in range(columns):
            x, y = step * (column - (columns - 1) / 2), 1.2 * step * (row - (rows - 1) / 2)
            eye = vector(x, y, height) + 0.03 * height * rng.standard_normal(3)
            below = vector(eye[0], eye[1], 0) + tilt * height * rng.standard_normal(3) * vector(1, 1, 0)
            poses.append(looking(eye, below, 180.0 * (row % 2) + rng.normal(0, 3)))
    return poses


def flat_ground(rng: Rng) -> Scene:
    """A plain from above."""
    world = land(rng, relief_m=0.0, n_houses=0)
    return Scene(world=world, poses=grid_flight(rng, world, 3, 3, 45, 12, 0.02), lens=Lens(focal_ratio=rng.uniform(0.7, 1.1)))


def telephoto(rng: Rng) -> Scene:
    """A distant front through a long lens, from places close together."""
    n, spread = int(rng.integers(4, 8)), rng.uniform(0.5, 1.6)
    poses = []
    for _ in range(n):
        eye = vector(0, -55, 4) + spread * rng.standard_normal(3) * vector(1, 0.3, 0.3)
        poses.append(looking(eye, vector(rng.normal(0, 0.6), 0, 5.5), rng.normal(0, 1)))
    return Scene(world=landmark(rng), poses=poses, lens=Lens(focal_ratio=rng.uniform(2.0, 2.6)))


def bent_lens(rng: Rng) -> Scene:
    """A walk around things in a room with a lens that bends."""
    k1 = float(rng.choice([-0.2, -0.15, -0.1, 0.06, 0.1]))
    poses = ring(
        rng, int(rng.integers(8, 13)), 2.0, 1.5, vector(0, 0, 0.7), start_deg=rng.uniform(0, 360), arc_deg=rng.uniform(90, 200)
    )
    world = room(rng, n_things=12)
    world.grids += studio(rng, 5).grids[1:]
    return Scene(world=world, poses=poses, lens=Lens(focal_ratio=rng.uniform(0.9, 1.3), k1=k1))


def twins(rng: Rng) -> Scene:
    """Photos of two rooms whose only common thing is a poster."""
    world, away = poster_twins(rng)
    poses = []
    for offset in (vector(0, 0, 0), away):
        for angle in np.linspace(-28, 28, int(rng.integers(3, 6))) + rng.normal(0, 3, 1):
            eye = vector(2.9 * np.sin(np.radians(angle)), 2.4 - 3.4 * np.cos(np.radians(angle)), rng.uniform(1.2, 1.8))
            poses.append(looking(eye + offset, vector(rng.uniform(-0.7, 0.7), 2.4, 1.3) + offset, rng.normal(0, 2)))
    return Scene(world=world, poses=poses, lens=Lens(focal_ratio=rng.uniform(0.7, 0.9)))


def orbit(rng: Rng) -> Scene:
    """Around things on a cloth."""
    poses = ring(rng, int(rng.integers(14, 19)), rng.uniform(2.6, 3.2), 1.7, vector(0, 0, 0.35), start_deg=rng.uniform(0, 360))
    world = studio(rng, 9)
    _add_backdrop(world, rng)
    return Scene(world=world, poses=poses, lens=Lens(focal_ratio=rng.uniform(0.9, 1.3)))


def _add_backdrop(world: World, rng: Rng) -> None:
    corners = [(-7, -7), (7, -7), (7, 7), (-7, 7)]
    for index in range(4):
        world.add(wall(corners[index], corners[(index + 1) % 4], 0, 6), surface(rng))
    world.add(patch(vector(-7, 7, -0.01), vector(14, 0, 0), vector(0, -14, 0)), plaster(rng))


def room_walk(rng: Rng) -> Scene:
    """Sideways through a room."""
    n, height = int(rng.integers(7, 13)), rng.uniform(1.3, 1.7)
    poses = []
    for x in np.linspace(-1.8, 1.8, n):
        eye = vector(x, -1.9 + rng.uniform(-0.2, 0.2), height + rng.uniform(-0.1, 0.1))
        poses.append(looking(eye, vector(0.4 * x, 2.0, 1.0), rng.normal(0, 2)))
    return Scene(world=room(rng, n_things=10), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.7, 1.0)))


def flight(rng: Rng) -> Scene:
    """9-20 photos of hills and houses from above."""
    world = land(rng)
    rows, columns = ((3, 3), (3, 4), (4, 4), (4, 5))[int(rng.integers(4))]
    return Scene(
        world=world, poses=grid_flight(rng, world, rows, columns, 55, 11, 0.05), lens=Lens(focal_ratio=rng.uniform(0.7, 1.0))
    )


def arc(rng: Rng) -> Scene:
    """Ten photos of a landmark from half around."""
    target = vector(0, -1, 4.5)
    poses = ring(rng, 10, rng.uniform(13, 17), 1.8, target, start_deg=215, arc_deg=rng.uniform(80, 110))
    return Scene(world=landmark(rng), poses=poses, lens=Lens(focal_ratio=rng.uniform(0.8, 1.1)))


KINDS: dict[str, tuple[Callable[[Rng], Scene], int]] = {
    "turntable": (turntable, 2),
    "facade": (facade_walk, 1),
    "corridor": (corridor_walk, 1),
    "hinge_pair": (hinge_pair, 2),
    "hinge_photo": (hinge_photo, 2),
    "wide5": (wide5, 2),
    "bland": (bland_few, 2),
    "panorama": (panorama, 1),
    "forward": (forward, 1),
    "flat_wall": (flat_wall, 1),
    "flat_ground": (flat_ground, 1),
    "telephoto": (telephoto, 1),
    "bent": (bent_lens, 2),
    "twins": (twins, 1),
    "orbit": (orbit, 2),
    "room": (room_walk, 2),
    "flight": (flight, 2),
    "arc": (arc, 2),
}
"""Of each kind, how many sets are made for fitting and as many again to be held back."""
