import pytest
import torch

from amb3r_core.errors import ResourceError
from amb3r_core.models.blocks.memory import available_bytes, lever_sentence, running_out_named


def test_the_machine_has_memory() -> None:
    assert available_bytes(torch.device("cpu")) > 0


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried 9 bytes")])
def test_running_out_of_memory_becomes_a_line_with_the_lever(error: Exception) -> None:
    with pytest.raises(ResourceError, match="net ran out of memory: try less"), running_out_named("net", lambda: "try less"):
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), running_out_named("net", lambda: "try less"):
        raise RuntimeError("shapes do not agree")


def test_the_levers_after_a_failure_fit_the_case() -> None:
    cpu = torch.device("cpu")
    assert lever_sentence(cpu, torch.float32, 5) == (
        'try `dtype="bfloat16"`, or fewer than 5 views at once (`pipeline="sfm" or "vo"`), or a smaller `long_side`'
    )
    assert lever_sentence(cpu, torch.bfloat16, 1) == "try a smaller `long_side`"
