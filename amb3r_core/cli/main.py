"""The `amb3r` command."""

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import NoReturn

import tyro

from amb3r_core.cli import convert, demo, doctor, info, plan, reconstruct, weights
from amb3r_core.cli.flags import CORE_FLAGS, flags_of
from amb3r_core.cli.plugin_commands import plugin_commands
from amb3r_core.cli.screen import exit_code
from amb3r_core.cli.values import option_values
from amb3r_core.progress import Cancelled

COMMANDS: dict[str, Callable[..., object]] = {
    "reconstruct": reconstruct.reconstruct,
    "info": info.info,
    "convert": convert.convert,
    "demo": demo.demo,
    "plan": plan.plan,
    "doctor": doctor.doctor,
}
GROUPS: dict[str, dict[str, Callable[..., object]]] = {"weights": {**weights.WEIGHTS_COMMANDS}}
"""Commands of commands: `amb3r weights list`."""
DESCRIPTION = "Photos or a video in, a 3D scene in metres out. Checkpoints: amb3r weights list, import, fetch, verify."


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 done, 1 an error the user can mend, 2 wrong arguments, 130 cancelled."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command."""
    signal.signal(signal.SIGTERM, _cancel)
    if list(arguments) == ["--version"]:
        from amb3r_core._version import __version__

        print(f"amb3r {__version__}")  # noqa: T201
        return 0
    return exit_code(lambda: _dispatch(arguments), arguments, flags=_flags(arguments))


def _flags(arguments: Sequence[str]) -> Mapping[str, str]:
    """The flags of the command that is asked for."""
    group = GROUPS.get(arguments[0]) if arguments else None
    named = group.get("".join(arguments[1:2])) if group else _commands(arguments).get("".join(arguments[:1]))
    return flags_of(named) if named else CORE_FLAGS


def _dispatch(arguments: Sequence[str]) -> None:
    group = next((word for word in arguments[:1] if word in GROUPS), None)
    words = arguments[1:] if group else arguments
    tyro.extras.subcommand_cli_from_dict(
        GROUPS[group] if group else _commands(arguments),
        prog=f"amb3r {group}" if group else "amb3r",
        description=f"amb3r {group}" if group else DESCRIPTION,
        args=list(words) or ["--help"],
        registry=option_values(),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


def _commands(arguments: Sequence[str]) -> dict[str, Callable[..., object]]:
    """Our own commands, and those of the plugins unless one of our own is asked for."""
    return COMMANDS if arguments and arguments[0] in COMMANDS else COMMANDS | plugin_commands()


def _cancel(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Cancelled
