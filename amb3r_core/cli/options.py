"""`amb3r options`: every choice of a reconstruction, for people and for programs that build a command line."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import Field, asdict, dataclass, fields
from itertools import pairwise
from json import dumps
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from amb3r_core.cli.flags import flag_of
from amb3r_core.cli.screen import print_table
from amb3r_core.cli.values import PARSERS
from amb3r_core.options import ReconstructOptions

TYPE_NAMES: dict[object, str] = {bool: "bool", int: "int", float: "float", str: "str", Path: "path"}


@dataclass(frozen=True, kw_only=True)
class OptionFacts:
    """One option of `amb3r reconstruct`; the fields are the keys of the JSON."""

    name: str
    """In Python."""
    flag: str
    """On the command line; a bool is switched off by --no- in place of the two dashes."""
    type: str
    """bool, int, float, str or path."""
    choices: tuple[str, ...] | None
    """All values there are; None: any value of the type."""
    default: bool | int | float | str | None
    """None: not given."""
    help: str


def options(*, json: bool = False) -> None:
    """Every option of a reconstruction: its flag, values, default and meaning.

    Args:
        json: Print one JSON list, for programs, instead of a table.
    """
    if json:
        print(dumps([asdict(facts) for facts in option_facts()], indent=2))  # noqa: T201
        return
    print_table("", {facts.flag: f"{facts.help} (default: {facts.default})" for facts in option_facts()})


def option_facts() -> list[OptionFacts]:
    """The facts of every field of `ReconstructOptions`, in order."""
    hints, docs = get_type_hints(ReconstructOptions), dict(_field_docs(ReconstructOptions))
    return [_facts(field, hints[field.name], docs[field.name]) for field in fields(ReconstructOptions)]


def _facts(field: Field[Any], hint: Any, doc: str) -> OptionFacts:
    members = [member for member in _members(hint) if member is not NoneType]
    choices = get_args(members[0]) if len(members) == 1 and get_origin(members[0]) is Literal else None
    is_text = choices is not None or field.name in PARSERS
    return OptionFacts(
        name=field.name,
        flag=flag_of(field.name),
        type="str" if is_text else TYPE_NAMES[members[0]],
        choices=choices,
        default=field.default if isinstance(field.default, bool | int | float | None) else str(field.default),
        help=doc,
    )


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _field_docs(of: type) -> Iterator[tuple[str, str]]:
    """The text that stands under each field of a class."""
    (definition,) = ast.parse(inspect.cleandoc(inspect.getsource(of))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for statement, under in pairwise(body):
        match statement, under:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())
            case _:
                pass
