from collections.abc import Iterator

import pytest
import torch

from amb3r_core.compute.linear import has_fused_kernel
from amb3r_core.errors import InputError
from amb3r_core.models.amb3r.model import Amb3rModel
from amb3r_core.models.blocks.precision import choose_dtype, exact_products, has_native_bfloat16
from tests.models.amb3r.tiny import tiny_batch, tiny_network

CPU = torch.device("cpu")


def test_auto_is_bfloat16_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = torch.bfloat16 if has_fused_kernel(torch.bfloat16) else torch.float32
    for name, wanted in (("_is_avx512_bf16_supported", fast), ("_is_vnni_supported", torch.float32)):
        for feature in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            monkeypatch.setattr(torch.cpu, feature, lambda feature=feature, name=name: feature == name, raising=False)
        assert choose_dtype("auto", CPU) == wanted


def test_a_wish_is_followed_but_for_float16_on_a_cpu() -> None:
    assert choose_dtype("float32", CPU) == torch.float32
    assert isinstance(has_native_bfloat16(CPU), bool)
    with pytest.raises(InputError, match="use bfloat16 or float32"):
        choose_dtype("float16", CPU)


@pytest.fixture
def rounding_allowed() -> Iterator[None]:
    """A host that lets float32 products be rounded, as far as this version of torch can say so."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def rounding() -> tuple[object, ...]:
    """What torch may do to float32 products now."""
    backends = torch.backends
    if not hasattr(backends.cudnn, "conv"):
        return backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32
    return backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision


@pytest.mark.usefixtures("rounding_allowed")
def test_a_float32_network_multiplies_exactly_and_leaves_the_process_as_it_was() -> None:
    before, inside = rounding(), []
    Amb3rModel(tiny_network()).predict(tiny_batch(), monitor=lambda _: inside.append(rounding()))
    assert set(inside) <= {("ieee", "ieee"), (False, False)}
    assert rounding() == before != inside[0]


@pytest.mark.usefixtures("rounding_allowed")
def test_the_process_is_as_it_was_after_an_error_too() -> None:
    before = rounding()
    with pytest.raises(RuntimeError, match="stop"), exact_products(torch.float32):
        raise RuntimeError("stop")
    assert rounding() == before


@pytest.mark.usefixtures("rounding_allowed")
def test_half_precision_leaves_rounding_to_the_process() -> None:
    before = rounding()
    with exact_products(torch.bfloat16):
        assert rounding() == before
