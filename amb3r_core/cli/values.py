"""How the command line reads the options that stand for more than one kind of value: one text each, parsed by `options`."""

from collections.abc import Callable
from typing import cast, get_type_hints

import tyro

from amb3r_core.cli.flags import as_flags
from amb3r_core.errors import InputError
from amb3r_core.options import ReconstructOptions, parse_intrinsics, parse_scale_from

PARSERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "intrinsics": ("FX,FY,CX,CY|FILE", parse_intrinsics),
    "scale_from": ("A,B,METRES|FILE|gps|none|auto", parse_scale_from),
}
"""What the help shows and who parses, by option."""


def option_values() -> tyro.constructors.ConstructorRegistry:
    """What a command that takes `ReconstructOptions` gives tyro as `registry`."""
    hints = get_type_hints(ReconstructOptions)
    registry = tyro.constructors.ConstructorRegistry()

    def rule(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[object] | None:
        wanted = cast(object, info.type)  # pyright: ignore[reportUnknownMemberType] - tyro's field is a bare `Type`
        return next((_spec(*parser) for name, parser in PARSERS.items() if wanted == hints[name]), None)

    registry.primitive_rule(rule)  # pyright: ignore[reportUnknownMemberType] - tyro leaves its spec's parameter out
    return registry


def _spec(metavar: str, parse: Callable[[str], object]) -> tyro.constructors.PrimitiveConstructorSpec[object]:
    def from_words(words: list[str]) -> object:
        try:
            return parse(words[0])
        except InputError as error:
            raise ValueError(as_flags(str(error))) from None

    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=from_words,
        is_instance=lambda _value: True,
        str_from_instance=lambda value: [str(value)],
    )
