"""Tensor files: reading checkpoints as they are published, checking them, and writing our own.

Nothing here runs code from a file: checkpoints are read with `weights_only=True` or as safetensors.
"""

import argparse
import hashlib
import json
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from amb3r_core.errors import ResourceError, WeightsError
from amb3r_core.models.blocks.manifest import TensorSpec
from amb3r_core.progress import Monitor, Progress
from amb3r_core.storage.atomic import written_whole

FRONT_END_PREFIX = "front_end.model."
INTERP_V2 = "backend.interp_v2"
ALIGNMENT = 64
CHUNK_BYTES = 16 << 20
NAMED_AT_MOST = 3
SAFETENSORS_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.bool: "BOOL",
}
"""What a checkpoint of this network may hold."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names in our network, mapped from disk and not read.

    Takes .safetensors, and .pt files that hold a state dict or a training checkpoint with one under "model"; of the whole
    network or of a VGGT-1B front end, whose names get their prefix. Raises `WeightsError`.
    """
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: no such file")
    held = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    return _with_our_names(held)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor with a mapping of its own, so that one that is converted lets go of the file's pages."""
    try:
        with safe_open(path, framework="pt"):  # checks the header against the file
            pass
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or not a safetensors file: {error}") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    with path.open("rb") as file:
        (header_size,) = struct.unpack("<Q", file.read(8))
        entries = cast(dict[str, dict[str, object]], json.loads(file.read(header_size)))
    entries.pop("__metadata__", None)
    return {name: _mapped(path, 8 + header_size, name, entry) for name, entry in entries.items()}


def _mapped(path: Path, data_start: int, name: str, entry: Mapping[str, object]) -> Tensor:
    """One tensor of a safetensors file, mapped; copied only where its bytes lie askew."""
    dtype = {code: dtype for dtype, code in SAFETENSORS_DTYPES.items()}.get(str(entry["dtype"]))
    if dtype is None:
        raise WeightsError(f"{path} holds {name} as {entry['dtype']}: {', '.join(SAFETENSORS_DTYPES.values())} are known")
    shape = cast(list[int], entry["shape"])
    start, end = cast(list[int], entry["data_offsets"])
    if start == end:
        return torch.empty(shape, dtype=dtype)
    data = np.memmap(path, np.uint8, "c", offset=data_start + start, shape=(end - start,))
    askew = (data_start + start) % dtype.itemsize
    rows = torch.from_numpy(data.copy() if askew else data)  # pyright: ignore[reportUnknownMemberType]
    return rows.view(dtype).view(shape)


def _read_pickle(path: Path) -> dict[str, Tensor]:
    """Through torch's reader of plain data.

    What that raises on damaged files has no end (a dozen kinds were seen), so all of it means that this is no checkpoint.
    """
    load = cast(Callable[..., object], torch.load)
    try:
        is_zip = zipfile.is_zipfile(path)
        if is_zip:
            _check_zip(path)
        # Training checkpoints carry the options of their run; a Namespace is plain data.
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")  # about odd protocols, of files that are refused a moment later
            held = load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except (MemoryError, WeightsError):
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).split("\n", maxsplit=1)[0]
        raise WeightsError(
            f"{path} is damaged or holds more than tensors and plain data, so it is not opened: {reason}"
        ) from error
    return _state_dict(held, path)


def _check_zip(path: Path) -> None:
    """`WeightsError` for an archive whose parts unpack to more than its bytes; torch packs tensors as they are."""
    with zipfile.ZipFile(path) as archive:
        n_bytes = sum(part.file_size for part in archive.infolist())
    if n_bytes > path.stat().st_size:
        raise WeightsError(
            f"{path} is no checkpoint: its {path.stat().st_size} bytes would unpack to {n_bytes}, but tensors are not packed"
        )


def _state_dict(held: object, path: Path) -> dict[str, Tensor]:
    outer = _as_dict(held)
    entries = _as_dict(outer.get("model", outer))
    tensors = {name: value for name, value in entries.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors or len(tensors) != len(entries):
        raise WeightsError(f"{path} is not a checkpoint: a dict of tensors is needed, bare or under 'model'")
    return tensors


def _as_dict(held: object) -> dict[object, object]:
    return cast(dict[object, object], held) if isinstance(held, dict) else {}


def _with_our_names(held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if any(name.startswith("front_end.") for name in held):
        tensors = dict(held)
        if any(name.startswith("backend.") for name in tensors):
            # Older checkpoints lack the flag, and were trained without what it mends.
            tensors.setdefault(INTERP_V2, torch.tensor(False))
        return tensors
    if any(name.startswith("aggregator.") for name in held):
        return {FRONT_END_PREFIX + name: tensor for name, tensor in held.items()}
    return dict(held)


def specs_of(tensors: Mapping[str, Tensor]) -> dict[str, TensorSpec]:
    """Shape and dtype of each tensor."""
    return {name: TensorSpec(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in tensors.items()}


def check_tensors(tensors: Mapping[str, Tensor], expected: Mapping[str, TensorSpec], what: str) -> None:
    """Raises `WeightsError` that says what is missing, unexpected or misshapen, unless names, shapes and kinds agree.

    A tensor may have another floating-point dtype than expected, but a flag must be a flag. `what` names the checkpoint.
    """
    missing = [name for name in expected if name not in tensors]
    unexpected = [name for name in tensors if name not in expected]
    misshapen = [
        f"{name} {_described(tensor)} instead of {spec.shape} {spec.dtype}"
        for name, tensor in tensors.items()
        if (spec := expected.get(name)) is not None and not _fits(tensor, spec)
    ]
    faults = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    report = "; ".join(f"{len(names)} {fault} ({_some(names)})" for fault, names in faults.items() if names)
    if report:
        raise WeightsError(f"{what} does not fit this network. Of {len(expected)} tensors: {report}")


def _fits(tensor: Tensor, spec: TensorSpec) -> bool:
    is_kind = tensor.dtype == torch.bool if spec.dtype == "bool" else tensor.is_floating_point()
    return is_kind and tuple(tensor.shape) == spec.shape and tensor.dtype in SAFETENSORS_DTYPES


def _described(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _some(names: list[str]) -> str:
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], monitor: Monitor) -> str:
    """Writes the tensors one by one, holding no second copy of them, and gives the file's SHA-256.

    The same tensors give the same bytes, in whatever order they come. The file appears whole or not at all.
    """
    ordered = dict(sorted(tensors.items(), key=_place))
    header = _header(ordered)
    total = len(header) + sum(t.numel() * t.element_size() for t in ordered.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_space(path, total)
    with written_whole(path) as partial, partial.open("wb") as file:
        digest = _write_hashed(file, _chunks(header, ordered.values()), total, monitor)
    return digest


def _place(item: tuple[str, Tensor]) -> tuple[bool, int, str]:
    """Where a tensor goes: first those that fill whole cache lines, so that mapped they lie as well as in memory of their own.

    The few others follow by width, so that each starts at a multiple of it, without which it could not be mapped.
    """
    name, tensor = item
    return tensor.numel() * tensor.element_size() % ALIGNMENT != 0, -tensor.element_size(), name


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.numel() * tensor.element_size()
        entries[name] = {
            "dtype": SAFETENSORS_DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def _chunks(header: bytes, tensors: Iterable[Tensor]) -> Iterable[memoryview]:
    yield memoryview(header)
    for tensor in tensors:
        rows = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        data = cast(NDArray[np.uint8], rows.numpy()).data  # pyright: ignore[reportUnknownMemberType]
        for start in range(0, len(data), CHUNK_BYTES):
            yield data[start : start + CHUNK_BYTES]


def _write_hashed(file: BinaryIO, chunks: Iterable[memoryview], total: int, monitor: Monitor) -> str:
    digest, done = hashlib.sha256(), 0
    for chunk in chunks:
        monitor(Progress(stage="write", done=done, total=total))
        file.write(chunk)
        digest.update(chunk)
        done += len(chunk)
    monitor(Progress(stage="write", done=done, total=total))
    return digest.hexdigest()


def file_digest(path: Path, monitor: Monitor) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            monitor(Progress(stage="digest", done=done, total=total))
    return digest.hexdigest()


def _check_space(path: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if n_bytes > free:
        raise ResourceError(
            f"{path} needs {n_bytes / 1e9:.1f} GB but only {free / 1e9:.1f} GB are free: make room, or set AMB3R_WEIGHTS"
        )
