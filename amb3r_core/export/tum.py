"""The trajectory as TUM text: ``timestamp tx ty tz qx qy qz qw``, camera-to-world, OpenCV camera axes."""

from pathlib import Path

from amb3r_core.export.notes import comment_lines
from amb3r_core.export.points import ScenePoints
from amb3r_core.scene.conventions import quaternion_from_rotation
from amb3r_core.scene.reconstruction import Reconstruction


def export_tum(reconstruction: Reconstruction, path: Path, points: ScenePoints | None = None) -> list[Path]:
    """Writes one line per view. Needs no points."""
    header = [*comment_lines(reconstruction), "timestamp tx ty tz qx qy qz qw (camera to world)"]
    lines = [*(f"# {line}" for line in header), *trajectory_lines(reconstruction)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [path]


def trajectory_lines(reconstruction: Reconstruction) -> list[str]:
    """One line per view; numbers keep every bit. Timestamps are seconds, or the views' indices unless all views have a time."""
    lines: list[str] = []
    for timestamp, view in zip(timestamps(reconstruction), reconstruction.views, strict=True):
        w, x, y, z = quaternion_from_rotation(view.cam_to_world[:3, :3]).tolist()
        numbers = [timestamp, *view.cam_to_world[:3, 3].tolist(), x, y, z, w]
        lines.append(" ".join(repr(float(number)) for number in numbers))
    return lines


def timestamps(reconstruction: Reconstruction) -> list[float]:
    """Seconds of every view (N), or their indices unless all views have a time."""
    times = [view.timestamp_s for view in reconstruction.views]
    known = [time for time in times if time is not None]
    return known if len(known) == len(times) else [float(index) for index in range(len(times))]
