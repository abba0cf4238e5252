"""Frozen dataclasses to JSON and back: the types of a record's fields are the description of the file.

A field with a default may be missing in a file and is left out where it holds the default. Fields of a file that the record
does not know are passed over. What a type cannot say stands in an `Annotated` type as a `Check`, or in the record's
`__post_init__`, which raises `FieldError`.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from amb3r_core.scene_folder.json_text import Node

Record = TypeVar("Record")
Check = Callable[[Any], str]
"""Says what is wrong with a value; nothing for a good one."""

_Reader = Callable[[Node], Any]
_SCALARS: dict[object, _Reader] = {
    str: Node.text,
    bool: Node.boolean,
    int: Node.integer,
    float: Node.number,
    Decimal: Node.decimal,
    object: Node.plain,
}


class FieldError(ValueError):
    """A record's field is wrong; names and indices lead to it from the record that was read."""

    def __init__(self, message: str, *steps: str | int) -> None:
        super().__init__(f"{steps}: {message}")
        self.message, self.steps = message, steps


def at_least(least: int) -> Check:
    """A check for whole numbers."""

    def check(value: int) -> str:
        return "" if value >= least else f"is {value}, wanted {least} or more"

    return check


def is_positive(value: float) -> str:
    """A check for numbers."""
    return "" if value > 0 else "must be positive"


def is_share(value: float) -> str:
    """A check for numbers."""
    return "" if 0.0 <= value <= 1.0 else f"is {value}, wanted 0 to 1"


def is_not_empty(text: str) -> str:
    """A check for text."""
    return "" if text else "is empty"


def decode(node: Node, record: type[Record]) -> Record:
    """The record a JSON object describes. Raises `FormatError` that names the file and the field that is missing or wrong."""
    return _reader(record)(node)


def encode(value: object) -> object:
    """The JSON value of a record, or of the records inside tuples."""
    if isinstance(value, tuple):
        return [encode(item) for item in cast(tuple[object, ...], value)]
    if not is_dataclass(value):
        return value
    values = {field: getattr(value, field.name) for field in fields(value)}
    return {field.name: encode(value) for field, value in values.items() if field.default is MISSING or value != field.default}


@cache
def _reader(hint: Any) -> _Reader:
    """How values of a type are read."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if is_dataclass(hint):
        return _record_reader(cast(type[object], hint))
    if origin is Annotated:
        return _checked_reader(arguments[0], arguments[1:])
    if origin is Literal:
        return _choice_reader(arguments)
    if origin in (Union, UnionType):
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _optional_reader(inner)
    if origin is tuple:
        return _list_reader(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_reader(arguments[1])
    raise TypeError(f"no JSON is agreed for {hint}")


def _record_reader(record: type[Any]) -> _Reader:
    hints = get_type_hints(record, include_extras=True)
    described = [(field.name, _reader(hints[field.name]), _is_required(field)) for field in fields(record)]

    def read(node: Node) -> object:
        values: dict[str, object] = {}
        for name, read_field, is_required in described:
            child = node.required(name) if is_required else node.get(name)
            if child is not None:
                values[name] = read_field(child)
        try:
            return record(**values)
        except FieldError as error:
            node.at(error.steps).fail(error.message)

    return read


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _checked_reader(hint: Any, checks: tuple[Check, ...]) -> _Reader:
    read_unchecked = _reader(hint)

    def read(node: Node) -> object:
        value = read_unchecked(node)
        for check in checks:
            problem = check(value)
            if problem:
                node.fail(problem)
        return value

    return read


def _choice_reader(choices: tuple[str, ...]) -> _Reader:
    def read(node: Node) -> str:
        value = node.text()
        if value not in choices:
            node.fail(f"is {value!r}, wanted {' or '.join(repr(choice) for choice in choices)}")
        return value

    return read


def _optional_reader(hint: Any) -> _Reader:
    read_some = _reader(hint)
    return lambda node: None if node.is_null else read_some(node)


def _list_reader(hints: tuple[Any, ...]) -> _Reader:
    """Of `tuple[X, ...]` and of tuples with a type for each item."""
    if hints[1:] == (Ellipsis,):
        read_item = _reader(hints[0])
        return lambda node: tuple(read_item(item) for item in node.items())
    readers = [_reader(hint) for hint in hints]
    return lambda node: tuple(read(item) for read, item in zip(readers, node.items(len(readers)), strict=True))


def _mapping_reader(hint: Any) -> _Reader:
    read_value = _reader(hint)
    return lambda node: {name: read_value(value) for name, value in node.mapping().items()}
