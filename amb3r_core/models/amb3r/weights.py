"""The network's weights: importing checkpoints into a folder, finding them there, checking and loading them.

The folder holds one NAME.safetensors per checkpoint and beside it NAME.json, which says where it came from, under which
licence, and its SHA-256.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from torch import Tensor, nn

from amb3r_core.errors import FormatError, InputError, WeightsError
from amb3r_core.models.amb3r.manifest import published_tensors
from amb3r_core.models.amb3r.weights_files import (
    FRONT_END_PREFIX,
    check_tensors,
    file_digest,
    read_tensors,
    specs_of,
    write_safetensors,
)
from amb3r_core.models.amb3r.weights_licence import Commercial, Licence, find_licence
from amb3r_core.models.blocks.manifest import TensorSpec
from amb3r_core.progress import Monitor, silent
from amb3r_core.scene.reconstruction import WeightsInfo
from amb3r_core.storage.atomic import write_text_whole

Kind = Literal["amb3r", "vggt"]
"""amb3r: the whole network. vggt: its front end alone, whose scale is relative."""

NAME = re.compile(r"\w[\w.-]*")

HOW_TO_GET: Mapping[Kind, str] = {
    "amb3r": "get the checkpoint from its authors (AMB3R, arXiv 2511.20343), then: amb3r weights import FILE",
    "vggt": "amb3r weights fetch vggt-1b, or: amb3r weights import FILE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRecord:
    """What is known of one checkpoint; `path` is where it lies now, the rest is what its sidecar says."""

    path: Path
    name: str
    kind: Kind
    sha256: str
    source: str
    source_sha256: str
    licence: str
    commercial: Commercial

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or self.commercial not in get_args(Commercial):
            raise ValueError(f"kind {self.kind!r} or commercial {self.commercial!r} is unknown")

    @property
    def sidecar(self) -> Path:
        """The file beside the weights that holds this record."""
        return self.path.with_suffix(".json")

    @property
    def info(self) -> WeightsInfo:
        """What is shown at load and kept in every export."""
        return WeightsInfo(name=self.name, sha256=self.sha256, licence=self.licence, source=self.source)


def weights_folder() -> Path:
    """Where imported weights lie: AMB3R_WEIGHTS, else the platform's folder for a user's data. It need not exist."""
    if chosen := os.environ.get("AMB3R_WEIGHTS"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "amb3r" / "weights"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "amb3r" / "weights"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "amb3r" / "weights"


def expected_tensors(kind: Kind) -> Mapping[str, TensorSpec]:
    """The tensors of a published checkpoint of that kind, under our names."""
    published = published_tensors()
    if kind == "amb3r":
        return published
    return {name: spec for name, spec in published.items() if name.startswith(FRONT_END_PREFIX)}


def import_weights(
    source: Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    origin: str | None = None,
    folder: Path | None = None,
    expected: Mapping[str, TensorSpec] | None = None,
    monitor: Monitor = silent,
) -> WeightsRecord:
    """Checks a checkpoint and keeps it as safetensors, with its record, in the weights folder.

    name: to keep it under, the file's own when not given. licence: as `find_licence` takes it. origin: where the file came
    from, its path when not given. expected: what it must hold, the published network's tensors when not given.
    Raises `WeightsError`, and leaves nothing behind, when the file does not fit.
    """
    tensors = read_tensors(source)
    kind = _kind_of(tensors)
    check_tensors(tensors, expected_tensors(kind) if expected is None else expected, str(source))
    name = source.stem if name is None else name
    if not NAME.fullmatch(name):
        raise InputError(f"`name={name!r}`: letters, digits, '.', '_' and '-' make a name", option="name")
    path = (weights_folder() if folder is None else folder) / f"{name}.safetensors"
    if path.exists() and path.samefile(source):
        raise WeightsError(f"{source} lies in the weights folder already; give it another `name`", option="name")
    terms = find_licence(licence, default=_likely_licence(kind, f"{name} {origin or source.name}"))
    record = WeightsRecord(
        path=path,
        name=name,
        kind=kind,
        sha256=write_safetensors(path, tensors, monitor),
        source=origin or str(source),
        source_sha256=file_digest(source, monitor),
        licence=terms.text,
        commercial=terms.commercial,
    )
    _write_record(record)
    return record


def list_weights(folder: Path | None = None) -> list[WeightsRecord]:
    """The imported weights, by name; none where there is no folder."""
    folder = weights_folder() if folder is None else folder
    return [_read_record(path) for path in sorted(folder.glob("*.safetensors")) if path.with_suffix(".json").is_file()]


def find_weights(kind: Kind, path: Path | None = None, folder: Path | None = None) -> WeightsRecord:
    """The imported weights of a kind (of several the one named after the kind, else the first by name), or those at `path`.

    `path` is any checkpoint; one without a record has the licence that is usual for its kind. Raises `WeightsError` that says how
    to get weights.
    """
    if path is not None:
        return _read_record(path) if path.with_suffix(".json").is_file() else _describe(path)
    records = [record for record in list_weights(folder) if record.kind == kind]
    if not records:
        raise WeightsError(f"no {kind} weights in {folder or weights_folder()}; {HOW_TO_GET[kind]}")
    return min(records, key=lambda record: record.name != kind)


def named_weights(name: str, folder: Path | None = None) -> WeightsRecord:
    """The imported weights of that name; `WeightsError` that lists the others when there are none."""
    records = list_weights(folder)
    for record in records:
        if record.name == name:
            return record
    raise WeightsError(f"no weights named {name}; there are: {', '.join(record.name for record in records) or 'none'}")


def missing_weights(kind: Kind, path: Path | None = None, folder: Path | None = None) -> str | None:
    """One phrase that says which weights are missing and how to get them, None when they are there."""
    try:
        if path is None:
            find_weights(kind, None, folder)
        elif not path.is_file():
            return f"no weights at {path}"
    except WeightsError as error:
        return str(error)
    return None


def load_weights(network: nn.Module, record: WeightsRecord, *, commercial_ok: bool = False) -> WeightsInfo:
    """Gives the network the weights, mapped from the file and in its dtypes, and says which they are.

    Build the network under `torch.device("meta")`: the tensors of the file become its parameters, with no copy. Names and shapes
    must agree. `commercial_ok` refuses weights that may not be used commercially. Raises `WeightsError`.
    """
    if commercial_ok and record.commercial != "allowed":
        raise WeightsError(
            f"`commercial_ok=True`: weights {record.name} are refused, their licence does not allow it ({record.licence})",
            option="commercial_ok",
        )
    tensors = read_tensors(record.path)
    check_tensors(tensors, specs_of(network.state_dict()), f"{record.path}")
    network.load_state_dict(tensors, strict=True, assign=True)
    return record.info


def verify_weights(record: WeightsRecord, monitor: Monitor = silent) -> None:
    """Raises `WeightsError` unless the file still has the SHA-256 it was imported with."""
    found = file_digest(record.path, monitor)
    if found != record.sha256:
        raise WeightsError(
            f"{record.path} has changed: SHA-256 {found[:16]}..., but {record.sha256[:16]}... was imported; import it again"
        )


def _kind_of(tensors: Mapping[str, Tensor]) -> Kind:
    return "amb3r" if any(name.startswith("backend.") for name in tensors) else "vggt"


def _likely_licence(kind: Kind, hints: str) -> str:
    """The strictest licence that weights of a kind usually have, unless their name says they are the commercial ones."""
    if kind == "amb3r":
        return "amb3r"
    return "vggt-1b-commercial" if "commercial" in hints.lower() and "non" not in hints.lower() else "vggt-1b"


def _describe(path: Path) -> WeightsRecord:
    kind = _kind_of(read_tensors(path))
    terms: Licence = find_licence(None, default=_likely_licence(kind, path.name))
    digest = file_digest(path, silent)
    return WeightsRecord(
        path=path,
        name=path.stem,
        kind=kind,
        sha256=digest,
        source=str(path),
        source_sha256=digest,
        licence=terms.text,
        commercial=terms.commercial,
    )


def _write_record(record: WeightsRecord) -> None:
    fields = {name: value for name, value in asdict(record).items() if name != "path"}
    write_text_whole(record.sidecar, json.dumps(fields, indent=2) + "\n")


def _read_record(path: Path) -> WeightsRecord:
    sidecar = path.with_suffix(".json")
    try:
        fields = cast(dict[str, object], json.loads(sidecar.read_text(encoding="utf-8")))
        record = WeightsRecord(path=path, **fields)  # pyright: ignore[reportArgumentType] - checked below
        if not all(isinstance(value, str) for value in fields.values()):
            raise ValueError("a field is no text")
        return record
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{sidecar} is not a record of weights ({error}): import {path.name} again") from error
