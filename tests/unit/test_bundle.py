"""Bundles: what goes out comes in, and what was cut or altered on the way does not."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from earwitness import files
from earwitness.errors import BadInput, StorageFailed, UnknownModel
from earwitness.models import bring, bundle, directory, manifest
from earwitness.models.convert import convert
from earwitness.models.directory import Stored
from support import whisper

Json = dict[str, object]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with three models that share files; not to be changed."""
    made = tmp_path_factory.mktemp("models")
    source = bring.copied(whisper.MODEL, made, name="whisper-micro").path
    convert(source, made, model="whisper-micro", form="ctranslate2", precision="int8")
    convert(source, made, model="whisper-micro", form="ggml", precision="q5_0")
    return made


@pytest.fixture(scope="module")
def packed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of all of it."""
    made = tmp_path_factory.mktemp("stick") / "models.tar"
    bundle.export(directory.scan(root), made)
    return made


def _all(root: Path) -> dict[str, bytes]:
    """Everything that models consist of, manifests included."""
    found = {}
    for stored in directory.scan(root):
        for path in (*directory.contents(stored.path).values(), directory.beside(stored.path, manifest.KEY)):
            found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def _left(root: Path) -> list[Path]:
    """What lies in the directory beside whole models, folders aside."""
    return [p for p in root.rglob("*") if p.is_file() and p.relative_to(root).as_posix() not in _all(root)]


def test_what_goes_out_comes_in(root: Path, packed: Path, tmp_path: Path) -> None:
    moved: list[tuple[int, int]] = []
    came, here = bundle.bring(packed, tmp_path, told=lambda done, total: moved.append((done, total)))
    assert [s.name for s in came] == [s.name for s in directory.scan(root)]
    assert here == ()
    assert _all(tmp_path) == _all(root)
    assert moved[-1][0] == moved[-1][1]
    assert all("blobs" in p.parts for p in _left(tmp_path))


def test_each_content_is_there_once_and_the_manifest_first(root: Path, packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as tar:
        names = tar.getnames()
    assert names[0] == "bundle.json"
    assert len(set(names)) == len(names)
    assert sum(len(m.files) for s in directory.scan(root) if (m := manifest.read(s))) > len(names) - 1
    again = tmp_path / "again.tar"
    bundle.export(directory.scan(root), again)
    assert again.read_bytes() == packed.read_bytes()


def test_what_is_here_is_not_taken_again(packed: Path, tmp_path: Path) -> None:
    bundle.bring(packed, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    came, here = bundle.bring(packed, tmp_path)
    assert (len(came), len(here)) == (0, 3)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p in before and p != tmp_path} == {
        p: t for p, t in before.items() if p != tmp_path
    }


def test_a_model_of_that_name_with_other_files_is_not_overwritten_unless_told(packed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    for path in whisper.MODEL.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "notes.txt").write_text("another")
    root = tmp_path / "models"
    bring.copied(folder, root, name="whisper-micro")
    with pytest.raises(BadInput, match="whisper-micro/base is there with other files"):
        bundle.bring(packed, root)
    assert len(directory.scan(root)) == 1
    bundle.bring(packed, root, replace=True)
    assert not (root / "base" / "whisper-micro" / "notes.txt").exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99])
def test_a_bundle_cut_short_is_refused_and_leaves_whole_models_alone(
    root: Path, packed: Path, tmp_path: Path, share: float
) -> None:
    whole = packed.read_bytes()
    short = tmp_path / "short.tar"
    short.write_bytes(whole[: int(len(whole) * share)])
    models = tmp_path / "models"
    with pytest.raises(BadInput):
        bundle.bring(short, models)
    assert _all(models).items() <= _all(root).items()
    assert all("blobs" in p.parts for p in _left(models))
    assert not list(models.glob(".bundle*"))
    came, here = bundle.bring(packed, models)
    assert len(came) + len(here) == 3


def _altered(packed: Path, target: Path, change: Callable[[Json], object], **extra: bytes) -> Path:
    """The bundle with another `bundle.json` and some more members at its end."""
    with tarfile.open(packed) as tar, tarfile.open(target, "w") as made:
        for member in tar:
            file = tar.extractfile(member)
            raw = file.read() if file else b""
            if member.name == "bundle.json":
                told = json.loads(raw)
                change(told)
                raw = json.dumps(told).encode()
                member.size = len(raw)
            made.addfile(member, io.BytesIO(raw))
        for name, raw in extra.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            made.addfile(member, io.BytesIO(raw))
    return target


def _first(told: Json) -> dict[str, object]:
    models = told["models"]
    assert isinstance(models, list)
    found: dict[str, object] = models[0]
    return found


def _rename(name: str) -> Callable[[Json], object]:
    """The first model's first file under another name."""

    def change(told: Json) -> None:
        files = _first(told)["files"]
        assert isinstance(files, dict)
        files[name] = files.pop(next(iter(files)))

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(format="earwitness.bundle/9"),
        lambda told: told.pop("models"),
        lambda told: _first(told).update(model="../../up"),
        lambda told: _first(told).update(format="exe"),
        lambda told: _first(told).update(format="ctranslate2", precision="../x"),
        lambda told: _first(told).update(files={}),
        lambda told: _first(told).update(files={"config.json": {"sha256": "../../etc/passwd", "size": 1}}),
        lambda told: _first(told).update(files={"config.json": {"sha256": "0" * 64, "size": 10}}),
        _rename("../up.json"),
        _rename("/etc/up.json"),
        _rename("inner/up.json"),
        _rename("..\\up.json"),
        _rename("modeling.py"),
        _rename("pytorch_model.bin"),
        _rename(".hidden.json"),
    ],
)
def test_a_bundle_that_asks_for_what_it_should_not_is_refused(
    packed: Path, tmp_path: Path, change: Callable[[Json], object]
) -> None:
    models = tmp_path / "models"
    with pytest.raises(BadInput):
        bundle.bring(_altered(packed, tmp_path / "altered.tar", change), models)
    assert {s.format for s in directory.scan(models)} <= {"ctranslate2", "ggml"}
    assert sorted(p.name for p in tmp_path.iterdir() if p != models) == ["altered.tar"]


def test_a_bundle_with_a_changed_byte_is_refused(packed: Path, tmp_path: Path) -> None:
    raw = bytearray(packed.read_bytes())
    raw[len(raw) // 2] ^= 1
    altered = tmp_path / "altered.tar"
    altered.write_bytes(raw)
    with pytest.raises(BadInput, match="checksum"):
        bundle.bring(altered, tmp_path / "models")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(packed: Path, tmp_path: Path, kind: bytes) -> None:
    altered = tmp_path / "altered.tar"
    with tarfile.open(packed) as tar, tarfile.open(altered, "w") as made:
        made.addfile(tar.getmember("bundle.json"), tar.extractfile("bundle.json"))
        member = tarfile.TarInfo("blobs/" + "0" * 64)
        member.type, member.linkname = kind, "/etc/passwd"
        made.addfile(member)
    with pytest.raises(BadInput, match="does not belong"):
        bundle.bring(altered, tmp_path / "models")


def test_what_has_the_right_checksum_and_is_no_model_is_refused(packed: Path, tmp_path: Path) -> None:
    wrong = b'{"auto_map": {"AutoModel": "modeling.Mine"}}'
    sha256 = bundle.hashlib.sha256(wrong).hexdigest()  # type: ignore[attr-defined]
    files = {"config.json": {"sha256": sha256, "size": len(wrong)}}

    def change(told: Json) -> None:
        told["models"] = [_first(told) | {"files": files}]

    with pytest.raises(BadInput, match="code of its own"):
        bundle.bring(_altered(packed, tmp_path / "a.tar", change, **{f"blobs/{sha256}": wrong}), tmp_path / "models")
    assert directory.scan(tmp_path / "models") == ()


def test_another_tar_file_is_no_bundle(packed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as tar:
        tar.add(whisper.MODEL / "config.json", "config.json")
    assert (bundle.holds(packed), bundle.holds(other), bundle.holds(whisper.MODEL / "config.json")) == (
        True,
        False,
        False,
    )
    with pytest.raises(BadInput, match="no bundle"):
        bundle.bring(other, tmp_path / "models")


def test_too_little_room_is_told_before_anything_is_written(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))  # type: ignore[attr-defined]
    with pytest.raises(StorageFailed, match="are needed"):
        bundle.bring(packed, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_without_hard_links_models_come_as_copies(
    root: Path, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    bundle.bring(packed, tmp_path)
    assert _all(tmp_path) == _all(root)
    assert _left(tmp_path) == []


def test_a_damaged_model_does_not_go_out(tmp_path: Path) -> None:
    found = bring.copied(whisper.MODEL, tmp_path, name="x")
    path = found.path / "config.json"
    path.write_bytes(path.read_bytes().replace(b"{", b"[", 1))
    with pytest.raises(BadInput, match="damaged"):
        bundle.export([found], tmp_path / "x.tar")
    path.unlink()
    with pytest.raises(BadInput, match="not whole"):
        bundle.export([found], tmp_path / "x.tar")
    assert not list(tmp_path.glob("*x.tar*"))


def test_a_bundle_that_can_not_be_written_is_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        bundle.export(directory.scan(root)[:1], tmp_path / "nowhere" / "x.tar")


def test_a_model_without_a_manifest_goes_out_with_one(tmp_path: Path) -> None:
    found = bring.copied(whisper.MODEL, tmp_path, name="x")
    directory.beside(found.path, manifest.KEY).unlink()
    bundle.export([found], tmp_path / "x.tar")
    ((came,), _) = bundle.bring(tmp_path / "x.tar", tmp_path / "models")
    kept = manifest.read(came)
    assert kept is not None
    assert kept.files["config.json"].sha256 == files.digest(whisper.MODEL / "config.json")


def test_models_are_chosen_by_name(root: Path) -> None:
    names: Mapping[tuple[str, ...], int] = {("whisper-micro",): 3, ("whisper-micro/ggml-q5_0", "WHISPER-MICRO"): 3}
    for asked, count in names.items():
        assert len(bring.chosen(root, asked)) == count
    assert [s.name for s in bring.chosen(root, ["whisper-micro/ggml-q5_0"])] == ["whisper-micro/ggml-q5_0"]
    assert isinstance(bring.chosen(root, ["whisper-micro/base"])[0], Stored)
    assert bring.chosen(root, []) == directory.scan(root)


def test_models_on_other_machines_are_neither_verified_nor_carried(root: Path, tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "office.json").write_text('{"url": "http://127.0.0.1:1/v1", "model": "whisper-1"}')
    assert [s.format for s in directory.scan(tmp_path)] == ["remote"]
    assert bring.chosen(tmp_path, []) == ()
    with pytest.raises(UnknownModel, match="no files of 'office'"):
        bring.chosen(tmp_path, ["office"])
