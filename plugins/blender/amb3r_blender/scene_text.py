# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON values that know where they stand, so that an error names the field: `views[3].K`."""

import json
import math
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

OLD_NAMES = {
    "cam_to_world": "c2w",
    "letterbox": "crop",
    "timestamp_s": "time",
    "is_keyframe": "keyframe",
    "up_world": "up",
    "frames_per_second": "fps",
}
"""What fields were called in format version 1, by the name they have now."""


class SceneFileError(Exception):
    """A scene file does not follow its format; the message is one line that names the file and the field."""


def parse(text: str, file: str) -> "Value":
    """The root of a document."""

    def refuse(constant: str) -> NoReturn:
        raise SceneFileError(f"{file}: {constant} is not a finite number")

    try:
        return Value(json.loads(text, parse_constant=refuse), file)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SceneFileError(f"{file}: not valid JSON: {error}") from error


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a document."""

    value: object
    file: str
    place: str = ""

    def fail(self, message: str) -> NoReturn:
        """Raises `SceneFileError` with the file and the place."""
        raise SceneFileError(f"{self.file}: {self.place}: {message}" if self.place else f"{self.file}: {message}")

    @property
    def is_null(self) -> bool:
        return self.value is None

    def __getitem__(self, name: str) -> "Value":
        """A field of an object that was checked with `fields`."""
        given = self.mapping()
        name = name if name in given else OLD_NAMES.get(name, name)
        return Value(given[name], self.file, f"{self.place}.{name}" if self.place else name)

    def mapping(self) -> dict[str, object]:
        if not isinstance(self.value, dict):
            self.fail(f"is {_kind(self.value)}, wanted an object")
        return self.value

    def fields(self, *names: str) -> "Value":
        """The object itself, which must have these fields; others are passed over."""
        given = self.mapping()
        for name in names:
            if name not in given and OLD_NAMES.get(name) not in given:
                Value(None, self.file, f"{self.place}.{name}" if self.place else name).fail("missing")
        return self

    def items(self, length: int | None = None) -> list["Value"]:
        if not isinstance(self.value, list):
            self.fail(f"is {_kind(self.value)}, wanted a list")
        if length is not None and len(self.value) != length:
            self.fail(f"has {len(self.value)} items, wanted {length}")
        return [Value(item, self.file, f"{self.place}[{index}]") for index, item in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail(f"is {_kind(self.value)}, wanted text")
        return self.value

    def name(self) -> str:
        """Text that is not empty."""
        if not self.text():
            self.fail("is empty")
        return self.text()

    def choice(self, *choices: str) -> str:
        if self.text() not in choices:
            self.fail(f"is {self.text()!r}, wanted {' or '.join(map(repr, choices))}")
        return self.text()

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, wanted true or false")
        return self.value

    def integer(self, least: int = 0) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, wanted a whole number")
        if self.value < least:
            self.fail(f"is {self.value}, wanted {least} or more")
        return self.value

    def number(self) -> float:
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, wanted a number")
        try:
            number = float(self.value)
        except OverflowError:
            self.fail("is not a finite number")
        if not math.isfinite(number):
            self.fail("is not a finite number")
        return number

    def positive(self) -> float:
        if self.number() <= 0:
            self.fail(f"is {self.value}, wanted a positive number")
        return self.number()

    def matrix(self, rows: int, columns: int) -> NDArray[np.float64]:
        return np.array([[cell.number() for cell in row.items(columns)] for row in self.items(rows)])

    def path(self) -> str:
        """A path relative to the scene folder (forward slashes, no way out), or an absolute one."""
        text = self.name()
        if "\0" in text:
            self.fail("is no path")
        if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
            return text
        if "\\" in text or ".." in PurePosixPath(text).parts or PureWindowsPath(text).drive:
            self.fail(f"{text} leaves the scene folder or does not use forward slashes")
        return text


def _kind(value: object) -> str:
    kinds = {"dict": "an object", "list": "a list", "str": "text", "bool": "true or false", "NoneType": "null"}
    return kinds.get(type(value).__name__, "a number")
