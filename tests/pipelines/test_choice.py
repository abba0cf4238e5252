"""Which pipeline runs."""

from dataclasses import dataclass, replace

import pytest

from amb3r_core.errors import ResourceError
from amb3r_core.options import ReconstructOptions
from amb3r_core.pipelines.choice import choose_pipeline, run_pipeline
from amb3r_core.progress import silent
from tests.pipelines.fake_model import FakeModel
from tests.pipelines.fake_scenes import BoxScene, orbit_path, room_boxes

SCENE = BoxScene(room_boxes(), orbit_path(14, turns=0.15), image_width=32)
AUTO = ReconstructOptions()


@dataclass
class SmallMemoryModel(FakeModel):
    """Says nothing about how many views it takes, and runs out of memory beyond ten."""

    def predict(self, batch, **rest):
        if batch.n_views > 12:
            raise ResourceError("out of memory")
        return super().predict(batch, **rest)


@pytest.mark.parametrize(
    ("max_views", "is_ordered", "wanted"),
    [(0, True, "one-shot"), (20, True, "one-shot"), (14, False, "one-shot"), (10, True, "vo"), (10, False, "sfm")],
)
def test_auto_takes_one_shot_while_the_views_fit_then_goes_by_order(max_views, is_ordered, wanted):
    model = FakeModel(SCENE, max_views=max_views)
    choice = choose_pipeline(model, replace(SCENE.frames(), is_ordered=is_ordered), AUTO)
    assert choice.name == wanted
    assert "14 views" in choice.reason


def test_what_was_asked_for_is_taken():
    choice = choose_pipeline(FakeModel(SCENE), SCENE.frames(), replace(AUTO, pipeline="sfm"))
    assert (choice.name, choice.reason) == ("sfm", "as asked")


@pytest.mark.parametrize("pipeline", ["auto", "one-shot", "vo", "sfm"])
def test_every_pipeline_runs_and_says_so(pipeline, tmp_path):
    model = FakeModel(SCENE, long_side_px=32)
    result = run_pipeline(model, SCENE.frames(), replace(AUTO, pipeline=pipeline), tmp_path, silent)
    assert result.n_views == 14
    assert result.provenance.notes[0].startswith("pipeline: ")
    assert result.provenance.pipeline == ("one-shot" if pipeline == "auto" else pipeline)


def test_a_free_choice_that_does_not_fit_memory_goes_through_in_windows(tmp_path):
    model = SmallMemoryModel(SCENE, long_side_px=32)
    frames = replace(SCENE.frames(), is_ordered=False)
    result = run_pipeline(model, frames, AUTO, tmp_path, silent)
    assert result.provenance.pipeline == "sfm"
    assert "did not fit (out of memory)" in result.provenance.notes[0]
    with pytest.raises(ResourceError):
        run_pipeline(model, frames, replace(AUTO, pipeline="one-shot"), tmp_path / "asked", silent)
