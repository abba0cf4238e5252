"""`amb3r weights`: list, import, fetch and verify checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from amb3r_core.cli.screen import ProgressStyle, print_table, watching

if TYPE_CHECKING:
    from amb3r_core.models.amb3r.weights import WeightsRecord


def list_weights() -> None:
    """The imported weights: what they are, where they came from and under which licence."""
    from amb3r_core.models.amb3r import weights

    records = weights.list_weights()
    for record in records:
        print_table(record.name, _rows(record))
    if not records:
        hints = {f"for {kind}": hint for kind, hint in weights.HOW_TO_GET.items()}
        print_table("", {"weights": f"none in {weights.weights_folder()}", **hints})


def import_weights(
    checkpoint: tyro.conf.Positional[Path],
    *,
    name: str | None = None,
    licence: str | None = None,
    progress: ProgressStyle = "bar",
) -> None:
    """Check a checkpoint and keep it as safetensors in the weights folder (AMB3R_WEIGHTS, or the user's data folder).

    Args:
        checkpoint: The authors' .pt, a training checkpoint, a VGGT-1B checkpoint, or .safetensors.
        name: Name to keep it under; the file's own when not given.
        licence: amb3r, vggt-1b, vggt-1b-commercial, an SPDX identifier or free text; the usual one of its kind when not given.
        progress: bar, json or none.
    """
    from amb3r_core.models.amb3r import weights

    with watching(progress) as monitor:
        record = weights.import_weights(checkpoint, name=name, licence=licence, monitor=monitor)
    print_table(record.name, _rows(record))


def fetch_weights(
    source: tyro.conf.Positional[str],
    *,
    name: str | None = None,
    licence: str | None = None,
    expected_sha256: str | None = None,
    offline: bool = False,
    progress: ProgressStyle = "bar",
) -> None:
    """Bring a checkpoint here, going on where a broken download stopped, and import it.

    Args:
        source: vggt-1b, vggt-1b-commercial, a file, an https address, hf:OWNER/REPO/FILE, gdrive:ID or a Google Drive link.
        name: Name to keep it under; the file's own when not given.
        licence: As for import.
        expected_sha256: What the file must have, as its authors tell it; another file is deleted.
        offline: Never touch the network: the source must be a file on this machine.
        progress: bar, json or none.
    """
    from amb3r_core.models.amb3r import weights, weights_fetch

    downloads = weights.weights_folder() / "downloads"
    with watching(progress) as monitor:
        checkpoint = weights_fetch.fetch(source, downloads, offline=offline, monitor=monitor, expected_sha256=expected_sha256)
        try:
            record = weights.import_weights(checkpoint, name=name, licence=licence, origin=source, monitor=monitor)
        finally:
            weights_fetch.discard(checkpoint, downloads)
    print_table(record.name, _rows(record))


def verify_weights(*names: str, progress: ProgressStyle = "bar") -> None:
    """Compute the SHA-256 of imported weights anew and compare it with the one they were imported with.

    Args:
        names: Which weights; all when none is given.
        progress: bar, json or none.
    """
    from amb3r_core.models.amb3r import weights

    records = [weights.named_weights(name) for name in names] or weights.list_weights()
    with watching(progress) as monitor:
        for record in records:
            weights.verify_weights(record, monitor)
    print_table("", {record.name: "unchanged since it was imported" for record in records} or {"weights": "none imported"})


def _rows(record: "WeightsRecord") -> dict[str, str]:
    return {
        "kind": record.kind,
        "file": str(record.path),
        "sha256": record.sha256,
        "source": record.source,
        "source sha256": record.source_sha256,
        "licence": record.licence,
        "commercial use": record.commercial,
    }


def weights() -> None:
    """Checkpoints of the networks: weights list, import, fetch, verify."""


DESCRIPTION = "Checkpoints of the networks."
WEIGHTS_COMMANDS = {
    "list": list_weights,
    "import": import_weights,
    "fetch": fetch_weights,
    "verify": verify_weights,
}
