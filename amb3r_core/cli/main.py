"""The `amb3r` command."""

import signal
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from types import FrameType
from typing import NoReturn

import tyro

from amb3r_core.cli import convert, demo, doctor, info, mesh, options, plan, reconstruct, weights
from amb3r_core.cli.flags import CORE_FLAGS, flags_of
from amb3r_core.cli.plugin_commands import plugin_commands
from amb3r_core.cli.screen import EXIT_USAGE, exit_code, report_error
from amb3r_core.cli.values import option_values
from amb3r_core.progress import Cancelled

COMMANDS: dict[str, Callable[..., object]] = {
    "reconstruct": reconstruct.reconstruct,
    "info": info.info,
    "convert": convert.convert,
    "mesh": mesh.mesh,
    "demo": demo.demo,
    "plan": plan.plan,
    "options": options.options,
    "doctor": doctor.doctor,
    "weights": weights.weights,
}
GROUPS: dict[str, dict[str, Callable[..., object]]] = {"weights": {**weights.WEIGHTS_COMMANDS}}
"""Commands of commands: `amb3r weights list`."""
DESCRIPTION = "Photos or a video in, a 3D scene in metres out. -V, --version: which version this is."


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 done, 1 an error the user can mend, 2 wrong arguments, 130 cancelled."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command."""
    signal.signal(signal.SIGTERM, _cancel)
    if list(arguments) in (["--version"], ["-V"]):
        from amb3r_core._version import __version__

        print(f"amb3r {__version__}")  # noqa: T201
        return 0
    group = next((word for word in arguments[:1] if word in GROUPS), None)
    words = arguments[1:] if group else arguments
    commands = GROUPS[group] if group else _commands(arguments)
    program = f"amb3r {group}" if group else "amb3r"
    if words and words[0] not in commands and not words[0].startswith("-"):
        report_error("UsageError", _unknown(program, words[0], list(commands)), as_json=False)
        return EXIT_USAGE
    flags = flags_of(commands[words[0]]) if words and words[0] in commands else CORE_FLAGS
    return exit_code(lambda: _dispatch(program, commands, words), arguments, flags=flags)


def _dispatch(program: str, commands: dict[str, Callable[..., object]], words: Sequence[str]) -> None:
    tyro.extras.subcommand_cli_from_dict(
        commands,
        prog=program,
        description=DESCRIPTION if program == "amb3r" else weights.DESCRIPTION,
        args=list(words) or ["--help"],
        registry=option_values(),
        config=(tyro.conf.OmitArgPrefixes,),
    )


def _unknown(program: str, word: str, commands: Sequence[str]) -> str:
    near = get_close_matches(word, commands, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(commands)}"
    return f"{program} {word}: no such command; {hint}"


def _commands(arguments: Sequence[str]) -> dict[str, Callable[..., object]]:
    """Our own commands, and those of the plugins unless one of our own is asked for."""
    return COMMANDS if arguments and arguments[0] in COMMANDS else COMMANDS | plugin_commands(taken=COMMANDS)


def _cancel(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise Cancelled


if __name__ == "__main__":
    main()
