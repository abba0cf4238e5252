"""Bringing a checkpoint here: from a hub, a shared drive, a mirror or a folder, going on where a broken download stopped."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.parse import ParseResult, unquote, urlparse

from amb3r_core.errors import WeightsError
from amb3r_core.models.amb3r.weights import HOW_TO_GET
from amb3r_core.models.amb3r.weights_files import file_digest
from amb3r_core.optional import require
from amb3r_core.progress import Monitor, Progress

SHORT_NAMES = {
    "vggt-1b": "hf:facebook/VGGT-1B/model.safetensors",
    "vggt-1b-commercial": "hf:facebook/VGGT-1B-Commercial/vggt_1B_commercial.pt",
}
"""Where names lead, as far as is known: no download from there was tried."""
KNOWN_SHA256: Mapping[str, str] = {}
"""What published files have, by the address that SHORT_NAMES leads to; none was at hand to compute it from."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60
TRIES = 5
HTTP_PARTIAL, HTTP_RANGE_ERROR = 206, 416


def fetch(source: str, folder: Path, *, offline: bool, monitor: Monitor, expected_sha256: str | None = None) -> Path:
    """The path of the checkpoint, after bringing it into `folder` if it is not on this machine.

    source: a name in SHORT_NAMES, a file, an https address (http on this machine alone), "hf:OWNER/REPO/FILE", "gdrive:ID" or a
    Google Drive link. With `offline` only a local file will do. A download that breaks is taken up again where it stopped, now or
    at the next call. expected_sha256: what the file must have, that in KNOWN_SHA256 when not given; a download with another one
    is deleted. Raises `WeightsError`, or `DependencyError` naming the extra that a hub needs.
    """
    source = SHORT_NAMES.get(source.lower(), source)
    path = _brought(source, folder, offline=offline, monitor=monitor)
    wanted = (expected_sha256 or KNOWN_SHA256.get(source, "")).lower()
    if wanted and (found := file_digest(path, monitor)) != wanted:
        discard(path, folder)
        raise WeightsError(f"{source} has the SHA-256 {found}, but {wanted} was expected: it is not the file that was meant")
    return path


def _brought(source: str, folder: Path, *, offline: bool, monitor: Monitor) -> Path:
    if (local := _local_file(source)) is not None:
        return local
    if source.lower() == "amb3r":
        raise WeightsError(f"amb3r has no known address: {HOW_TO_GET['amb3r']}")
    if offline:
        raise WeightsError(
            f"`offline=True`: {source} is not a file on this machine, and the network is left alone", option="offline"
        )
    if _is_address(source):
        _check_secure(source)
    folder.mkdir(parents=True, exist_ok=True)
    if source.startswith("hf:"):
        return _fetch_from_hub(source.removeprefix("hf:"), folder, monitor)
    if drive_id := _drive_id(source):
        return _fetch_from_drive(drive_id, folder, monitor)
    if _is_address(source):
        return _fetch_url(source, folder, monitor)
    raise WeightsError(
        f"{source}: no such file, and not an address; give a file, an https address, hf:OWNER/REPO/FILE, gdrive:ID "
        f"or one of {', '.join(SHORT_NAMES)}"
    )


def _is_address(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _check_secure(address: str) -> None:
    """`WeightsError` for an address that anybody on the way could answer; on this machine there is nobody on the way."""
    parts = _parsed(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise WeightsError(f"{address}: plain http lets anybody on the way swap the file; give an https address")


def _parsed(address: str) -> ParseResult:
    try:
        parts = urlparse(address)
        _ = parts.port  # looked at only now
    except ValueError as error:
        raise WeightsError(f"{address} is no address: {error}") from error
    return parts


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but none that leads from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _check_secure(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _local_file(source: str) -> Path | None:
    if _is_address(source):
        return None
    address = _parsed(source)
    path = Path(unquote(address.path)) if address.scheme == "file" else Path(source).expanduser()
    return path if path.is_file() else None


def _drive_id(source: str) -> str | None:
    if source.startswith("gdrive:"):
        return source.removeprefix("gdrive:")
    if _parsed(source).hostname in ("drive.google.com", "drive.usercontent.google.com"):
        found = re.search(r"/d/([\w-]+)|[?&]id=([\w-]+)", source)
        return (found[1] or found[2]) if found else None
    return None


def _fetch_from_hub(address: str, folder: Path, monitor: Monitor) -> Path:
    owner, _, rest = address.partition("/")
    repository, _, file = rest.partition("/")
    if not file:
        raise WeightsError(f"hf:{address} names no file: hf:OWNER/REPO/FILE is needed")
    hub = require("huggingface_hub", extra="fetch", purpose="downloads from Hugging Face")
    monitor(Progress(stage="download", message=f"{owner}/{repository}/{file}"))
    with _telling(f"hf:{address}", "check the name, your connection, and that you accepted the weights' terms and logged in"):
        # The hub's client resumes by itself and draws its own bar.
        return Path(hub.hf_hub_download(f"{owner}/{repository}", file, local_dir=str(folder)))


def _fetch_from_drive(drive_id: str, folder: Path, monitor: Monitor) -> Path:
    drive = require("gdown", extra="fetch", purpose="downloads from Google Drive")
    monitor(Progress(stage="download", message=f"Google Drive {drive_id}"))
    with _telling(f"gdrive:{drive_id}", "check your connection, that the link is shared, and its quota"):
        # A trailing separator makes gdown keep the file's own name; it resumes by itself and draws its own bar.
        path = cast(str | None, drive.download(id=drive_id, output=f"{folder}/", resume=True))
        if path is None:  # older versions say why on the screen only
            raise FileNotFoundError("Google Drive gave no file")
        return Path(path)


@contextmanager
def _telling(source: str, advice: str) -> Generator[None]:
    """Turns whatever a hub's client raises, which changes with its version, into one line for the user."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
        raise WeightsError(f"{source} could not be downloaded ({reason}): {advice}") from error


def _fetch_url(address: str, folder: Path, monitor: Monitor) -> Path:
    target = folder / (Path(unquote(urlparse(address).path)).name or "weights")
    download = _Download(address=address, target=target)
    for attempt in range(TRIES):
        before = download.n_bytes
        try:
            download.run(monitor)
        except urllib.error.HTTPError as error:
            raise WeightsError(f"{address}: the server says {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            if attempt == TRIES - 1 or download.n_bytes == before:
                stopped = f"{address}: the connection failed ({error}) after {download.n_bytes} bytes"
                raise WeightsError(f"{stopped}; the same command goes on from there") from error
        else:
            return target
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Download:
    """One file on its way: TARGET.partial holds what came, TARGET.partial.json which version of the file it is of."""

    address: str
    target: Path

    @property
    def partial(self) -> Path:
        return self.target.with_name(self.target.name + ".partial")

    @property
    def stamp(self) -> Path:
        return self.target.with_name(self.target.name + ".partial.json")

    @property
    def n_bytes(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def run(self, monitor: Monitor) -> None:
        """Brings the rest of the file; `OSError` when the connection ends early."""
        request = urllib.request.Request(self.address)
        if self.n_bytes and (version := self._version()):
            request.add_header("Range", f"bytes={self.n_bytes}-")
            # The server sends the whole file if it has another one by now.
            request.add_header("If-Range", version)
        try:
            opener = urllib.request.build_opener(_SecureRedirects)
            with opener.open(request, timeout=TIMEOUT_S) as response:
                self._receive(response, monitor)
        except urllib.error.HTTPError as error:
            if error.code != HTTP_RANGE_ERROR or error.headers.get("Content-Range") != f"bytes */{self.n_bytes}":
                raise
        self.stamp.unlink(missing_ok=True)
        self.partial.replace(self.target)

    def _receive(self, response: HTTPResponse, monitor: Monitor) -> None:
        done = self.n_bytes if response.status == HTTP_PARTIAL else 0
        total = done + int(response.headers.get("Content-Length", 0))
        if not done:
            self._remember(response)
        with self.partial.open("ab" if done else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                monitor(Progress(stage="download", done=done, total=max(total, done), message=self.target.name))
        if done < total:
            raise ConnectionError(f"{total - done} bytes are missing")

    def _remember(self, response: HTTPResponse) -> None:
        """Keeps the version the server names; without one a broken download has to start over."""
        etag = response.headers.get("ETag")
        is_strong = etag is not None and not etag.startswith("W/")
        version = etag if is_strong else response.headers.get("Last-Modified")
        self.stamp.write_text(json.dumps({"address": self.address, "version": version}), encoding="utf-8")

    def _version(self) -> str | None:
        """The version that the part is of; None when the record of it is missing or broken, and the download starts anew."""
        try:
            stamp: object = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        fields = cast(dict[str, object], stamp) if isinstance(stamp, dict) else {}
        version = fields.get("version")
        is_ours = (
            fields.get("address") == self.address and isinstance(version, str) and version.isascii() and version.isprintable()
        )
        return version if is_ours and isinstance(version, str) else None


def discard(path: Path, folder: Path) -> None:
    """Deletes a file that was fetched into `folder`; a file that was on this machine before is left alone."""
    if path.is_relative_to(folder):
        path.unlink(missing_ok=True)
