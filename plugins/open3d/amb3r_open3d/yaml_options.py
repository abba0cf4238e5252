"""Options of a stage as a YAML file: one mapping of names to values, every key known, every value of its field's type."""

from dataclasses import Field, fields
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Literal, Self, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
import open3d as o3d

from amb3r_core import FocalAndCentre, FormatError, GpsScale, InputError, MeasuredDistance, PosesScale, Sim3, require, staged_file
from amb3r_core.scene.conventions import rigid


class YamlOptions:
    """What every options dataclass inherits: `from_yaml` and `to_yaml`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @classmethod
    def from_yaml(cls, path: Path | str) -> Self:
        """The options a YAML file holds; what it leaves out has its default.

        Raises `InputError` for a missing file, a key that is none of the fields or a value of another type, `FormatError` for
        what is no YAML mapping.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            document: object = _yaml().safe_load(text)
        except OSError as error:
            raise InputError(f"{path}: the options cannot be read: {error.strerror}") from error
        except (_yaml().YAMLError, UnicodeDecodeError) as error:
            raise FormatError(f"{path}: this is no YAML: {error}") from error
        if document is None:
            document = {}
        if not isinstance(document, dict):
            raise FormatError(f"{path}: wanted a mapping of options to values, not a {type(document).__name__}")
        known = [field.name for field in fields(cls)]
        given = cast(dict[str, object], document)
        unknown = [str(key) for key in given if key not in known]
        if unknown:
            raise InputError(f"{path}: {cls.__name__} has no {', '.join(unknown)}; it has {', '.join(known)}")
        types = get_type_hints(cls)
        return cls(**{name: _from_plain(value, types[name], f"{path}: {name}") for name, value in given.items()})

    def to_yaml(self, path: Path | str, *, overwrite: bool = True) -> Path:
        """Writes every option, in the order of the fields; the path. `InputError` for a value that YAML cannot hold."""
        values = {field.name: _to_plain(getattr(self, field.name), field.name) for field in fields(self)}
        with staged_file(Path(path), overwrite=overwrite) as partial:
            partial.write_text(_yaml().safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return Path(path)


def _to_plain(value: object, name: str) -> object:
    """The value in the types that YAML has."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path | o3d.core.Device | MeasuredDistance | PosesScale | GpsScale | FocalAndCentre):
        return str(value)
    if isinstance(value, Sim3):
        return {"scale": value.scale, "rotation": value.rotation.tolist(), "translation": value.translation.tolist()}
    if isinstance(value, o3d.camera.PinholeCameraIntrinsic):
        return {"width": value.width, "height": value.height, "matrix": np.array(value.intrinsic_matrix).tolist()}
    raise InputError(f"{name}: a {type(value).__name__} cannot be written as YAML; leave it out and give it in the script")


def _from_plain(value: object, wanted: Any, where: str) -> Any:
    """The value as one of the types that a field allows."""
    choices = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    for choice in choices:
        if _fits(value, choice):
            return _made(value, choice, where)
    raise InputError(f"{where} is {value!r}; wanted {' or '.join(map(_name, choices))}")


def _fits(value: object, choice: Any) -> bool:
    if get_origin(choice) is Literal:
        return any(value == one and type(value) is type(one) for one in get_args(choice))
    if choice is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if choice is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if choice is Path:
        return isinstance(value, str)
    if choice in (Sim3, o3d.camera.PinholeCameraIntrinsic):
        return isinstance(value, dict)
    return isinstance(value, choice)


def _made(value: Any, choice: Any, where: str) -> object:
    try:
        if choice is Path:
            return Path(value)
        if choice is Sim3:
            rotation, translation = (np.array(value[key], dtype=np.float64) for key in ("rotation", "translation"))
            return Sim3.from_rigid(rigid(rotation, translation), float(value["scale"]))
        if choice is o3d.camera.PinholeCameraIntrinsic:
            return o3d.camera.PinholeCameraIntrinsic(value["width"], value["height"], np.array(value["matrix"], dtype=np.float64))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} is {value!r}, which is no {_name(choice)}: {error}") from error
    return value


def _name(choice: Any) -> str:
    if get_origin(choice) is Literal:
        return " or ".join(repr(one) for one in get_args(choice))
    return "null" if choice is type(None) else choice.__name__


def _yaml() -> Any:
    return require("yaml", extra="open3d", purpose="to keep options in YAML files")
