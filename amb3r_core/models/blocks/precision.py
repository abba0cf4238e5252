"""Which number type a network computes in, and where."""

from collections.abc import Container, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from amb3r_core.compute.linear import has_fused_kernel
from amb3r_core.errors import InputError
from amb3r_core.options import DtypeName

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_dtype(wish: DtypeName, device: torch.device) -> torch.dtype:
    """The dtype asked for; "auto" is bfloat16 where the hardware multiplies it natively, else float32.

    Raises `InputError` for a dtype that the device cannot multiply at any useful speed.
    """
    if wish == "auto":
        return torch.bfloat16 if has_native_bfloat16(device) else torch.float32
    if wish == "float16" and device.type == "cpu":
        raise InputError('`dtype="float16"` is for GPUs; on a CPU use bfloat16 or float32', option="dtype")
    if wish == "bfloat16" and not runs_bfloat16(device):
        raise InputError(
            '`dtype="bfloat16"` needs a processor with AVX512 or AMX, and this one has neither; use `dtype="float32"`',
            option="dtype",
        )
    return DTYPES[wish]


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 products in hardware: AVX512-bf16 or AMX on a CPU, Ampere or later for CUDA."""
    if device.type == "cpu":
        features = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return runs_bfloat16(device) and any(getattr(torch.cpu, name, bool)() for name in features)
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def runs_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 may be asked of the device: GPUs take it, a CPU where its kernel has been tried and works."""
    return device.type != "cpu" or has_fused_kernel(torch.bfloat16)


@contextmanager
def exact_products(dtype: torch.dtype) -> Generator[None]:
    """Inside the block float32 products keep all their bits, whatever the process allows; afterwards it allows what it did.

    Torch lets cuDNN round the inputs of float32 convolutions to TF32's ten bits unless told otherwise, and a host may have
    allowed the same, or bfloat16, for matrices: about 1e-3 of the answer. A network in half precision asks for speed and is
    left to the process's settings. They belong to the process: its other threads multiply exactly too meanwhile.
    """
    if dtype != torch.float32:
        yield
        return
    switches = _product_switches()
    before = [getattr(owner, name) for owner, name, _ in switches]
    try:
        for owner, name, exact in switches:
            setattr(owner, name, exact)
        yield
    finally:
        for (owner, name, _), value in zip(switches, before, strict=True):
            setattr(owner, name, value)


def _product_switches() -> list[tuple[Any, str, object]]:
    """Torch's settings that round float32 products, with the value at which they do not; older versions know one kind only."""
    backends: Any = torch.backends
    if not hasattr(backends.cudnn, "conv"):
        return [(backends.cudnn, "allow_tf32", False), (backends.cuda.matmul, "allow_tf32", False)]
    owners = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
    return [(owner, "fp32_precision", "ieee") for owner in owners]


def put_in_dtype(network: nn.Module, fast: Sequence[nn.Module], dtype: torch.dtype, *, left_alone: Container[int] = ()) -> None:
    """Puts the matrices and kernels inside the modules `fast` in `dtype`, and every other parameter in float32.

    Norms, tokens, layer scales, and so the residual stream, stay in float32 everywhere. left_alone: ids of modules that are not
    touched.
    """
    chosen = {id(module) for root in fast for module in root.modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            wanted = dtype if id(module) in chosen else torch.float32
            if parameter.dtype != wanted and id(module) not in left_alone:
                module.register_parameter(name, nn.Parameter(parameter.detach().to(wanted), parameter.requires_grad))
