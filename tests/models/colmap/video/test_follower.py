"""Following a rendered clip: poses, lens, keyframes, lost frames, stops."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amb3r_core.errors import RegistrationError
from amb3r_core.inputs.images import Frame
from amb3r_core.models.api import FollowedVideo, FollowsVideo
from amb3r_core.models.batching import prepare
from amb3r_core.models.colmap.model import ColmapConfig, ColmapModel
from amb3r_core.models.colmap.sfm.run import SharedWork, SparseConfig
from amb3r_core.models.colmap.video.follower import VideoFollower
from amb3r_core.pipelines.mapping.to_reconstruction import similarity_of_poses
from amb3r_core.progress import Cancelled, Progress, silent
from amb3r_core.scene.camera import PinholeCamera
from tests.models.colmap.video.room_clip import N_FRAMES, SIZE, other_frame, room_clip

ROOM_M = 2.0


def follower(folder: Path, monitor=silent, n_processes: int = 2) -> VideoFollower:
    sparse = SparseConfig(is_ordered=True, n_processes=n_processes)
    return VideoFollower(folder, SharedWork(folder / "features"), sparse, "cpu", monitor)


def followed(frames: Sequence[Frame], folder: Path, monitor=silent, n_processes: int = 2) -> FollowedVideo:
    one = follower(folder, monitor, n_processes)
    for frame in frames:
        one.add(frame)
    return one.finish()


def poses_of(video: FollowedVideo) -> np.ndarray:
    return np.array([frame.cam_to_world for frame in video.frames])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return followed(room_clip().frames, folder), folder


def position_errors(poses, truth):
    moved = similarity_of_poses(poses, truth).apply_pose(poses)
    return np.linalg.norm(moved[:, :3, 3] - truth[:, :3, 3], axis=1)


def test_the_model_follows_videos(tmp_path):
    assert isinstance(ColmapModel(ColmapConfig(), tmp_path), FollowsVideo)


def test_path_and_lens_are_the_truth(plain):
    video, clip = plain[0], room_clip()
    assert [frame.reason for frame in video.frames] == [""] * N_FRAMES
    assert position_errors(poses_of(video), clip.cam_to_world).max() < 0.005 * ROOM_M
    assert video.frames[0].camera.pinhole.fx == pytest.approx(clip.focal_px, rel=0.02)


def test_the_first_frame_is_the_world_and_only_some_frames_are_keyframes(plain):
    keyframes = [frame.is_keyframe for frame in plain[0].frames]
    np.testing.assert_allclose(plain[0].frames[0].cam_to_world, np.eye(4), atol=1e-9)
    assert 2 <= sum(keyframes) < N_FRAMES


@pytest.mark.slow
def test_a_second_run_ends_with_the_same_bytes_from_what_the_first_left_or_from_nothing(plain, tmp_path):
    again = followed(room_clip().frames, plain[1])
    anew = followed(room_clip().frames, tmp_path, n_processes=1)
    for other in (again, anew):
        np.testing.assert_array_equal(poses_of(other), poses_of(plain[0]))


@pytest.mark.slow
def test_a_run_that_is_stopped_anywhere_ends_with_the_same_bytes(plain, tmp_path):
    n_stops = 0
    while True:
        calls = iter(range(12))

        def stop(progress: Progress, /, calls=calls) -> None:
            if next(calls, None) is None:
                raise Cancelled

        try:
            video = followed(room_clip().frames, tmp_path, monitor=stop if n_stops < 4 else silent)
        except Cancelled:
            n_stops += 1
            continue
        break
    assert n_stops >= 2
    np.testing.assert_array_equal(poses_of(video), poses_of(plain[0]))


def test_keyframes_are_given_depth_in_the_unit_of_the_poses(plain):
    clip = room_clip()
    one = follower(plain[1])
    for frame in clip.frames:
        one.add(frame)
    video = one.finish()
    keyframes = [index for index, frame in enumerate(video.frames) if frame.is_keyframe]
    model = ColmapModel(ColmapConfig(long_side_px=112), plain[1])
    batch = prepare([clip.frames[index] for index in keyframes], model.input_spec)
    prediction = one.densify(keyframes, batch)
    np.testing.assert_allclose(prediction.cam_to_world.numpy(), poses_of(video)[keyframes], atol=1e-12)
    known = prediction.depth[prediction.depth > 0]
    assert 0.5 < float(known.median()) < 2.0


def test_frames_that_cannot_be_placed_are_named_and_the_rest_goes_on(tmp_path):
    clip = room_clip()
    frames = [*clip.frames[:9], other_frame("grey"), other_frame("noise"), *clip.frames[9:]]
    video = followed(frames, tmp_path)
    lost = [index for index, frame in enumerate(video.frames) if frame.cam_to_world is None]
    assert lost == [9, 10]
    assert video.frames[9].reason == "no features"
    assert video.frames[10].reason
    kept = [index for index in range(len(frames)) if index not in lost]
    errors = position_errors(np.array([video.frames[index].cam_to_world for index in kept]), clip.cam_to_world)
    assert errors.max() < 0.005 * ROOM_M


@pytest.mark.slow
def test_a_camera_that_stands_first_is_placed_too(tmp_path):
    clip = room_clip()
    still = [replace(clip.frames[0], name=f"still_{index}.png") for index in range(4)]
    video = followed([*still, *clip.frames], tmp_path)
    assert all(frame.cam_to_world is not None for frame in video.frames)
    np.testing.assert_allclose(poses_of(video)[:5], poses_of(video)[:1].repeat(5, axis=0), atol=0.01)


def test_known_poses_come_back_exactly(tmp_path):
    clip = room_clip()
    video = followed(clip.with_poses(range(0, N_FRAMES, 3)), tmp_path)
    assert video.on_known_poses
    np.testing.assert_array_equal(poses_of(video)[::3], clip.cam_to_world[::3])
    assert np.linalg.norm(poses_of(video)[:, :3, 3] - clip.cam_to_world[:, :3, 3], axis=1).max() < 0.005 * ROOM_M


def test_a_camera_that_never_moves_is_refused(tmp_path):
    still = [replace(room_clip().frames[0], name=f"still_{index}.png") for index in range(5)]
    with pytest.raises(RegistrationError, match="none of the 5 frames could be placed"):
        followed(still, tmp_path)


def test_a_snapshot_shows_the_path_before_the_end(plain):
    one = follower(plain[1])
    for frame in room_clip().frames:
        one.add(frame)
    video = one.snapshot()
    assert 0 < len(video.frames) <= N_FRAMES


@pytest.mark.slow
def test_a_title_before_the_first_scene_is_left_out(tmp_path):
    title = [replace(other_frame("noise"), name=f"title_{index}.png") for index in range(2)]
    video = followed([*title, *room_clip().frames], tmp_path)
    assert [index for index, frame in enumerate(video.frames) if frame.cam_to_world is None] == [0, 1]


@pytest.mark.slow
def test_a_known_camera_stays_as_it_is(tmp_path):
    height, width = SIZE
    focal = room_clip().focal_px
    camera = PinholeCamera(width=width, height=height, fx=focal, fy=focal, cx=(width - 1) / 2, cy=(height - 1) / 2)
    video = followed([replace(frame, camera=camera) for frame in room_clip().frames], tmp_path)
    assert {frame.camera.pinhole for frame in video.frames} == {camera}
    assert position_errors(poses_of(video), room_clip().cam_to_world).max() < 0.005 * ROOM_M
