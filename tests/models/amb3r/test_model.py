from dataclasses import replace

import pytest
import torch

from amb3r_core.errors import InputError, ResourceError
from amb3r_core.inputs.images import FrameList
from amb3r_core.models.amb3r.config import tiny_config
from amb3r_core.models.amb3r.memory import Load, estimate
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.api import DescribesImages, InputSpec, Prediction, ReconstructionModel, RefinableModel
from amb3r_core.options import ReconstructOptions
from amb3r_core.pipelines.choice import choose_pipeline
from amb3r_core.progress import Cancelled, Progress
from tests.models.amb3r.tiny import tiny_batch, tiny_model, tiny_network


def same(one: Prediction, other: Prediction) -> bool:
    names = ("depth", "confidence", "cam_to_world", "intrinsics", "registered")
    tensors_agree = all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)
    return tensors_agree and one.metric_scale == other.metric_scale


def test_the_model_has_every_capability() -> None:
    model = tiny_model()
    for capability in (ReconstructionModel, RefinableModel, DescribesImages):
        assert isinstance(model, capability)
    assert model.input_spec == InputSpec(long_side_px=70, multiple_px=14)
    assert Amb3rModel(tiny_network()).input_spec.long_side_px == 518


def test_the_free_memory_limits_the_views_of_a_call_and_with_it_the_choice_of_pipeline() -> None:
    load = Load(n_views=3, height=70, width=70, dtype=torch.float32, config=tiny_config())
    model = Amb3rModel(tiny_network(), long_side_px=70, memory_bytes=sum(estimate(load)))
    assert model.input_spec.max_views == 3
    for n_frames, wanted in ((3, "one-shot"), (4, "sfm")):
        frames = FrameList(tiny_batch(((70, 42),) * n_frames).frames)
        assert choose_pipeline(model, frames, ReconstructOptions()).name == wanted


def test_what_will_not_fit_is_refused_before_any_work_with_the_lever_that_helps() -> None:
    load = Load(n_views=2, height=70, width=70, dtype=torch.float32, config=tiny_config())
    model = Amb3rModel(tiny_network(), long_side_px=70, memory_bytes=sum(estimate(load)))
    with pytest.raises(ResourceError, match=r"amb3r: 3 views of 70 x 70 in float32 take .* at most 2 views at once"):
        model.predict(tiny_batch(), monitor=never)
    assert model.predict(tiny_batch(((70, 42),) * 2)).n_views == 2


def never(_progress: Progress, /) -> None:
    raise AssertionError("no work was to be done")


def test_predicting_is_refining_the_draft() -> None:
    model, batch = tiny_model(), tiny_batch()
    draft = model.draft(batch)
    refined = model.refine(draft)
    assert same(model.predict(batch), refined)
    assert not same(draft.prediction, refined)


def test_without_the_back_end_the_draft_is_the_answer() -> None:
    model, batch = tiny_model(use_backend=False), tiny_batch()
    assert same(model.predict(batch), tiny_model().draft(batch).prediction)
    assert same(model.refine(model.draft(batch)), model.predict(batch))


def test_the_front_end_alone_gives_a_relative_scale() -> None:
    model, batch = tiny_model(replace(tiny_config(), scale=None, backend=None)), tiny_batch()
    prediction = model.predict(batch)
    assert prediction.metric_scale is None
    assert bool(prediction.registered.all())


def test_points_that_are_no_numbers_in_the_padding_do_no_harm() -> None:
    model, batch = tiny_model(), tiny_batch()
    draft = model.draft(batch)
    assert draft.first.points is not None
    padding = ~batch.valid[None, ..., None]
    wild = torch.where(padding, torch.full_like(draft.first.points.values, torch.nan), draft.first.points.values)
    moved = replace(draft, first=replace(draft.first, points=replace(draft.first.points, values=wild)))
    assert bool(model.refine(moved).depth.isfinite().all())


def test_descriptors_are_unit_vectors_that_know_their_image() -> None:
    model, batch = tiny_model(), tiny_batch(((70, 42),) * 3)
    twice = batch.select([0, 1, 2, 0])
    descriptors = model.describe(twice)
    assert descriptors.shape == (4, 64)
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(4))
    cosines = descriptors @ descriptors.T
    assert cosines[0, 3] > 0.99999
    assert cosines[0, 1] < 0.99999


def test_a_draft_of_another_model_is_refused() -> None:
    class Other:
        @property
        def prediction(self) -> Prediction:
            raise AssertionError

    with pytest.raises(TypeError, match="a draft of amb3r is needed, not Other"):
        tiny_model().refine(Other())


def test_a_grid_that_patches_do_not_cover_is_refused() -> None:
    batch = tiny_batch(((70, 42),))
    odd = replace(batch, pixels=batch.pixels[..., :41, :], valid=batch.valid[..., :41, :])
    with pytest.raises(InputError, match="70 x 41 pixels: amb3r needs multiples of 14"):
        tiny_model().predict(odd)


def test_the_monitor_hears_of_both_passes_and_can_stop() -> None:
    seen: list[Progress] = []
    tiny_model().predict(tiny_batch(), monitor=seen.append)
    assert {progress.stage for progress in seen} == {"amb3r draft", "amb3r refine"}

    def stop(progress: Progress, /) -> None:
        if progress.stage == "amb3r refine":
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny_model().predict(tiny_batch(), monitor=stop)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")],
)
def test_running_out_of_memory_names_the_lever(error: RuntimeError) -> None:
    def fail(_progress: Progress, /) -> None:
        raise error

    with pytest.raises(ResourceError, match=r"ran out of memory: try (`dtype=.bfloat16.`, or )?fewer than 3 views"):
        tiny_model().predict(tiny_batch(), monitor=fail)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def fail(_progress: Progress, /) -> None:
        raise RuntimeError("the monitor broke")

    with pytest.raises(RuntimeError, match="the monitor broke"):
        tiny_model().predict(tiny_batch(), monitor=fail)
