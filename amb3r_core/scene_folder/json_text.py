"""JSON that loses nothing: exact decimals, short matrices on one line, and errors that name the bad field."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from typing import NoReturn, cast

import numpy as np

from amb3r_core.errors import FormatError

EXACT = Context(prec=60)
"""Enough digits to add a half to any number that matters without rounding."""

MAX_DEPTH = 50
"""Levels of lists and objects: a scene has six, and each costs the reader stack."""

MAX_INTEGER = 1 << 53
"""Whole numbers up to here are the same as floats."""

_LARGEST = Decimal(repr(np.finfo(np.float64).max.item()))


def to_json(value: object, indent: int = 0) -> str:
    """JSON text of dicts, lists, strings, finite numbers (`Decimal` included), booleans and None.

    Lists without dicts inside stay on one line. Raises `ValueError` for numbers that are not finite and `TypeError` for
    anything JSON does not have.
    """
    inner = " " * (indent + 1)
    if isinstance(value, Mapping):
        fields = cast(Mapping[object, object], value)
        if not fields:
            return "{}"
        lines = [f"{inner}{_key(name)}: {to_json(field, indent + 1)}" for name, field in fields.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    if isinstance(value, list | tuple):
        items = cast(Sequence[object], value)
        texts = [to_json(item, indent + 1) for item in items]
        if not any("\n" in text for text in texts):
            return "[" + ", ".join(texts) + "]"
        return "[\n" + ",\n".join(inner + text for text in texts) + "\n" + " " * indent + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"JSON has no number {value}")
        return str(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"JSON names are text, not {name!r}")
    return json.dumps(name, ensure_ascii=False)


def parse_json(text: str, file: str) -> "Node":
    """The document's root; numbers with a point keep all their digits. Raises `FormatError` for text that is not JSON."""

    def refuse(constant: str) -> NoReturn:
        raise FormatError(f"{file}: {constant} is not a finite number")

    try:
        root = Node(json.loads(text, parse_float=_decimal, parse_constant=refuse), file)
        root.check_depth()
        return root
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{file}: not valid JSON: {error}") from error


def _decimal(text: str) -> Decimal:
    """A number with a point or an exponent; infinite where the exponent is beyond all that a `Decimal` holds."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")


def _no_names() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a parsed document, which knows where it stands: `views[3].K`."""

    value: object
    file: str
    place: str = ""
    old_names: Mapping[str, str] = field(default_factory=_no_names)
    """What fields were called in files of an older format, by the name they have now."""

    def fail(self, message: str) -> NoReturn:
        """Raises `FormatError` with the file and the place."""
        raise FormatError(f"{self.file}: {self.place}: {message}" if self.place else f"{self.file}: {message}")

    def check_depth(self) -> None:
        """Raises `FormatError` for lists and objects inside one another deeper than any document of ours; not by recursion."""
        level = [self.value]
        for _ in range(MAX_DEPTH):
            level = [inner for value in level for inner in _inside(value)]
            if not level:
                return
        self.fail(f"lists and objects lie more than {MAX_DEPTH} deep in one another")

    @property
    def is_null(self) -> bool:
        return self.value is None

    def get(self, name: str) -> "Node | None":
        """The object's field of this name, or of the name it once had; None when there is neither."""
        fields = self._object()
        for given in (name, self.old_names.get(name, name)):
            if given in fields:
                return self._child(f".{given}", fields[given])
        return None

    def required(self, name: str) -> "Node":
        """The object's field of this name, which must be there."""
        found = self.get(name)
        if found is None:
            self._child(f".{self.old_names.get(name, name)}", None).fail("missing")
        return found

    def at(self, steps: Sequence[str | int]) -> "Node":
        """The value that names and indices lead to from here."""
        node = self
        for step in steps:
            node = node.required(step) if isinstance(step, str) else node.items()[step]
        return node

    def mapping(self) -> dict[str, "Node"]:
        """The object's fields, whichever there are."""
        fields = self._object()
        if not all(map(_is_writable, fields)):
            self.fail("a name in it holds half a character, which no text file can")
        return {name: self._child(f".{name}", value) for name, value in fields.items()}

    def items(self, length: int | None = None) -> list["Node"]:
        """The list's items, `length` of them."""
        value = self.value
        if not isinstance(value, list):
            self.fail(f"is {_kind(value)}, wanted a list")
        values = cast(list[object], value)
        if length is not None and len(values) != length:
            self.fail(f"has {len(values)} items, wanted {length}")
        return [self._child(f"[{index}]", value) for index, value in enumerate(values)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail(f"is {_kind(self.value)}, wanted text")
        if not _is_writable(self.value):
            self.fail("holds half a character, which no text file can")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, wanted true or false")
        return self.value

    def integer(self) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, wanted a whole number")
        if abs(self.value) > MAX_INTEGER:
            self.fail(f"is beyond {MAX_INTEGER}")
        return self.value

    def decimal(self) -> Decimal:
        """The number with all its digits."""
        if not isinstance(self.value, int | Decimal) or isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, wanted a number")
        number = Decimal(self.value)
        if number.copy_abs() > _LARGEST:
            self.fail("is not a finite number")
        return number

    def number(self) -> float:
        return float(self.decimal())

    def plain(self) -> object:
        """The value with floats for decimals."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.mapping().items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.items()]
        if isinstance(self.value, str):
            return self.text()
        return self.number() if isinstance(self.value, Decimal) else self.value

    def _object(self) -> dict[str, object]:
        value = self.value
        if not isinstance(value, dict):
            self.fail(f"is {_kind(value)}, wanted an object")
        return cast(dict[str, object], value)

    def _child(self, step: str, value: object) -> "Node":
        return Node(value, self.file, f"{self.place}{step}".removeprefix("."), self.old_names)


def _is_writable(text: str) -> bool:
    """Whether the text can be encoded: JSON's escapes can spell halves of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast(dict[str, object], value).values()
    return cast(list[object], value) if isinstance(value, list) else ()


def add_half(value: float) -> Decimal:
    """`value` + 0.5 without rounding."""
    return EXACT.add(exact(value), Decimal("0.5"))


def subtract_half(value: Decimal) -> float:
    """Undoes `add_half`, bit for bit."""
    return float(EXACT.subtract(value, Decimal("0.5")))


def exact(value: float) -> Decimal:
    """The number as the shortest decimal that is read back as it."""
    if not math.isfinite(value):
        raise ValueError(f"JSON has no number {value}")
    return Decimal(repr(float(value)))


def _kind(value: object) -> str:
    kinds = {"dict": "an object", "list": "a list", "str": "text", "bool": "true or false", "NoneType": "null"}
    return kinds.get(type(value).__name__, "a number")
