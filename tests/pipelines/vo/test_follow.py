"""Visual odometry over a model that follows videos itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from amb3r_core.errors import InputError, RegistrationError
from amb3r_core.inputs.images import Frame, frames_from_arrays
from amb3r_core.models.api import FollowedFrame, FollowedVideo, ImageBatch, Prediction
from amb3r_core.pipelines.vo import follow
from amb3r_core.pipelines.vo.follow import FollowSession
from amb3r_core.pipelines.vo.run import VisualOdometry, run_vo
from amb3r_core.progress import Progress, silent
from amb3r_core.scene.camera import Camera
from tests.pipelines.fake_model import FakeModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes

SHORT = BoxScene(room_boxes(), orbit_path(30, turns=0.3), image_width=32)
KEYFRAME_EVERY = 3


@dataclass
class FakeFollower:
    """Knows the truth; looks at four frames at a time, and loses those it is told to lose."""

    scene: BoxScene
    lost: frozenset[str]
    seen_together: list[tuple[int, ...]]
    frames: list[Frame] = field(default_factory=list)

    @property
    def n_taken(self) -> int:
        return len(self.frames) // 4 * 4

    def add(self, frame: Frame) -> None:
        self.frames.append(frame)

    def snapshot(self) -> FollowedVideo:
        return self._video(self.n_taken)

    def finish(self) -> FollowedVideo:
        return self._video(len(self.frames))

    def densify(self, frames: Sequence[int], batch: ImageBatch) -> Prediction:
        self.seen_together.append(tuple(frames))
        height, width = batch.grid
        depth = np.stack([self.scene.depth(name, width, height) for name in batch.names])
        n = len(frames)
        return Prediction(
            depth=torch.as_tensor(depth),
            confidence=torch.full((n, height, width), 3.0),
            cam_to_world=torch.as_tensor(np.array([self.scene.pose(name) for name in batch.names])),
            intrinsics=torch.as_tensor(np.tile(self.scene.camera(width, height).K, (n, 1, 1))),
            registered=torch.ones(n, dtype=torch.bool),
            weight_is_probability=True,
        )

    def _video(self, n: int) -> FollowedVideo:
        return FollowedVideo(
            frames=tuple(self._followed(i) for i in range(n)), max_delay=3, scene_trust=0.8, details={"keyframes": 10}
        )

    def _followed(self, index: int) -> FollowedFrame:
        frame = self.frames[index]
        camera = Camera(pinhole=self.scene.camera(frame.width, frame.height))
        if frame.name in self.lost:
            return FollowedFrame(camera=camera, cam_to_world=None, reason="too dark")
        return FollowedFrame(
            camera=camera, cam_to_world=self.scene.pose(frame.name), is_keyframe=index % KEYFRAME_EVERY == 0, pose_trust=0.9
        )


@dataclass
class FakeFollowingModel(FakeModel):
    seen_together: list[tuple[int, ...]] = field(default_factory=list)

    def follow(self, *, monitor=silent) -> FakeFollower:
        monitor(Progress(stage="features"))
        return FakeFollower(self.scene, self.lost_names, self.seen_together)


def model(**options) -> FakeFollowingModel:
    return FakeFollowingModel(SHORT, long_side_px=32, **options)


def test_every_frame_has_its_pose_and_only_keyframes_have_depth(tmp_path):
    scene = run_vo(model(), SHORT.frames(), tmp_path)
    np.testing.assert_allclose(scene.cam_to_world, SHORT.path, atol=1e-9)
    for index, view in enumerate(scene.views):
        assert view.is_keyframe == (index % KEYFRAME_EVERY == 0)
        truth = SHORT.depth(view.name, 32, 24) if view.is_keyframe else np.zeros((24, 32))
        np.testing.assert_array_equal(scene.dense.depth[index], truth)
        assert (scene.dense.confidence[index] == (3.0 if view.is_keyframe else 1.0)).all()
        np.testing.assert_array_equal(scene.dense.rgb[index], SHORT.rgb(view.name))
    assert (scene.pose_trust, scene.views[7].pose_trust) == (0.8, 0.9)
    assert scene.provenance.pipeline == "vo"
    assert scene.provenance.notes == ("a frame was placed when at most 3 more had come; lost ones were tried again at the end",)


def test_keyframes_are_seen_some_at_a_time_with_those_around_them(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "DEPTH_AT_A_TIME", 4)
    monkeypatch.setattr(follow, "DEPTH_CONTEXT", 1)
    given = model()
    run_vo(given, SHORT.frames(), tmp_path)
    assert given.seen_together == [(0, 3, 6, 9, 12), (9, 12, 15, 18, 21, 24), (21, 24, 27)]


def test_lost_frames_are_named_with_their_reason(tmp_path):
    scene = run_vo(model(lost_names=frozenset({SHORT.names[4]})), SHORT.frames(), tmp_path)
    assert [(view.name, view.reason) for view in scene.unregistered] == [(SHORT.names[4], "too dark")]
    assert scene.n_views == 29


def test_nothing_placed_is_an_error(tmp_path):
    with pytest.raises(RegistrationError, match="none of the 30 views"):
        run_vo(model(lost_names=frozenset(SHORT.names)), SHORT.frames(), tmp_path)


def test_a_live_session_shows_the_path_as_it_grows():
    session = VisualOdometry().start(model())
    assert isinstance(session, FollowSession)
    images = [SHORT.rgb(name) for name in SHORT.names]
    seen = []
    for frame in frames_from_arrays(images, SHORT.names):
        session.feed([frame])
        seen.append(session.snapshot().n_views)
    assert seen[:9] == [0, 0, 0, 4, 4, 4, 4, 8, 8]
    assert (session.n_fed, session.n_mapped, session.keyframes[:3]) == (30, 28, (0, 3, 6))
    assert session.finish().n_views == 30
    session.close()


def test_a_folder_with_another_videos_run_is_refused(tmp_path):
    session = VisualOdometry().start(model(), work=tmp_path)
    session.feed(SHORT.frames().frames[:20])
    session.close()
    other = VisualOdometry().start(model(), work=tmp_path)
    with pytest.raises(InputError, match="holds a run of other frames"):
        other.feed(SHORT.frames().frames[5:20])


def test_what_the_model_does_while_frames_come_is_one_stage(tmp_path):
    told = []
    session = VisualOdometry().start(model(), work=tmp_path, n_frames=30, monitor=told.append)
    session.close()
    assert [(progress.stage, progress.total, progress.message) for progress in told] == [("visual odometry", 30, "features")]
