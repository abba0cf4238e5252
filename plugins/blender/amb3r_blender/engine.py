# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the `amb3r` command and builds its command lines. Standard library only; no Blender."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ENGINE_VARIABLE = "AMB3R_ENGINE"
COMMAND = "amb3r"
VENV_FOLDERS = (".venv", "venv", "env", "amb3r", "amb3r/.venv", "amb3r/venv", ".venvs/amb3r", ".virtualenvs/amb3r")
TOOL_FOLDERS = (".local/bin", ".local/share/uv/tools/amb3r/bin", ".local/pipx/venvs/amb3r/bin", "bin")
CONDA_FOLDERS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge")
OPTIONS_IN_THE_PANEL = {
    "model", "device", "long_side", "max_frames", "fps", "masks", "intrinsics", "poses", "order", "scale_from", "skip_bad",
    "resume", "keep",
}  # fmt: skip
"""Options of the engine, by the name it gives them, that the panel or the preferences set; all others go through `extra`."""
QUALITY_SIDES = {"DRAFT": 320, "STANDARD": None, "HIGH": 1024}
"""Longer side of the depth maps in pixels; None: the model's own choice."""

INSTALL_LINES = (
    "The reconstruction runs in the amb3r command, outside Blender.",
    "Install it once, in a Python environment of its own (Python 3.11 or newer):",
    "",
    "    python -m venv ~/amb3r",
    "    ~/amb3r/bin/pip install PATH_TO_THE_AMB3R_PROJECT",
    "    ~/amb3r/bin/amb3r doctor",
    "",
    "Then press Test Engine in this extension's preferences. An environment elsewhere:",
    "put the path of its amb3r command into Engine, or set the variable AMB3R_ENGINE.",
)


class EngineNotFound(Exception):
    """There is no engine to run; the message says where was looked and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to reconstruct and how; an empty text leaves the choice to the engine."""

    inputs: tuple[str, ...]
    """One folder, one video, or photo files."""
    output: str
    """The scene folder to write."""
    model: str = "auto"
    device: str = "auto"
    quality: str = "STANDARD"
    """A name in `QUALITY_SIDES`."""
    max_frames: int = 100
    frames_per_second: float = 0.0
    """Frames of a video to take per second; 0: the engine's choice."""
    masks: str = ""
    """Folder of masks named like the photos."""
    intrinsics: str = ""
    """`fx,fy,cx,cy` in pixels, or a cameras file."""
    poses: str = ""
    """File of known poses."""
    order: str = ""
    """`video` or `unordered`."""
    scale_from: str = ""
    """`PHOTO_A,PHOTO_B,METRES`, a poses file in metres, `gps` or `none`."""
    keep: str = "trusted"
    """How much depth the points are made of."""
    skip_bad: bool = False
    """Leave unreadable files out instead of stopping."""
    resume: bool = True
    """Go on where a run that was cancelled stopped."""
    extra: str = ""
    """More words of the command line, for options that stand nowhere else here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOption:
    """An option as the engine describes it."""

    name: str
    flag: str
    choices: tuple[str, ...]
    """All values there are; none when any is good."""
    default: str
    help: str


def find_engine(setting: str, environment: Mapping[str, str], home: Path) -> list[str]:
    """The engine as the first words of a command line.

    setting: the preference: a path, or a whole command such as `python -m amb3r_core.cli`; empty to look in
    AMB3R_ENGINE, on the PATH and in the usual environments. Raises `EngineNotFound`.
    """
    for given, where in ((setting, "the preferences"), (environment.get(ENGINE_VARIABLE, ""), ENGINE_VARIABLE)):
        if given.strip():
            return _given_command(given.strip(), where, environment)
    on_path = shutil.which(COMMAND, path=environment.get("PATH"))
    if on_path:
        return [on_path]
    for candidate in _usual_places(environment, home):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return [str(candidate)]
    raise EngineNotFound(
        "The amb3r command was not found on the PATH or in the usual environments. Install it, or set Engine in the "
        "extension's preferences"
    )


def reconstruct_command(engine: Sequence[str], request: RunRequest) -> list[str]:
    """The command line of one reconstruction."""
    command = [*engine, "reconstruct", *request.inputs, "--output", request.output, "--overwrite", "--progress", "json"]
    command += ["--model", request.model, "--device", request.device, "--max-frames", str(request.max_frames)]
    side = QUALITY_SIDES[request.quality]
    if side is not None:
        command += ["--long-side", str(side)]
    if request.frames_per_second > 0:
        command += ["--fps", f"{request.frames_per_second:g}"]
    texts = {
        "--masks": request.masks,
        "--intrinsics": request.intrinsics,
        "--poses": request.poses,
        "--order": request.order,
        "--scale-from": request.scale_from,
    }
    for flag, text in texts.items():
        command += [flag, text] if text else []
    command += [] if request.keep == "trusted" else ["--keep", request.keep]  # engines of before have no such option
    command += ["--skip-bad"] if request.skip_bad else []
    command += [] if request.resume else ["--no-resume"]
    return [*command, *_split(request.extra)]


def parse_options(text: str) -> tuple[EngineOption, ...]:
    """What `amb3r options --json` prints. Raises `ValueError` for anything else."""
    try:
        return tuple(
            EngineOption(
                name=str(facts["name"]),
                flag=str(facts["flag"]),
                choices=tuple(map(str, facts["choices"] or ())),
                default="" if facts["default"] is None else str(facts["default"]),
                help=str(facts["help"]),
            )
            for facts in json.loads(text)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("the engine does not tell its options; it may be older than this extension") from error


def describe_options(options: Sequence[EngineOption]) -> list[str]:
    """Lines for people on the options that the panel does not show, to be typed into More Options."""
    lines = ["Options of the engine that can be typed into More Options (panel) or Extra Arguments (preferences):"]
    for option in options:
        if option.name not in OPTIONS_IN_THE_PANEL:
            values = f" {{{', '.join(option.choices)}}}" if option.choices else ""
            default = f" (default: {option.default})" if option.default else ""
            lines += ["", f"{option.flag}{values}{default}", f"    {option.help}"]
    return lines


def _given_command(given: str, where: str, environment: Mapping[str, str]) -> list[str]:
    path = Path(given).expanduser()
    if path.is_dir():
        inside = [path / folder / _program() for folder in ("", "bin", "Scripts")]
        path = next((candidate for candidate in inside if candidate.is_file()), path)
    if path.is_file():
        return [str(path)]
    words = _split(given)
    program = shutil.which(str(Path(words[0]).expanduser()), path=environment.get("PATH")) if words else None
    if program is None:
        raise EngineNotFound(f"The engine named in {where} does not exist or cannot be run: {given}")
    return [program, *words[1:]]


def _split(text: str) -> list[str]:
    words = shlex.split(text, posix=sys.platform != "win32")
    return [word.strip('"') for word in words] if sys.platform == "win32" else words


def _program() -> str:
    return f"{COMMAND}.exe" if sys.platform == "win32" else COMMAND


def _usual_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    folder = "Scripts" if sys.platform == "win32" else "bin"
    places = [Path(environment[name]) / folder for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environment.get(name)]
    places += [home / name for name in TOOL_FOLDERS]
    places += [home / name / folder for name in VENV_FOLDERS]
    places += [home / conda / "envs" / COMMAND / folder for conda in CONDA_FOLDERS]
    return [place / _program() for place in places]
