"""Runs structure from motion on a Ray cluster of two nodes on this machine and in this process, and prints whether they agree.

A process of its own: `python -m tests.pipelines.cluster_run FOLDER`. Prints one JSON line: `nodes`, on how many nodes workers
were, and `same`, whether the bytes agree; or `busy`, why Ray's nodes did not start.
"""

import json
import os
import sys
from pathlib import Path

from ray import cluster_utils

from amb3r_core.pipelines.sfm.executor import RayWorkers
from amb3r_core.pipelines.sfm.run import run_sfm
from tests.pipelines.fake_model import FakeDescribingModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes, shuffled

SCENE = BoxScene(room_boxes(), orbit_path(10, turns=0.12), image_width=32)
STORE_BYTES = 80 * 2**20
"""Of a node's shared memory; Ray takes no less."""
TOO_SLOW = "timed out during startup"
"""Ray waits 15 seconds for its own helpers, which a busy machine exceeds."""


def main(folder: Path) -> None:
    """Prints the line."""
    cluster = cluster_utils.Cluster()
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        os.environ["RAY_ADDRESS"] = cluster.address
        print(json.dumps(compared(folder)))
    except Exception as error:
        if TOO_SLOW not in str(error):
            raise
        print(json.dumps({"busy": str(error)}))
    finally:
        cluster.shutdown()


def compared(folder: Path) -> dict[str, object]:
    """How many nodes work, and whether they give what this process gives."""
    model = FakeDescribingModel(SCENE, noise=0.02, long_side_px=32)
    here = run_sfm(model, shuffled(SCENE.frames(), 1), folder / "here")
    workers = RayWorkers(model, n_workers=2)
    try:
        n_nodes = len(set(workers.map(node_of_worker, range(2))))
        there = run_sfm(model, shuffled(SCENE.frames(), 1), folder / "there", executor=workers)
    finally:
        workers.close()
    pairs = [(here.cam_to_world, there.cam_to_world)]
    pairs += [(getattr(here.dense, name), getattr(there.dense, name)) for name in ("depth", "confidence", "rgb")]
    return {"nodes": n_nodes, "same": all(a.tobytes() == b.tobytes() for a, b in pairs)}


def node_of_worker(model: object, item: int) -> str:
    """The node that a worker runs on."""
    import ray

    return ray.get_runtime_context().get_node_id()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
