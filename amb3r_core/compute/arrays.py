"""Tensors to typed numpy arrays and Python numbers: the one place where torch's partly typed methods are called."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def float32_array(tensor: Tensor) -> NDArray[np.float32]:
    """The tensor as a float32 array on the CPU; shares memory when it already is one."""
    return np.asarray(tensor.detach().cpu().float().numpy(), dtype=np.float32)  # pyright: ignore[reportUnknownMemberType]


def float64_array(tensor: Tensor) -> NDArray[np.float64]:
    """The tensor as a float64 array on the CPU; shares memory when it already is one."""
    return np.asarray(tensor.detach().cpu().double().numpy(), dtype=np.float64)  # pyright: ignore[reportUnknownMemberType]


def uint8_array(tensor: Tensor) -> NDArray[np.uint8]:
    """The tensor as a uint8 array on the CPU; shares memory when it already is one."""
    return np.asarray(tensor.detach().cpu().byte().numpy(), dtype=np.uint8)  # pyright: ignore[reportUnknownMemberType]


def uint32_array(tensor: Tensor) -> NDArray[np.uint32]:
    """Whole numbers as a uint32 array on the CPU."""
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.uint32)  # pyright: ignore[reportUnknownMemberType]


def ints(tensor: Tensor) -> list[int]:
    """The whole numbers of a tensor (N,)."""
    return [int(tensor[index]) for index in range(tensor.shape[0])]
