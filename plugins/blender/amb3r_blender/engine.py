# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the `amb3r` command and builds its command lines. Standard library only; no Blender."""

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
    """What to reconstruct and how. inputs: one folder, one video, or photo files. output: the scene folder."""

    inputs: tuple[str, ...]
    output: str
    model: str = "auto"
    device: str = "auto"
    quality: str = "STANDARD"
    max_frames: int = 100
    frames_per_second: float = 0.0
    extra: str = ""


def find_engine(setting: str, environment: Mapping[str, str], home: Path) -> list[str]:
    """The engine as the first words of a command line.

    setting: the preference: a path, or a whole command such as `python -m amb3r_core.cli.main`; empty to look in
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
    return [*command, *_split(request.extra)]


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
