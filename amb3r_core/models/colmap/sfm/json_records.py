"""Frozen dataclasses as JSON and back: what a worker process and its parent tell one another."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from amb3r_core.scene.arrays import number_type

T = TypeVar("T")


def to_json(value: object) -> object:
    """The value as what `json` writes: fields by name, paths and enums by their text, arrays as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {str(key): to_json(item) for key, item in pairs.items()}
    if isinstance(value, np.ndarray):
        return cast("np.ndarray[Any, Any]", value).tolist()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def from_json(kind: type[T], value: object) -> T:
    """The dataclass of this kind that `to_json` turned into `value`; `TypeError` for fields it does not have."""
    return _read(kind, value)


def _read(hint: Any, value: Any) -> Any:
    """The value that a type hint calls for: a dataclass, path, enum, float64 array, mapping or plain JSON value, or None."""
    kind, arguments = get_origin(hint) or hint, get_args(hint)
    if get_origin(hint) is Literal:
        return value
    if kind in (UnionType, Union):
        (wanted,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _read(wanted, value)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return cast("Any", kind)(**{name: _read(hints.get(name), part) for name, part in value.items()})
    if number_type(hint) is not None:
        return np.array(value, dtype=np.float64)
    if arguments:
        key, item = arguments
        return {key(name): _read(item, part) for name, part in value.items()}
    return kind(value) if isinstance(kind, type) and issubclass(kind, (Path, Enum)) else value
