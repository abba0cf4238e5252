"""The end of following a video: all frames, lost ones too, adjusted together once more, as photos are."""

# pycolmap types its arrays as unknown to a strict checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from dataclasses import replace

import pycolmap

from amb3r_core.errors import RegistrationError, ResourceError
from amb3r_core.models.colmap.sfm import attempts, mapping
from amb3r_core.models.colmap.sfm.attempts import MappingTask
from amb3r_core.models.colmap.sfm.requests import SettleVideo
from amb3r_core.models.colmap.sfm.result import judged, to_sparse
from amb3r_core.models.colmap.sfm.solve import CHOSEN, load_judgement, load_score, model_path, score_path
from amb3r_core.models.colmap.sfm.sparse import AttemptScore, SparseModel
from amb3r_core.models.colmap.sfm.workers import WorkerJob, run_jobs
from amb3r_core.models.colmap.video.adjustment import JOINT, adjust, mapping_task
from amb3r_core.models.colmap.video.video_map import VideoMap
from amb3r_core.progress import Monitor, Progress
from amb3r_core.scene.arrays import Float64
from amb3r_core.scene.conventions import invert

SETTLED = "settled"


def settle(video: VideoMap) -> SparseModel:
    """The model of all frames; known poses stay exactly as they are."""
    frames = list(range(video.n_taken))
    video.match_lost_frames()
    features, pairs = video.features, video.pairs
    task = mapping_task(frames, features, pairs, video.folder / SETTLED, known_poses(video))
    score = adjust(task, _start(video, task), video.seed, video.monitor)
    if score.n_registered < 2:
        raise RegistrationError(f"the {len(frames)} frames could not be adjusted together: {score.problem}")
    final = replace(_settled(task, video.monitor), name=JOINT)
    model = pycolmap.Reconstruction(model_path(task.folder, CHOSEN))
    sparse = to_sparse(model, features.frames, features, pairs.among(frames), features.cameras, final, [final])
    return judged(sparse, load_judgement(task.folder))


def _settled(task: MappingTask, monitor: Monitor) -> AttemptScore:
    """The score of the model after its last adjustment, which a worker makes; the model is `folder/CHOSEN`."""
    if not score_path(task.folder, CHOSEN).exists():
        request = SettleVideo(start=JOINT, database=task.database, folder=task.folder, cam_from_world=task.cam_from_world)
        job = WorkerJob(name=CHOSEN, folder=task.folder, request=request)
        for finished in run_jobs([job], 1, lambda: monitor(Progress(stage=attempts.STAGE, message="settling all frames"))):
            if finished.problem:
                raise ResourceError(f"settling the video failed ({finished.problem}); see {task.folder / CHOSEN}.log")
    return load_score(score_path(task.folder, CHOSEN))


def known_poses(video: VideoMap) -> dict[int, Float64]:
    """World-to-camera poses (3, 4) of the frames that came with one, by image id; none unless two of these share a pair."""
    poses = {
        index + 1: invert(frame.cam_to_world)[:3]
        for index, frame in enumerate(video.features.frames)
        if frame.cam_to_world is not None
    }
    known = [image_id - 1 for image_id in poses]
    return poses if video.pairs.among(known) else {}


def _start(video: VideoMap, task: MappingTask) -> pycolmap.Reconstruction:
    """All placed frames where they are now, with the lens as it is now."""
    if score_path(task.folder, JOINT).exists() or task.cam_from_world:
        return pycolmap.Reconstruction()
    poses = {frame + 1: pose[:3] for frame in range(video.n_taken) if (pose := video.pose(frame)) is not None}
    start = mapping.posed_model(task.database, poses)
    for camera_id in start.cameras:
        if camera_id in video.scene.model.cameras:
            start.camera(camera_id).params = video.scene.model.camera(camera_id).params
    return start
