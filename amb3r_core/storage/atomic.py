"""The one way to write a file of our own whole or not at all.

For files inside a work or weights folder, which are ours to replace. Outputs at a place the user chose go through `staging`,
which also asks whether something is there already.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(target: Path, *, scratch: Path | None = None) -> Generator[Path]:
    """A path beside `target`, with its suffix, to write to; it takes the place of `target` when the block ends well.

    What a killed run left there is removed first, and a block that raises leaves `target` as it was. This holds when the process
    dies, not when the power fails. scratch: a folder on the same disk to write in instead, where several processes may write
    the same target at a time.
    """
    partial = (scratch or target.parent) / f"{target.stem}.partial{target.suffix}"
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def write_text_whole(target: Path, text: str) -> None:
    """Replaces the file by this text in UTF-8, whole or not at all."""
    with written_whole(target) as partial:
        partial.write_text(text, encoding="utf-8")
