"""Which pipeline runs."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from amb3r_core.errors import ResourceError
from amb3r_core.inputs.images import Frame, FrameList
from amb3r_core.options import ReconstructOptions
from amb3r_core.pipelines import one_shot
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


def thousands(n: int, width: int = 4000, height: int = 3000) -> FrameList:
    """Photos that nobody may decode."""

    def decode():
        raise AssertionError("a photo was loaded")

    return FrameList(
        tuple(Frame(name=f"{i}.jpg", width=width, height=height, decode=decode, path=Path(f"{i}.jpg")) for i in range(n))
    )


def test_more_photos_than_memory_holds_are_one_clear_line_before_any_is_loaded(monkeypatch):
    monkeypatch.setattr(one_shot, "free_memory_bytes", lambda: 20 * 10**9)
    model = FakeModel(SCENE, long_side_px=640)
    with pytest.raises(ResourceError) as caught:
        one_shot.run_one_shot(model, thousands(3000), version="0")
    assert str(caught.value) == (
        "3000 views of 640 x 480 pixels at once take at least 29.5 GB of memory, and 20.0 GB are free: "
        'use `pipeline="sfm"`, which holds a few at a time, or a smaller `long_side`'
    )
    one_shot.check_memory(model, thousands(1000))


def test_more_photos_than_memory_holds_go_through_in_windows(tmp_path, monkeypatch):
    monkeypatch.setattr(one_shot, "free_memory_bytes", lambda: 14 * 32 * 24 * one_shot.BYTES_PER_PIXEL - 1)
    result = run_pipeline(FakeModel(SCENE, long_side_px=32), SCENE.frames(), AUTO, tmp_path, silent)
    assert result.provenance.pipeline == "vo"
    assert "all 14 views at once did not fit (14 views of 32 x 24 pixels at once take" in result.provenance.notes[0]
