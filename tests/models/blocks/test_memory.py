import pytest
import torch

from amb3r_core.errors import ResourceError
from amb3r_core.models.blocks.memory import available_bytes, running_out_named


def test_the_machine_has_memory() -> None:
    assert available_bytes(torch.device("cpu")) > 0


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried 9 bytes")])
def test_running_out_of_memory_becomes_a_line_with_the_lever(error: Exception) -> None:
    with pytest.raises(ResourceError, match="net ran out of memory: try less"), running_out_named("net", lambda: "try less"):
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), running_out_named("net", lambda: "try less"):
        raise RuntimeError("shapes do not agree")
