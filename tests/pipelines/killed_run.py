"""A run that kills itself without warning, shortly after a given call of the model.

`python -m tests.pipelines.killed_run vo|sfm FOLDER CALL DELAY_MS`
"""

import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from amb3r_core.pipelines.sfm.run import run_sfm
from amb3r_core.pipelines.vo.run import run_vo
from amb3r_core.scene.reconstruction import Reconstruction
from tests.pipelines.fake_model import FakeDescribingModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes, shuffled

SCENE = BoxScene(room_boxes(), orbit_path(60, turns=0.5), image_width=32)


@dataclass
class DeadlyModel(FakeDescribingModel):
    kill_at: int = -1
    delay_s: float = 0.0

    def predict(self, batch, **rest):
        answer = super().predict(batch, **rest)
        if len(self.calls) == self.kill_at:
            threading.Timer(self.delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return answer


def run(kind: str, work: Path, kill_at: int = -1, delay_s: float = 0.0) -> Reconstruction:
    model = DeadlyModel(SCENE, noise=0.02, long_side_px=32, kill_at=kill_at, delay_s=delay_s)
    if kind == "vo":
        return run_vo(model, SCENE.frames(), work)
    return run_sfm(model, shuffled(SCENE.frames(), 5), work)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]) / 1000)
