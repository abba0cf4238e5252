"""The map adjusted as a whole in a worker, with a free lens, from the matches alone and from the poses it has."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence
from pathlib import Path

import pycolmap

from amb3r_core.models.colmap.sfm import attempts
from amb3r_core.models.colmap.sfm.attempts import MappingTask
from amb3r_core.models.colmap.sfm.database import write_database
from amb3r_core.models.colmap.sfm.requests import Attempt, Mapper
from amb3r_core.models.colmap.sfm.run import largest_group
from amb3r_core.models.colmap.sfm.solve import model_path, score_path, store_model
from amb3r_core.models.colmap.sfm.sparse import AttemptScore
from amb3r_core.models.colmap.video.pairs import VideoPairs
from amb3r_core.models.colmap.video.video_features import VideoFeatures
from amb3r_core.progress import Monitor
from amb3r_core.scene.arrays import Float64

JOINT = "joint"
FOLLOWED = "followed"


def mapping_task(
    frames: Sequence[int], features: VideoFeatures, pairs: VideoPairs, folder: Path, known: Mapping[int, Float64] | None = None
) -> MappingTask:
    """The task of adjusting these frames together, its database written. known: poses (3, 4) to keep, by image id."""
    among = pairs.among(frames)
    task = MappingTask(
        database=folder / "database.db",
        folder=folder,
        n_photos=len(frames),
        n_placeable=largest_group(len(frames), among),
        cam_from_world=known or {},
    )
    if not score_path(folder, JOINT).exists():
        folder.mkdir(parents=True, exist_ok=True)
        names = [features.frames[frame].name for frame in frames]
        chosen = [features[frame] for frame in frames]
        write_database(task.database, names, [features.cameras[frame] for frame in frames], chosen, among)
    return task


def adjust(task: MappingTask, start: pycolmap.Reconstruction, seed: int, monitor: Monitor) -> AttemptScore:
    """Adjusts a model of the task's frames, its known poses apart; the result is `joint_model`, if any."""
    if not score_path(task.folder, JOINT).exists():
        store_model(task.folder, FOLLOWED, start)
    mapper = Mapper.POSED if task.cam_from_world else Mapper.CONTINUED
    attempt = Attempt(name=JOINT, mapper=mapper, start=FOLLOWED, seed=seed)
    (score,) = attempts.run_attempts([[attempt]], task, 1, monitor)
    return score


def joint_model(task: MappingTask) -> pycolmap.Reconstruction:
    """What `adjust` has made."""
    return pycolmap.Reconstruction(model_path(task.folder, JOINT))
