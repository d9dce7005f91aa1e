"""Models from web addresses: what comes, what goes on, and what archives may not do."""

import errno
import hashlib
import io
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.errors import BadInput, HubFailed, NotFound, StorageFailed
from earwitness.models import bundle, directory, fetch, manifest, unpack
from earwitness.models.convert import convert
from support import hub as double
from support import whisper
from support.hub import Hub

GGML = "ggml-micro-q5_0.bin"


@pytest.fixture(scope="module")
def ggml(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    made = tmp_path_factory.mktemp("made")
    return convert(whisper.MODEL, made, model="whisper-micro", form="ggml", precision="q5_0").path.read_bytes()


@pytest.fixture
def served(ggml: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(fetch, "PAUSE_S", 0.0)
    with double.running(whisper.MODEL) as found:
        found.files[GGML] = ggml
        yield found


def _at(served: Hub, name: str = GGML) -> str:
    return f"{served.address}/{served.repo}/resolve/main/{name}"


def _left(root: Path) -> list[str]:
    """What is in the directory beside models, locks and the store."""
    found = (p.relative_to(root) for p in root.rglob("*") if p.is_file() and p.suffix != ".lock")
    return sorted(p.as_posix() for p in found if p.parts[0] not in {"blobs", "base", "ggml", "ctranslate2"})


def test_a_ggml_file_comes_and_knows_where_from(served: Hub, tmp_path: Path) -> None:
    url = _at(served).replace("http://", "http://me:secret@") + "?token=secret"
    moved: list[tuple[int, int]] = []
    (found,) = fetch.pull(url, tmp_path, told=lambda done, total: moved.append((done, total)))
    assert found.name == "whisper-micro/ggml-q5_0"
    kept = manifest.read(found)
    assert kept is not None
    assert served.logins == {"Basic bWU6c2VjcmV0"}
    assert (kept.origin.how, kept.origin.source) == ("pull", _at(served))
    assert moved[-1] == (len(served.files[GGML]), len(served.files[GGML]))
    assert _left(tmp_path) == []
    assert fetch.pull(url, tmp_path) == (found,)
    assert served.sent[GGML] == len(served.files[GGML])


def test_what_broke_off_goes_on_where_it_was(served: Hub, tmp_path: Path) -> None:
    served.break_at = 2_500_000
    fetch.pull(_at(served), tmp_path)
    assert served.sent[GGML] == len(served.files[GGML])


def test_what_broke_off_for_good_goes_on_another_time(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TRIES", 1)
    served.break_at = 2_500_000
    with pytest.raises(HubFailed, match="broke off after 2500000 of") as failure:
        fetch.pull(_at(served), tmp_path)
    assert failure.value.retry
    assert directory.scan(tmp_path) == ()
    fetch.pull(_at(served), tmp_path)
    assert served.sent[GGML] == len(served.files[GGML])


def test_a_file_that_changed_meanwhile_is_begun_anew(
    served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TRIES", 1)
    served.break_at = 2_500_000
    with pytest.raises(HubFailed):
        fetch.pull(_at(served), tmp_path)
    raw = bytearray(served.files[GGML])
    raw[-1] ^= 1
    served.files[GGML] = bytes(raw)
    (found,) = fetch.pull(_at(served), tmp_path)
    assert found.path.read_bytes() == raw


def test_a_checksum_that_is_told_is_compared(served: Hub, tmp_path: Path) -> None:
    with pytest.raises(HubFailed, match="came with the checksum"):
        fetch.pull(_at(served), tmp_path, sha256="0" * 64)
    assert _left(tmp_path) == []
    fetch.pull(_at(served), tmp_path, sha256=hashlib.sha256(served.files[GGML]).hexdigest().upper())
    assert len(directory.scan(tmp_path)) == 1


def test_what_is_no_model_is_refused_and_leaves_nothing(served: Hub, tmp_path: Path) -> None:
    served.files |= {"page.bin": b"<html>not found</html>", GGML: served.files[GGML][:1_000_000]}
    for name in ("page.bin", GGML):
        with pytest.raises(BadInput):
            fetch.pull(_at(served, name), tmp_path)
    assert _left(tmp_path) == []
    assert directory.scan(tmp_path) == ()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y.bin", "https://", "http:///x.bin", "data://x/y"])
def test_only_web_addresses_are_followed(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput):
        fetch.pull(url, tmp_path)


@pytest.mark.parametrize("url", ["https://one.example/", "https://one.example/..", "https://one.example/%2e%2e"])
def test_an_address_without_a_file_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput, match="names no file"):
        fetch.pull(url, tmp_path)


def test_an_address_that_leads_on_is_followed_within_the_web(served: Hub, tmp_path: Path) -> None:
    served.leads = "file:///etc/passwd"
    with pytest.raises(HubFailed):
        fetch.pull(_at(served), tmp_path)
    served.leads = _at(served)
    assert len(fetch.pull(_at(served), tmp_path)) == 1


def test_https_never_leads_to_http() -> None:
    careful = fetch._Careful()
    request = fetch.urllib.request.Request("https://one.example/x")  # type: ignore[attr-defined]
    with pytest.raises(HubFailed, match="not followed"):
        careful.redirect_request(request, None, 302, "", {}, "http://one.example/x")


@pytest.mark.parametrize(("host", "goes_along"), [("one", True), ("two", False)])
def test_a_login_stays_with_its_host(host: str, goes_along: bool) -> None:
    headers = {"Authorization": "Basic x"}
    request = fetch.urllib.request.Request("https://one.example/x", headers=headers)  # type: ignore[attr-defined]
    made = fetch._Careful().redirect_request(request, None, 302, "", {}, f"https://{host}.example/y")
    assert made.has_header("Authorization") == goes_along


def test_nothing_there_and_nobody_there_are_told(served: Hub, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        fetch.pull(_at(served, "absent.bin"), tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(HubFailed, match="can't be reached"):
            fetch.pull(f"http://127.0.0.1:{closed.getsockname()[1]}/x.bin", tmp_path)


def test_too_little_room_is_told_before_it_comes(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))  # type: ignore[attr-defined]
    with pytest.raises(StorageFailed, match="MB are free"):
        fetch.pull(_at(served), tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(fetch, "LARGEST", 1000)
    with pytest.raises(BadInput, match="no model is larger"):
        fetch.pull(_at(served), tmp_path)
    assert directory.scan(tmp_path) == ()


def test_a_disk_that_fills_up_is_told(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "_go_on", full)
    with pytest.raises(StorageFailed, match="No space"):
        fetch.pull(_at(served), tmp_path)


# ── archives ──
def _tar(target: Path, members: dict[str, bytes], *odd: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(target, mode) as tar:  # type: ignore[call-overload]
        for name, raw in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
        for info in odd:
            tar.addfile(info)
    return target


def _zip(target: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, raw in members.items():
            packed.writestr(name, raw)
    return target


def _checkpoint(folder: str = "") -> dict[str, bytes]:
    return {f"{folder}{p.name}": p.read_bytes() for p in whisper.MODEL.iterdir()}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
@pytest.mark.parametrize("folder", ["", "whisper-inner/"])
def test_a_model_comes_out_of_an_archive(tmp_path: Path, kind: str, folder: str) -> None:
    members = _checkpoint(folder) | {f"{folder}modeling.py": b"import os", f"{folder}.hidden": b"x"}
    path = tmp_path / f"whisper-outer.{kind}"
    made = _zip(path, members) if kind == "zip" else _tar(path, members, mode="w:gz" if kind == "tar.gz" else "w")
    found = unpack.brought(made, tmp_path / "models", name=None)
    assert found.name == ("whisper-inner/base" if folder else "whisper-outer/base")
    assert sorted(directory.contents(found.path)) == sorted(p.name for p in whisper.MODEL.iterdir())
    assert _left(tmp_path / "models") == []


def test_an_archive_and_a_bundle_come_from_an_address(served: Hub, tmp_path: Path, ggml: bytes) -> None:
    served.files["packed.zip"] = _zip(tmp_path / "x.zip", {"a/" + GGML: ggml}).read_bytes()
    (found,) = fetch.pull(_at(served, "packed.zip"), tmp_path / "models")
    assert found.name == "whisper-micro/ggml-q5_0"
    bundle.export([found], tmp_path / "b.tar")
    served.files["b.tar"] = (tmp_path / "b.tar").read_bytes()
    assert [s.name for s in fetch.pull(_at(served, "b.tar"), tmp_path / "other")] == [found.name]


def _odd(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "odd",
    [
        _odd("tokenizer.json", tarfile.SYMTYPE, "/etc/passwd"),
        _odd("tokenizer.json", tarfile.LNKTYPE, "../../x"),
        _odd("null.json", tarfile.CHRTYPE),
        _odd("pipe.json", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, odd: tarfile.TarInfo) -> None:
    made = _tar(tmp_path / "x.tar.gz", {"config.json": b"{}"}, odd)
    with pytest.raises(BadInput, match="no plain file"):
        unpack.brought(made, tmp_path / "models", name="x")
    assert _left(tmp_path / "models") == []


@pytest.mark.parametrize(
    "name", ["../config.json", "/config.json", "a/../../config.json", "C:/config.json", "..\\x.json"]
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_that_would_lead_elsewhere_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    make = _zip if kind == "zip" else _tar
    with pytest.raises(BadInput, match="lead elsewhere"):
        unpack.brought(make(tmp_path / f"x.{kind}", {name: b"{}"}), tmp_path / "models", name="x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["models", f"x.{kind}"]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "SPARE", 1 << 20)
    make = _zip if kind == "zip" else _tar
    made = make(tmp_path / f"x.{kind}", {"model.safetensors": bytes(40 << 20), "config.json": b"{}"})
    assert made.stat().st_size < 200_000
    with pytest.raises(BadInput, match="unpacks to more"):
        unpack.brought(made, tmp_path / "models", name="x")
    assert _left(tmp_path / "models") == []


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    for make, kind in ((_tar, "tar.gz"), (_zip, "zip")):
        whole = make(tmp_path / f"x.{kind}", _checkpoint())
        short = tmp_path / f"short.{kind}"
        raw = whole.read_bytes()
        short.write_bytes(raw[: len(raw) // 2] if kind != "zip" else raw[: len(raw) // 2] + raw[len(raw) // 2 + 1000 :])
        with pytest.raises(BadInput):
            unpack.brought(short, tmp_path / "models", name="x")
    assert _left(tmp_path / "models") == []


def test_an_archive_with_no_model_or_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model"):
        unpack.brought(_zip(tmp_path / "x.zip", {"notes.txt": b"x"}), tmp_path / "models", name="x")
    two = _zip(tmp_path / "y.zip", {"a/config.json": b"{}", "b/config.json": b"{}"})
    with pytest.raises(BadInput, match="several models"):
        unpack.brought(two, tmp_path / "models", name="x")
    assert _left(tmp_path / "models") == []
