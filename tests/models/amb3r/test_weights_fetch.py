"""Downloads from a server on this machine, whole and broken."""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from amb3r_core.errors import DependencyError, WeightsError
from amb3r_core.models.amb3r import weights_fetch
from amb3r_core.models.amb3r.weights_fetch import discard, fetch
from amb3r_core.progress import Progress, silent

CONTENT = bytes(range(256)) * 40000


@dataclass
class Server:
    """A file server that can break off after some bytes; it remembers the ranges it was asked for."""

    address: str = ""
    etag: str = '"v1"'
    content: bytes = CONTENT
    break_after: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.ranges.append(self.headers["Range"])
            if self.path == "/gone.pt":
                self.send_error(404, "Not Found")
                return
            if self.path == "/moved.pt":
                self.send_response(302)
                self.send_header("Location", "http://example.invalid/model.pt")
                self.end_headers()
                return
            start = 0
            if self.headers["Range"] and self.headers["If-Range"] == state.etag:
                start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(state.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.content)}")
                self.end_headers()
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            sent = body[: state.break_after.pop(0)] if state.break_after else body
            self.wfile.write(sent)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever)
    thread.start()
    state.address = f"http://127.0.0.1:{httpd.server_port}/model%20a.pt"
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_file_is_downloaded_under_its_name_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[Progress] = []
    path = fetch(server.address, tmp_path, offline=False, monitor=seen.append)
    assert path == tmp_path / "model a.pt"
    assert path.read_bytes() == CONTENT
    assert seen[-1].done == seen[-1].total == len(CONTENT)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model a.pt"]


def test_a_broken_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.break_after = [3_000_000, 2_000_000]
    path = fetch(server.address, tmp_path, offline=False, monitor=silent)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=3000000-", "bytes=5000000-"]


def test_a_download_that_stays_broken_is_resumed_by_the_next_call(server: Server, tmp_path: Path) -> None:
    server.break_after = [4_000_000, 0]
    with pytest.raises(WeightsError, match="after 4000000 bytes; the same command goes on from there"):
        fetch(server.address, tmp_path, offline=False, monitor=silent)
    assert fetch(server.address, tmp_path, offline=False, monitor=silent).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=4000000-"


def test_a_file_that_changed_meanwhile_starts_over(server: Server, tmp_path: Path) -> None:
    server.break_after = [4_000_000, 0]
    with pytest.raises(WeightsError):
        fetch(server.address, tmp_path, offline=False, monitor=silent)
    server.etag, server.content = '"v2"', CONTENT[::-1]
    assert fetch(server.address, tmp_path, offline=False, monitor=silent).read_bytes() == CONTENT[::-1]


def test_a_download_that_was_complete_but_not_renamed_is_taken_as_it_is(server: Server, tmp_path: Path) -> None:
    fetch(server.address, tmp_path, offline=False, monitor=silent).rename(tmp_path / "model a.pt.partial")
    (tmp_path / "model a.pt.partial.json").write_text(f'{{"address": "{server.address}", "version": "\\"v1\\""}}')
    assert fetch(server.address, tmp_path, offline=False, monitor=silent).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "{",
        "[]",
        "null",
        '{"address": ADDRESS}',
        '{"address": ADDRESS, "version": 5}',
        '{"address": ADDRESS, "version": "a\\nb"}',
    ],
)
def test_a_download_with_a_broken_record_starts_anew(server: Server, tmp_path: Path, stamp: str) -> None:
    (tmp_path / "model a.pt.partial").write_bytes(b"of another day")
    (tmp_path / "model a.pt.partial.json").write_text(stamp.replace("ADDRESS", json.dumps(server.address)))
    assert fetch(server.address, tmp_path, offline=False, monitor=silent).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_record_that_is_no_text_starts_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model a.pt.partial").write_bytes(b"of another day")
    (tmp_path / "model a.pt.partial.json").write_bytes(b"\xff\xfe\xff")
    assert fetch(server.address, tmp_path, offline=False, monitor=silent).read_bytes() == CONTENT


def test_plain_http_is_for_this_machine_alone(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="swap the file; give an https address"):
        fetch(server.address.replace("model%20a", "moved"), tmp_path, offline=False, monitor=silent)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was touched"))
    for address in (
        "http://example.invalid/a.pt",
        "HTTP://127.0.0.1.example.invalid/a.pt",
        "http://localhost@example.invalid/a.pt",
    ):
        with pytest.raises(WeightsError, match="swap the file; give an https address"):
            fetch(address, tmp_path / "new", offline=False, monitor=silent)
    for address in ("https://[::1/a.pt", "http://127.0.0.1:99999/a.pt"):
        with pytest.raises(WeightsError, match="is no address"):
            fetch(address, tmp_path / "new", offline=False, monitor=silent)
    assert not (tmp_path / "new").exists()


def test_a_download_must_have_the_sha256_that_is_expected(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = hashlib.sha256(CONTENT).hexdigest()
    path = fetch(server.address, tmp_path, offline=False, monitor=silent, expected_sha256=right.upper())
    assert path.read_bytes() == CONTENT
    with pytest.raises(WeightsError, match=f"has the SHA-256 {right}, but {'0' * 64} was expected"):
        fetch(server.address, tmp_path, offline=False, monitor=silent, expected_sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(weights_fetch.KNOWN_SHA256, server.address, "1" * 64)  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="it is not the file that was meant"):
        fetch(server.address, tmp_path, offline=False, monitor=silent)


def test_a_file_on_this_machine_with_another_sha256_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(WeightsError, match="was expected"):
        fetch(str(tmp_path / "a.pt"), tmp_path / "new", offline=True, monitor=silent, expected_sha256="0" * 64)
    assert (tmp_path / "a.pt").exists()


def test_what_the_server_refuses_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="the server says 404 Not Found"):
        fetch(server.address.replace("model%20a", "gone"), tmp_path, offline=False, monitor=silent)


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="the connection failed"):
        fetch("http://127.0.0.1:9/x.pt", tmp_path, offline=False, monitor=silent)


@pytest.mark.parametrize("source", ["vggt-1b", "hf:a/b/c.pt", "gdrive:abc"])
def test_offline_never_touches_the_network(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was touched"))
    with pytest.raises(WeightsError, match="`offline=True`"):
        fetch(source, tmp_path / "new", offline=True, monitor=silent)
    assert not (tmp_path / "new").exists()


def test_offline_asks_no_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="`offline=True`"):
        fetch(server.address, tmp_path, offline=True, monitor=silent)
    assert server.ranges == []


def test_a_file_on_this_machine_is_used_where_it_is_and_never_discarded(tmp_path: Path) -> None:
    file = tmp_path / "a b.pt"
    file.write_bytes(b"x")
    for source in (str(file), file.as_uri()):
        assert fetch(source, tmp_path / "downloads", offline=True, monitor=silent) == file
    discard(file, tmp_path / "downloads")
    assert file.exists()


def test_a_fetched_file_is_discarded_after_its_import(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"x")
    discard(tmp_path / "x.pt", tmp_path)
    assert not (tmp_path / "x.pt").exists()


def test_what_is_neither_file_nor_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file, and not an address"):
        fetch("nonsense", tmp_path, offline=False, monitor=silent)
    with pytest.raises(WeightsError, match="names no file"):
        fetch("hf:owner/repo", tmp_path, offline=False, monitor=silent)


def test_a_hub_is_asked_through_its_own_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def hf_hub_download(repository: str, file: str, *, local_dir: str) -> str:
        asked.append((repository, file))
        return f"{local_dir}/{file}"

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=hf_hub_download))
    assert fetch("hf:o/r/deep/f.pt", tmp_path, offline=False, monitor=silent) == tmp_path / "deep" / "f.pt"
    assert asked == [("o/r", "deep/f.pt")]


@pytest.mark.parametrize(
    "source", ["gdrive:ID_1-x", "https://drive.google.com/file/d/ID_1-x/view", "https://drive.google.com/uc?id=ID_1-x"]
)
def test_a_drive_link_is_fetched_by_its_id_and_a_refusal_is_told(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(*, id: str, output: str, resume: bool) -> str | None:
        assert resume
        asked.append(id)
        return f"{output}f.pt" if len(asked) == 1 else None

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=download))
    assert fetch(source, tmp_path, offline=False, monitor=silent) == tmp_path / "f.pt"
    with pytest.raises(WeightsError, match="quota"):
        fetch(source, tmp_path, offline=False, monitor=silent)
    assert asked == ["ID_1-x", "ID_1-x"]


def test_what_a_hub_refuses_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise RuntimeError("401 Client Error.\nAccess to model o/r is restricted")

    for name, method in (("huggingface_hub", "hf_hub_download"), ("gdown", "download")):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**{method: refuse}))
    for source in ("hf:o/r/f.pt", "gdrive:abc"):
        with pytest.raises(WeightsError, match=r"could not be downloaded \(401 Client Error\): check") as caught:
            fetch(source, tmp_path, offline=False, monitor=silent)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("offline", [True, False])
def test_the_weights_without_an_address_say_how_to_get_them(offline: bool, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no known address: .* amb3r weights import FILE"):
        fetch("amb3r", tmp_path, offline=offline, monitor=silent)


def test_a_missing_client_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DependencyError, match=r"amb3r\[fetch\]"):
        fetch("hf:o/r/f.pt", tmp_path, offline=False, monitor=silent)
