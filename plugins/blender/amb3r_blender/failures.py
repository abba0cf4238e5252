# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way an engine can fail, as one readable sentence. Standard library only; no Blender."""

import re
import signal

from .job import Outcome

OUT_OF_MEMORY = re.compile(r"out of memory|MemoryError|cannot allocate memory|bad_alloc|DefaultCPUAllocator", re.IGNORECASE)
NO_MODULE = re.compile(r"No module named '?(amb3r\w*)'?")
LOG_HINT = "The log has more: Copy Log"
KINDS = {
    "InputError": "The photos or options cannot be used",
    "WeightsError": "The model's weights are not there or not usable",
    "DependencyError": "The engine misses a package",
    "ResourceError": "Memory, disk space or a permission ran out",
    "AlignmentError": "Parts of the scene could not be brought together",
    "RegistrationError": "Too few photos could be placed",
    "FormatError": "A file could not be read",
}


def explain(outcome: Outcome) -> str:
    """What to tell the user about a job that gave no scene: one line, what happened and what to do."""
    if outcome.was_cancelled or outcome.exit_code == 130 or outcome.error_kind == "Cancelled":
        return "Reconstruction cancelled"
    if outcome.exit_code is None:
        return f"The engine could not be started ({outcome.error_message}). Check Engine in the extension's preferences"
    if outcome.error_kind is not None:
        return _reported(outcome)
    return _died(outcome)


def _reported(outcome: Outcome) -> str:
    message = " ".join(outcome.error_message.split()) or "no reason given"
    heading = KINDS.get(outcome.error_kind or "")
    return f"{heading}: {message}" if heading else f"The engine stopped ({outcome.error_kind}): {message}. {LOG_HINT}"


def _died(outcome: Outcome) -> str:
    """An engine that ended without saying why in the agreed way."""
    text = "\n".join(outcome.last_lines)
    code = outcome.exit_code or 0
    last = next((line.strip() for line in reversed(outcome.last_lines) if line.strip()), "it said nothing")
    if code == -9 or OUT_OF_MEMORY.search(text):
        advice = "Use fewer photos, Draft quality, or another device"
        return f"The engine ran out of memory. {advice}. {LOG_HINT}"
    if NO_MODULE.search(text):
        return "The engine's Python has no amb3r installed. Check Engine in the extension's preferences"
    if code < 0:
        return f"The engine crashed ({_signal_name(-code)}). {LOG_HINT}"
    if code == 0:
        return f"The engine ended without a scene. Is it the amb3r command? {LOG_HINT}"
    if code == 2:
        return f"The engine does not know these arguments ({_shortened(last)}). Engine and extension may be of different versions"
    return f"The engine stopped with exit code {code}: {_shortened(last)}. {LOG_HINT}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _shortened(line: str, limit: int = 200) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
