"""What a job has found in its input, as the few lines it begins with."""

from collections import Counter
from typing import TYPE_CHECKING

from amb3r_core.inputs.images import FrameList
from amb3r_core.inputs.joining import listed
from amb3r_core.progress import NOTICE, Monitor, Progress

if TYPE_CHECKING:
    from amb3r_core.models.registry import ModelChoice, ModelOptions

SECONDS_PER_MINUTE = 60.0


def tell_findings(
    choice: "ModelChoice", options: "ModelOptions", frames: FrameList, notes: tuple[str, ...], monitor: Monitor
) -> None:
    """Tells the monitor, notice by notice, what was found, what was made of it, and what the work will take."""
    for line in findings(choice, options, frames, notes):
        monitor(Progress(stage=NOTICE, message=line))


def findings(choice: "ModelChoice", options: "ModelOptions", frames: FrameList, notes: tuple[str, ...]) -> list[str]:
    """One sentence each: the pictures, how files were joined with them and what was left out, the model, time and memory."""
    sizes = Counter((frame.width, frame.height) for frame in frames)
    shown = listed([f"{width}x{height}" + (f" ({n})" if len(sizes) > 1 else "") for (width, height), n in sizes.most_common()])
    order = "one after another" if frames.is_ordered else "in no order"
    lines = [f"input: {len(frames)} pictures of {shown}, {order}", *notes, f"model: {choice.reason}"]
    estimate = choice.entry.estimate(options, [(frame.width, frame.height) for frame in frames], is_ordered=frames.is_ordered)
    if estimate is not None:
        lines.append(f"estimate: {_duration(estimate.seconds)}, {estimate.memory_bytes / 1e9:.1f} GB of memory, on this machine")
    return lines


def _duration(seconds: float) -> str:
    """About how long, no finer than the estimate is."""
    if seconds < 1.5 * SECONDS_PER_MINUTE:
        return f"about {max(round(seconds, -1), 10):.0f} seconds"
    return f"about {seconds / SECONDS_PER_MINUTE:.0f} minutes"
