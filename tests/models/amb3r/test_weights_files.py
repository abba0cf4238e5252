"""Tensor files: what is read, what is refused, and what is written."""

import argparse
import json
import os
import random
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from amb3r_core.errors import ResourceError, WeightsError
from amb3r_core.models.amb3r.weights_files import (
    INTERP_V2,
    check_tensors,
    file_digest,
    read_tensors,
    specs_of,
    write_safetensors,
)
from amb3r_core.models.blocks.manifest import TensorSpec
from amb3r_core.progress import Cancelled, Progress, silent


def some_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "backend.bf16": torch.randn(3, generator=generator).bfloat16(),
        "front_end.model.a": torch.randn(2, 5, generator=generator),
        "backend.scalar": torch.tensor(2.5),
        INTERP_V2: torch.tensor(True),
        "backend.empty": torch.zeros(0, 4),
        "backend.strided": torch.randn(4, 3, generator=generator).t(),
    }


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)


def test_what_is_written_is_read_back_bit_for_bit_by_us_and_by_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "new" / "w.safetensors"
    digest = write_safetensors(path, some_tensors(), silent)
    assert same(read_tensors(path), some_tensors())
    assert same(load_file(path), some_tensors())
    assert digest == file_digest(path, silent)
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def test_the_same_tensors_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    tensors = some_tensors()
    turned = dict(reversed(tensors.items()))
    assert write_safetensors(tmp_path / "a", tensors, silent) == write_safetensors(tmp_path / "b", turned, silent)


def test_safetensors_are_mapped_and_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": torch.zeros(1000), "b": torch.zeros(1000)}, silent)
    tensors = read_tensors(path)
    with path.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(struct.pack("<f", 7.0))
    assert tensors["b"][-1] == 7.0


def test_bytes_that_lie_askew_are_copied_whole(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    header = json.dumps({"a": entry}).encode()
    header += b" " * ((3 - len(header)) % 4)
    path.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.0, 2.0))
    assert read_tensors(path)["a"].tolist() == [1.0, 2.0]


def test_a_tensor_of_a_kind_no_network_has_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2, dtype=torch.int16)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="holds a as I16"):
        read_tensors(tmp_path / "w.safetensors")


def test_a_cancelled_write_leaves_nothing(tmp_path: Path) -> None:
    def cancel(progress: Progress) -> None:
        if progress.done:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_safetensors(tmp_path / "w.safetensors", some_tensors(), cancel)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_writing(tmp_path: Path) -> None:
    vast = torch.zeros(1).expand(1 << 55)
    with pytest.raises(ResourceError, match=r"GB are free"):
        write_safetensors(tmp_path / "w.safetensors", {"a": vast}, silent)


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_pickled_checkpoint_is_read_bare_or_wrapped_with_its_training_options(
    tmp_path: Path, is_wrapped: bool, is_zip: bool
) -> None:
    held: object = some_tensors()
    if is_wrapped:
        options = argparse.Namespace(lr=1e-6, resume=None, views=[5, 15])
        held = {"model": held, "optimizer": {"state": {}}, "args": options, "epoch": 3, "best_so_far": 0.5}
    torch.save(held, tmp_path / "w.pt", _use_new_zipfile_serialization=is_zip)
    assert same(read_tensors(tmp_path / "w.pt"), some_tensors())


def test_a_missing_flag_means_that_it_is_not_set(tmp_path: Path) -> None:
    tensors = some_tensors()
    del tensors[INTERP_V2]
    torch.save(tensors, tmp_path / "w.pt")
    assert not read_tensors(tmp_path / "w.pt")[INTERP_V2]


def test_names_of_a_front_end_alone_get_their_prefix(tmp_path: Path) -> None:
    save_file({"aggregator.x": torch.ones(2), "depth_head.y": torch.ones(1)}, tmp_path / "model.safetensors")
    assert sorted(read_tensors(tmp_path / "model.safetensors")) == [
        "front_end.model.aggregator.x",
        "front_end.model.depth_head.y",
    ]


class Harmful:
    """Unpickling it would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harm"),)  # type: ignore[return-value]


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": some_tensors(), "args": Harmful()}, "w.pt")
    with pytest.raises(WeightsError, match="more than tensors and plain data"):
        read_tensors(Path("w.pt"))
    assert not Path("harm").exists()


@pytest.mark.parametrize("held", [3, {"model": {}}, {"a": 1}, [torch.zeros(1)]])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, held: object) -> None:
    torch.save(held, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="not a checkpoint"):
        read_tensors(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_called_damaged(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    torch.save(some_tensors(), whole) if suffix == ".pt" else write_safetensors(whole, some_tensors(), silent)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(WeightsError, match="damaged"):
        read_tensors(cut)


@pytest.mark.parametrize("kind", ["zip.pt", "legacy.pt", "w.safetensors"])
def test_a_damaged_checkpoint_is_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    whole, broken = tmp_path / kind, tmp_path / f"broken{Path(kind).suffix}"
    if kind == "w.safetensors":
        write_safetensors(whole, some_tensors(), silent)
    else:
        held = {"model": some_tensors(), "args": argparse.Namespace(views=[5, 15])}
        torch.save(held, whole, _use_new_zipfile_serialization=kind == "zip.pt")
    data, chance, refusals = whole.read_bytes(), random.Random(0), list[str]()
    for _ in range(200):
        changed = bytearray(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)
        reach = len(changed) if chance.random() < 0.5 else min(len(changed), 400)
        for _ in range(chance.choice((1, 3, 10))):
            if reach:
                changed[chance.randrange(reach)] = chance.randrange(256)
        broken.write_bytes(changed)
        try:
            read_tensors(broken)
        except WeightsError as error:
            refusals.append(str(error))
    assert len(refusals) > 50
    assert all(str(broken) in refusal and "\n" not in refusal for refusal in refusals)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    torch.save(some_tensors(), tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data/99", bytes(3_000_000))
    with pytest.raises(WeightsError, match=r"no checkpoint: its \d+ bytes would unpack to 3\d{6}, but tensors are not packed"):
        read_tensors(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "entries",
    [
        {"a": [0, 8], "b": [4, 12]},
        {"a": [0, 8], "b": [0, 8]},
        {"a": [0, 8], "b": [800, 808]},
        {"a": [8, 0], "b": [8, 16]},
        {"a": [-8, 0], "b": [0, 8]},
        {"a": [0, 8], "b": [8, 10**30]},
    ],
)
def test_tensors_that_overlap_or_lie_outside_the_file_are_refused(tmp_path: Path, entries: dict[str, list[int]]) -> None:
    header = json.dumps({name: {"dtype": "F32", "shape": [2], "data_offsets": place} for name, place in entries.items()})
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(16))
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        read_tensors(tmp_path / "w.safetensors")


@pytest.mark.parametrize("size", [1 << 62, 200_000_000, 90_000_000])
def test_a_header_larger_than_its_file_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", size) + b"{}")
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        read_tensors(tmp_path / "w.safetensors")


def test_a_missing_file_is_told() -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_tensors(Path("nowhere.pt"))


def test_the_report_counts_and_names_what_does_not_fit() -> None:
    expected = specs_of(some_tensors()) | {f"gone.{i}": TensorSpec((1,), "float32") for i in range(5)}
    found = some_tensors() | {"new": torch.zeros(1), "front_end.model.a": torch.zeros(5, 2), INTERP_V2: torch.tensor(1.0)}
    with pytest.raises(WeightsError) as error:
        check_tensors(found, expected, "w.pt")
    message = str(error.value)
    assert "w.pt does not fit this network. Of 11 tensors: 5 missing (gone.0, gone.1, gone.2 and 2 more)" in message
    assert "1 unexpected (new)" in message
    assert "2 misshapen (front_end.model.a (5, 2) float32 instead of (2, 5) float32" in message
    assert f"{INTERP_V2} () float32 instead of () bool" in message


def test_another_floating_point_dtype_fits() -> None:
    tensors = some_tensors()
    halves = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    check_tensors(halves, specs_of(tensors), "w.pt")


def test_integers_do_not_pass_for_weights() -> None:
    with pytest.raises(WeightsError, match="misshapen"):
        check_tensors({"a": torch.zeros(2, dtype=torch.long)}, {"a": TensorSpec((2,), "float32")}, "w.pt")


def test_whole_cache_lines_come_first_and_every_tensor_starts_at_a_multiple_of_its_width(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": torch.zeros(3), "b": torch.zeros(16), "c": torch.zeros(32).half(), **some_tensors()}, silent)
    data = path.read_bytes()
    n_header = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n_header])
    widths = {"F32": 4, "BF16": 2, "F16": 2, "BOOL": 1}
    assert (8 + n_header) % 64 == 0
    assert all(e["data_offsets"][0] % widths[e["dtype"]] == 0 for name, e in header.items() if name != "__metadata__")
    assert {header[name]["data_offsets"][0] for name in ("b", "c")} == {0, 64}
