"""Where structure from motion begins."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from amb3r_core.pipelines.sfm import run as sfm
from amb3r_core.pipelines.sfm.executor import InProcess
from amb3r_core.pipelines.sfm.seed import score_clusters, start_map
from amb3r_core.pipelines.sfm.state import SfmConfig, SfmRun
from amb3r_core.progress import silent
from tests.pipelines.fake_model import FakeDescribingModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes

ARC = BoxScene(room_boxes(), orbit_path(24, turns=0.35), image_width=32)


@dataclass
class FakeStretchingModel(FakeDescribingModel):
    """Takes the focal length for five times what it is where it sees `misread` alone, and is surer of that than of anything."""

    misread: frozenset[str] = frozenset()

    def predict(self, batch, **rest):
        answer = super().predict(batch, **rest)
        if not set(batch.names) <= self.misread:
            return answer
        K = answer.intrinsics.clone()
        K[:, :2, :2] *= 5.0
        return replace(answer, intrinsics=K, depth=5.0 * answer.depth, confidence=20.0 * answer.confidence)


def started(tmp_path, config: SfmConfig, misread: frozenset[str]) -> SfmRun:
    model = FakeStretchingModel(ARC, long_side_px=32, misread=misread)
    run = sfm.open_run(model, ARC.frames(), tmp_path, config, InProcess(model), silent)
    score_clusters(run)
    start_map(run)
    return run


def test_a_group_that_misreads_its_lens_does_not_start_the_map(tmp_path):
    plain = started(tmp_path / "plain", SfmConfig(), frozenset())
    group = plain.scene.placed()
    misread = frozenset(ARC.names[frame] for frame in group)
    trusting = started(tmp_path / "trusting", SfmConfig(max_focal_stretch=np.inf), misread)
    wary = started(tmp_path / "wary", SfmConfig(), misread)
    assert ARC.names[trusting.state.keyframes[0]] in misread
    assert ARC.names[wary.state.keyframes[0]] not in misread
    true_px = ARC.camera(32, 24).fx
    assert wary.scene.intrinsics(wary.state.keyframes[0])[0, 0] == pytest.approx(true_px)
