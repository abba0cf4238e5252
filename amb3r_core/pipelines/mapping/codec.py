"""Dataclasses as named arrays and back: the form in which a journal keeps them.

The type of a field, declared once in its dataclass, says how it is kept: numbers, names, arrays, lists of them, dataclasses and
lists of dataclasses.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from types import GenericAlias
from typing import Any, Literal, TypeGuard, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from amb3r_core.scene.arrays import number_type

Record = dict[str, NDArray[np.generic]]
Value = TypeVar("Value")
Number = TypeVar("Number", int, float)


def encode(name: str, value: object) -> Record:
    """The arrays of a dataclass, each under `name` and the path to its field."""
    return dict(_arrays(name, type(value), value))


def decode(name: str, kind: type[Value], record: Record) -> Value:
    """The dataclass of this kind that `encode` has put into a record under this name; `KeyError` when it is not there."""
    return _value(name, kind, record)


def layout(name: str, kind: type) -> list[str]:
    """What a record of this kind holds: one text for each array. Records of different layouts cannot be read as one another."""
    return [f"{path}: {hint}" for path, hint in _leaves(name, kind)]


@dataclass(frozen=True, slots=True)
class _Coder:
    """How values of one type become an array and come back."""

    encode: Callable[[Any], NDArray[np.generic]]
    decode: Callable[[NDArray[np.generic]], object]


def _arrays(name: str, hint: Any, value: Any) -> Iterator[tuple[str, NDArray[np.generic]]]:
    if _is_kind(hint):
        for field, inner in get_type_hints(hint).items():
            yield from _arrays(f"{name}.{field}", inner, getattr(value, field))
    elif (kind := _listed(hint)) is not None:
        for field, column in _columns(kind):
            yield from _arrays(f"{name}.{field}", column, [getattr(entry, field) for entry in value])
    else:
        yield name, _coder(hint).encode(value)


def _value(name: str, hint: Any, record: Record) -> Any:
    if _is_kind(hint):
        return hint(**{field: _value(f"{name}.{field}", inner, record) for field, inner in get_type_hints(hint).items()})
    if (kind := _listed(hint)) is not None:
        names = [field for field, _ in _columns(kind)]
        columns = [_value(f"{name}.{field}", column, record) for field, column in _columns(kind)]
        return [kind(**dict(zip(names, entry, strict=True))) for entry in zip(*columns, strict=True)]
    return _coder(hint).decode(record[name])


def _leaves(name: str, hint: Any) -> Iterator[tuple[str, object]]:
    if _is_kind(hint):
        for field, inner in get_type_hints(hint).items():
            yield from _leaves(f"{name}.{field}", inner)
    elif (kind := _listed(hint)) is not None:
        for field, column in _columns(kind):
            yield from _leaves(f"{name}.{field}", column)
    else:
        yield name, hint


def _is_kind(hint: object) -> TypeGuard[Callable[..., object]]:
    """Whether a type is a dataclass."""
    return isinstance(hint, type) and is_dataclass(hint)


def _listed(hint: Any) -> Callable[..., object] | None:
    """The dataclass whose instances a list type holds, or None."""
    kinds = get_args(hint) if get_origin(hint) is list else ()
    return kinds[0] if kinds and _is_kind(kinds[0]) else None


def _columns(kind: Callable[..., object]) -> list[tuple[str, GenericAlias]]:
    """The fields of a listed dataclass, each with the type of the list of its values."""
    return [(field, GenericAlias(list, (inner,))) for field, inner in get_type_hints(kind).items()]


def _coder(hint: Any) -> _Coder:
    dtype = number_type(hint)
    if dtype is not None:
        return _Coder(lambda value: np.asarray(value, dtype=dtype), lambda array: array.astype(dtype))
    coder = _CODERS.get(_plain(hint))
    if coder is None:
        raise TypeError(f"a journal has no form for {hint}")
    return coder


def _plain(hint: Any) -> object:
    """The type with `str` for its literals."""
    if get_origin(hint) is list:
        return GenericAlias(list, tuple(_plain(kind) for kind in get_args(hint)))
    return str if get_origin(hint) is Literal else hint


def _names_to_bytes(names: Sequence[str]) -> NDArray[np.uint8]:
    """Names as one array: a journal that is written with every step must not spend its time on them."""
    text = "".join(f"{name}\0" for name in names)
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)  # names of files may hold any code point


def _names_of_bytes(array: NDArray[np.generic]) -> list[str]:
    return array.tobytes().decode("utf-8", "surrogatepass").split("\0")[:-1]


def _flat(groups: Sequence[Sequence[float]]) -> list[float]:
    """All groups in one list, each after its length."""
    return [number for group in groups for number in (len(group), *group)]


def _groups(numbers: list[Number]) -> list[list[Number]]:
    """The groups of `_flat`."""
    groups, place = list[list[Number]](), 0
    while place < len(numbers):
        end = place + 1 + int(numbers[place])
        groups.append(numbers[place + 1 : end])
        place = end
    return groups


def _ints(array: NDArray[np.generic]) -> list[int]:
    return [int(value) for value in array.astype(np.int64)]


def _floats(array: NDArray[np.generic]) -> list[float]:
    return [float(value) for value in array.astype(np.float64)]


def _pairs(array: NDArray[np.generic]) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in array.astype(np.float64)]


_CODERS: dict[object, _Coder] = {
    bool: _Coder(lambda value: np.array(value, dtype=np.bool_), lambda array: bool(array.item())),
    int: _Coder(lambda value: np.array(value, dtype=np.int64), lambda array: int(array.item())),
    float: _Coder(lambda value: np.array(value, dtype=np.float64), lambda array: float(array.item())),
    str: _Coder(lambda value: _names_to_bytes([value]), lambda array: _names_of_bytes(array)[0]),
    list[int]: _Coder(lambda values: np.array(values, dtype=np.int64), _ints),
    list[float]: _Coder(lambda values: np.array(values, dtype=np.float64), _floats),
    list[str]: _Coder(_names_to_bytes, _names_of_bytes),
    list[list[int]]: _Coder(lambda groups: np.array(_flat(groups), dtype=np.int64), lambda array: _groups(_ints(array))),
    list[tuple[float, ...]]: _Coder(
        lambda groups: np.array(_flat(groups), dtype=np.float64),
        lambda array: [tuple(group) for group in _groups(_floats(array))],
    ),
    list[tuple[float, float]]: _Coder(lambda values: np.array(values, dtype=np.float64).reshape(-1, 2), _pairs),
}
