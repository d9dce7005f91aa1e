"""Fetches one file from a web address, resuming what broke off.

What is half there stays in a hidden folder of the model directory, with the server's mark of it (its ETag), so that a
file that changed meanwhile is begun anew. Only http and https are spoken, also where an address leads on.
"""

import base64
import hashlib
import http.client
import json
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from typing_extensions import override

from earwitness.__about__ import __version__
from earwitness.errors import BadInput, EarwitnessError, HubFailed, Missing, NotFound, StorageFailed
from earwitness.files import digest
from earwitness.models import blobs, bring, bundle, directory, manifest, unpack
from earwitness.models.directory import Stored
from earwitness.models.manifest import Origin

LARGEST = 64 << 30
"""Bytes of a file; no model is larger."""

TRIES, PAUSE_S, TIMEOUT_S = 5, 1.0, 30.0
SCHEMES = ("http", "https")

Told = Callable[[int, int], None]
"""Is told how many bytes of how many are here; 0 of those where the server does not say."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the server said of the file that is half there: its ETag or date, and its size; 0 where it did not say."""

    mark: str = ""
    size: int = 0


def public(url: str) -> str:
    """An address without user, password and query, which may be secret."""
    told = urlsplit(url)
    return f"{told.scheme}://{told.hostname or ''}{f':{told.port}' if told.port else ''}{told.path}"


def name_of(url: str) -> str:
    """The file's name in an address. Raises BadInput where there is none."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        raise BadInput(f"{public(url)} names no file", remedy="Give the address of a GGML file or an archive.")
    return name


def pull(
    url: str,
    root: Path,
    *,
    model: str | None = None,
    precision: str = "",
    sha256: str = "",
    replace: bool = False,
    told: Told | None = None,
) -> tuple[Stored, ...]:
    """Fetch a GGML file, an archive of a model's folder, or a bundle into the model directory.

    What came from there before is left alone unless `replace` is set. Raises what `fetch`, `unpack.unpack`,
    `bundle.bring` and `bring.copied` raise, and Missing without filelock.
    """
    try:
        from filelock import FileLock
    except ImportError as error:
        raise Missing("filelock is not installed: pip install 'earwitness[whisper]'") from error
    folder = _folder(root, url)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()  # whoever comes second finds it done
    except OSError as error:
        raise StorageFailed(f"{root} can't be written to: {error.strerror or error}") from error
    try:
        if not replace and (here := _here(root, public(url), model)):
            return here
        file = fetch(url, root, sha256=sha256, told=told)
        found = _brought(file, root, Origin("pull", public(url)), model=model, precision=precision, replace=replace)
        shutil.rmtree(folder, ignore_errors=True)
    except BadInput:
        shutil.rmtree(folder, ignore_errors=True)  # it came whole and will not do: nothing to go on with
        raise
    finally:
        lock.release()
    return found


def _here(root: Path, source: str, model: str | None) -> tuple[Stored, ...]:
    kept = {s: manifest.read(s) for s in directory.scan(root) if model in (None, s.model)}
    return tuple(s for s, m in kept.items() if m and (m.origin.how, m.origin.source) == ("pull", source))


def _brought(
    file: Path, root: Path, origin: Origin, *, model: str | None, precision: str, replace: bool
) -> tuple[Stored, ...]:
    """What was fetched, in its place."""
    if bundle.holds(file):
        return tuple(s for found in bundle.bring(file, root, replace=replace) for s in found)
    brought = unpack.brought if unpack.is_archive(file) else bring.copied
    return (brought(file, root, name=model, precision=precision, replace=replace, origin=origin),)


def fetch(url: str, root: Path, *, sha256: str = "", told: Told | None = None) -> Path:
    """The file at an address, whole, in a hidden folder of the model directory; the caller moves or removes it.

    Raises BadInput for an address that is none or a file beyond `LARGEST`, NotFound, HubFailed where it can't be
    reached or its checksum is another, StorageFailed where the disk is full.
    """
    if urlsplit(url).scheme not in SCHEMES or not urlsplit(url).hostname:
        raise BadInput(f"{url[:80]!r} is no web address", remedy="Addresses begin with https:// or http://.")
    folder = _folder(root, url)
    target = folder / name_of(url)
    resumed(url, target, told=told)
    found = digest(target)
    if sha256 and found != sha256.strip().lower():
        shutil.rmtree(folder, ignore_errors=True)
        raise HubFailed(f"{target.name} came with the checksum {found}", remedy="Check --sha256, or fetch it again.")
    return target


def resumed(url: str, target: Path, *, headers: Mapping[str, str] | None = None, told: Told | None = None) -> None:
    """Have a file whole at its place, where what came of it before is gone on with. Raises what `fetch` does."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(TRIES)):
            had = target.stat().st_size if target.exists() else 0
            try:
                _go_on(url, target, headers or {}, told)
                break
            except (HubFailed, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
                moved = target.exists() and target.stat().st_size > had
                if not left or not moved:
                    raise _unreached(url, error) from error
                time.sleep(PAUSE_S)
    except OSError as error:
        if isinstance(error, EarwitnessError):
            raise
        raise StorageFailed(f"{target.name} can't be kept: {error.strerror or error}") from error


def mark_of(target: Path) -> Path:
    """Where it stands what the server said of a file that is half there."""
    return target.with_name(f".{target.name}.mark")


def _folder(root: Path, url: str) -> Path:
    return root / f".fetch-{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def _go_on(url: str, target: Path, more: Mapping[str, str], told: Told | None) -> None:
    """Fetch what is missing of a file. Raises HubFailed where it breaks off."""
    noted = mark_of(target)
    had, before = (target.stat().st_size if target.exists() else 0), _noted(noted)
    headers = {"User-Agent": f"earwitness/{__version__}", "Accept-Encoding": "identity", **more}
    if had and before.mark:
        if had == before.size:
            return
        headers |= {"Range": f"bytes={had}-", "If-Range": before.mark}
    with _opened(url, headers) as answer:
        goes_on = answer.status == http.HTTPStatus.PARTIAL_CONTENT and _start(answer.headers) == had
        done = had if goes_on else 0
        size = done + int(answer.headers.get("Content-Length") or 0)
        _room(target, size, done)
        mark = str(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        noted.write_text(json.dumps(asdict(Mark("" if mark.startswith("W/") else mark, size))), "utf-8")
        with target.open("ab" if goes_on else "wb") as file:
            while chunk := answer.read(blobs.CHUNK):
                file.write(chunk)
                done += len(chunk)
                if done > LARGEST:
                    raise BadInput(f"{target.name} is larger than any model")
                if told:
                    told(done, size)
    if size > done:
        raise HubFailed(f"{public(url)} broke off after {done} of {size} bytes")


def _opened(url: str, headers: Mapping[str, str]) -> Any:
    """The answer to a request. Raises NotFound, HubFailed."""
    told, plain = urlsplit(url), dict(headers)
    if told.username:
        login = f"{unquote(told.username)}:{unquote(told.password or '')}"
        plain["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        url = urlunsplit(told._replace(netloc=told.netloc.rpartition("@")[2]))
    request = urllib.request.Request(url, headers=plain)  # noqa: S310 - the scheme was looked at
    try:
        return urllib.request.build_opener(_Careful).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in {404, 410}:
            raise NotFound(f"there is nothing at {public(url)}", remedy="Check the address.") from error
        raise HubFailed(f"{public(url)} answers {error.code} {error.reason}", remedy="Check the address.") from error
    except urllib.error.URLError as error:
        raise HubFailed(f"{public(url)} can't be reached: {error.reason}") from error


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follows to other web addresses only, never from https to http, and takes no login to another host."""

    @override
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in SCHEMES or (old == "https" and new != "https"):
            raise HubFailed(
                f"{public(req.full_url)} leads to {public(newurl)}, which is not followed", remedy="Check it."
            )
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            made.remove_header("Authorization")
        return made


def _start(headers: Any) -> int:
    told = str(headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return int(told) if told.isdigit() else -1


def _noted(path: Path) -> Mark:
    try:
        return Mark(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Mark()


def _room(target: Path, size: int, done: int) -> None:
    """Refuse what is too large for the limit or the disk, before it comes."""
    if size > LARGEST:
        raise BadInput(f"{target.name} has {size / 1e9:.0f} GB, and no model is larger than {LARGEST / 1e9:.0f} GB")
    if (free := shutil.disk_usage(target.parent).free) < size - done:
        raise StorageFailed(f"{target.name} needs {(size - done) / 1e6:.0f} MB and {free / 1e6:.0f} MB are free")


def _unreached(url: str, error: Exception) -> HubFailed:
    if isinstance(error, HubFailed):
        return error
    return HubFailed(f"{public(url)} broke off: {str(error) or type(error).__name__}")
