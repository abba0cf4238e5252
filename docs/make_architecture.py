"""Draws `docs/architecture.svg`: the rooms of the code and who imports whom, read from the code itself.

    python docs/make_architecture.py            # writes the picture
    python docs/make_architecture.py --check    # exit status 1 when it is out of date

Rows are the layers of import-linter's contract in `pyproject.toml`, what a room says of itself is the first sentence of its
`__init__.py`, and arrows are imports found by grimp (calls inside functions and imports for types included). An arrow that others
imply is left out: when A imports B and B imports C, no arrow says that A may import C too.
"""

import ast
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "architecture.svg"
PLUGINS = ("amb3r_nerfstudio", "amb3r_open3d", "amb3r_blender")
NAMES = "amb3r_core"
"""The package's own `__init__`: the public names."""
COLUMNS: dict[str, tuple[float, float]] = {
    "plugins": (0.0, 3.0),
    "cli": (0.0, 1.45),
    NAMES: (1.55, 3.0),
    "jobs": (0.25, 2.25),
    "pipelines": (0.25, 1.95),
    "models": (0.0, 1.95),
    "surface": (2.4, 3.0),
    "voxel": (0.0, 0.95),
    "inputs": (1.05, 1.95),
    "export": (2.05, 3.0),
    "compute": (0.0, 1.2),
    "storage": (1.6, 2.4),
    "scene_folder": (1.3, 3.0),
}
"""Left and right edge of a room in its row, in columns; a room that is not named is as wide as the picture."""
ROWS_OF_THEIR_OWN = ("scene_folder",)
"""Rooms that share a layer with others, but are drawn a row lower, where arrows pass."""
WIDTH, MARGIN, COLUMN = 960, 24, 304
ROW_HEIGHT, GAP = 76, 32
LETTER = 6.7
"""How wide a letter of what a room says is, about, in pixels."""
MOST_LINES = 3
STYLE = """
  text { font-family: system-ui, sans-serif; fill: #1c2733 }
  .name { font-size: 16px; font-weight: 600 } .told { font-size: 12.5px; fill: #44546a }
  .room { fill: #eef3fa; stroke: #7d93b2 } .host { fill: #fdf3e3; stroke: #c79a4b } .ground { fill: #f2f2f2; stroke: #a5a5a5 }
  .arrow { stroke: #3f5c86; stroke-width: 1.8; fill: none; marker-end: url(#tip) }
"""


@dataclass(frozen=True)
class Box:
    """A room's place in the picture, in pixels."""

    name: str
    told: str
    row: int
    left: float
    right: float
    kind: str

    @property
    def top(self) -> float:
        return MARGIN + self.row * (ROW_HEIGHT + GAP)

    @property
    def bottom(self) -> float:
        return self.top + ROW_HEIGHT


def main() -> int:
    """Writes or checks the picture."""
    picture = draw()
    if "--check" in sys.argv[1:]:
        return int(picture != PICTURE.read_text(encoding="utf-8"))
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


def draw() -> str:
    """The picture as SVG text."""
    rows = layers()
    ground = [name for row in rows[-2:] for name in row]
    boxes = [box for number, row in enumerate(rows[:-2]) for box in place(row, number)]
    told = "Everything may import them; they import nothing above."
    boxes.append(Box(", ".join(sorted(ground)), told, len(rows) - 2, MARGIN, WIDTH - MARGIN, "ground"))
    rooms = {box.name: box for box in boxes[:-1]}
    arrows = reduced({(a, b) for a, b in imports() if a in rooms and b in rooms})
    height = boxes[-1].bottom + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="Rooms of the code">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#3f5c86"/></marker></defs>',
        *(text for box in boxes for text in drawn(box)),
        *arrow_lines(arrows, rooms),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def layers() -> list[list[str]]:
    """Rows of rooms from top to bottom: the plugins, the public names beside the command line, then the contract's layers."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    rows = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    rows = [["plugins"], [*rows[0], NAMES], *rows[1:]]
    apart = [[name for name in row if name in ROWS_OF_THEIR_OWN] for row in rows]
    kept = [[name for name in row if name not in ROWS_OF_THEIR_OWN] for row in rows]
    return [row for pair in zip(kept, apart, strict=True) for row in pair if row]


def place(row: list[str], number: int) -> Iterator[Box]:
    end = 0.0
    for name in sorted(row, key=lambda name: COLUMNS.get(name, (0.0, 3.0))):
        left, right = (MARGIN + edge * COLUMN for edge in COLUMNS.get(name, (0.0, 3.0)))
        if left < end:
            raise SystemExit(f"{name} stands in the way of another room in its row: give it other columns in COLUMNS")
        end = right
        yield Box(name, first_sentence(name), number, left, right, "host" if name == "plugins" else "room")


def first_sentence(room: str) -> str:
    """What the room says of itself."""
    if room == "plugins":
        return f"{', '.join(PLUGINS)}: each knows its own host, and none of the others."
    place = ROOT / "amb3r_core" if room == NAMES else ROOT / "amb3r_core" / room
    told = ast.get_docstring(ast.parse((place / "__init__.py").read_text(encoding="utf-8"))) or ""
    if room == NAMES:
        return "Public names, found on first use: what scripts and hosts import."
    return " ".join(told.split("\n\n")[0].split()).replace("`", "")


def imports() -> set[tuple[str, str]]:
    """(importer, imported) between rooms."""
    paths = [str(ROOT), *(str(ROOT / "plugins" / name.removeprefix("amb3r_")) for name in PLUGINS)]
    sys.path[:0] = [path for path in paths if path not in sys.path]
    graph = grimp.build_graph("amb3r_core", *PLUGINS, exclude_type_checking_imports=False, cache_dir=None)
    modules = graph.modules
    pairs = {(room(one), room(other)) for one in modules for other in graph.find_modules_directly_imported_by(one)}
    return {(one, other) for one, other in pairs if one != other}


def room(module: str) -> str:
    package, _, rest = module.partition(".")
    if package in PLUGINS:
        return "plugins"
    return rest.split(".")[0] or NAMES


def reduced(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs that no longer path of other pairs implies; the graph has no circle."""

    def reaches(start: str, goal: str) -> bool:
        return any(after == goal or reaches(after, goal) for before, after in pairs if before == start)

    return {
        (one, other)
        for one, other in pairs
        if not any(before == one and after != other and reaches(after, other) for before, after in pairs)
    }


def drawn(box: Box) -> Iterator[str]:
    width = box.right - box.left
    yield f'<rect class="{box.kind}" x="{box.left:.0f}" y="{box.top:.0f}" width="{width:.0f}" height="{ROW_HEIGHT}" rx="7"/>'
    yield f'<text class="name" x="{box.left + 12:.0f}" y="{box.top + 21:.0f}">{escape(box.name)}</text>'
    letters = int((width - 20) / LETTER)
    lines = textwrap.wrap(box.told, letters)
    if len(lines) > MOST_LINES:  # what stands before the colon says it too
        lines = textwrap.wrap(box.told.partition(":")[0].rstrip(".") + ".", letters, max_lines=MOST_LINES, placeholder=" ...")
    for number, line in enumerate(lines):
        yield f'<text class="told" x="{box.left + 12:.0f}" y="{box.top + 38 + 15 * number:.0f}">{escape(line)}</text>'


def arrow_lines(arrows: set[tuple[str, str]], rooms: dict[str, Box]) -> Iterator[str]:
    """Every arrow straight down if that is possible, else with a bend above its goal."""
    taken: list[tuple[float, float, float]] = []
    for one, other in sorted(arrows, key=lambda pair: (rooms[pair[0]].row, rooms[pair[1]].left, pair)):
        upper, lower = rooms[one], rooms[other]
        between = [box for box in rooms.values() if upper.row < box.row < lower.row]
        x = free_place(max(upper.left, lower.left), min(upper.right, lower.right), upper, lower, between, taken)
        line = f"V{lower.top - 1:.0f}"
        if x is None:
            x = free_place(upper.left, upper.right, upper, lower, between, taken)
            end = free_place(lower.left, lower.right, upper, lower, [], taken)
            if x is None or end is None:
                raise SystemExit(f"no way from {one} to {other}: give them other columns in COLUMNS")
            line = f"V{lower.top - GAP / 2:.0f} H{end:.0f} {line}"
            taken.append((end, upper.bottom, lower.top))
        taken.append((x, upper.bottom, lower.top))
        yield f'<path class="arrow" d="M{x:.0f} {upper.bottom:.0f} {line}"><title>{one} imports {other}</title></path>'


def free_place(
    left: float, right: float, upper: Box, lower: Box, between: list[Box], taken: list[tuple[float, float, float]]
) -> float | None:
    """Where a line may run down, nearest to the middle: no room stands there, and no other arrow runs."""
    low, high = left + 12, right - 12
    places = (low + step * 6 for step in range(int((high - low) / 6) + 1)) if high >= low else ()
    for x in sorted(places, key=lambda x: abs(x - (low + high) / 2)):
        is_blocked = any(box.left - 8 < x < box.right + 8 for box in between)
        is_near = any(abs(x - used) < 18 and upper.bottom < end and start < lower.top for used, start, end in taken)
        if not is_blocked and not is_near:
            return x
    return None


if __name__ == "__main__":
    sys.exit(main())
