"""The blob store and the manifests: one copy of what is the same, and what is known of each model."""

import errno
import os
import time
from pathlib import Path

import pytest

from earwitness import files
from earwitness.errors import BadInput
from earwitness.models import blobs, bring, directory, manifest
from earwitness.models.convert import convert
from earwitness.models.directory import Stored
from support import whisper


def _two(root: Path) -> tuple[Stored, Stored]:
    """The same checkpoint under two names."""
    return bring.copied(whisper.MODEL, root, name="one"), bring.copied(whisper.MODEL, root, name="two")


def _space(root: Path) -> int:
    """Bytes that the directory takes, each file on the disk counted once."""
    return sum({p.stat().st_ino: p.stat().st_size for p in root.rglob("*") if p.is_file()}.values())


def test_what_two_models_share_lies_there_once(tmp_path: Path) -> None:
    one, two = _two(tmp_path)
    assert (one.path / "model.safetensors").samefile(two.path / "model.safetensors")
    assert blobs.shared(one.path)
    assert _space(tmp_path) < one.size + 10_000
    assert all(p.name == files.digest(p) for p in (tmp_path / "blobs").rglob("*") if p.is_file())


def test_two_precisions_share_their_tokenizer(tmp_path: Path) -> None:
    found = [convert(whisper.MODEL, tmp_path, model="m", form="ctranslate2", precision=p) for p in ("int8", "float32")]
    assert (found[0].path / "tokenizer.json").samefile(found[1].path / "tokenizer.json")
    assert not (found[0].path / "model.bin").samefile(found[1].path / "model.bin")


def test_removing_one_leaves_the_other_and_removing_both_leaves_nothing(tmp_path: Path) -> None:
    one, two = _two(tmp_path)
    directory.remove(one)
    assert blobs.gc(tmp_path) == 0
    assert (two.path / "model.safetensors").read_bytes() == (whisper.MODEL / "model.safetensors").read_bytes()
    size = two.size
    directory.remove(two)
    assert blobs.gc(tmp_path) == size
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_file_system_without_links_keeps_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    one, two = _two(tmp_path)
    assert not blobs.shared(one.path)
    assert (one.path / "config.json").read_bytes() == (two.path / "config.json").read_bytes()
    assert [p.name for p in tmp_path.rglob("*.link")] == []
    directory.remove(one)
    assert blobs.gc(tmp_path) == 0
    assert two.path.is_dir()


def test_a_damaged_blob_does_not_spread(tmp_path: Path) -> None:
    one = bring.copied(whisper.MODEL, tmp_path, name="one")
    with (one.path / "config.json").open("ab") as file:
        file.write(b" ")
    two = bring.copied(whisper.MODEL, tmp_path, name="two")
    assert (two.path / "config.json").read_bytes() == (whisper.MODEL / "config.json").read_bytes()


def test_what_a_dead_process_left_goes_after_a_day(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / "base" / f".{name}.x1").mkdir(parents=True)
        (tmp_path / "base" / f".{name}.x1" / "half").write_bytes(b"half")
    past = time.time() - 2 * blobs.LEFT_S
    for path in (tmp_path / "base" / ".old.x1" / "half", tmp_path / "base" / ".old.x1"):
        os.utime(path, (past, past))
    blobs.gc(tmp_path)
    assert [p.name for p in (tmp_path / "base").iterdir()] == [".new.x1"]


# ── manifests ──
def test_an_imported_model_knows_its_files(tmp_path: Path) -> None:
    found = manifest.read(bring.copied(whisper.MODEL, tmp_path, name="one"))
    assert found is not None
    assert (found.model, found.origin.how, found.origin.source) == ("one", "import", str(whisper.MODEL))
    assert {name: kept.sha256 for name, kept in found.files.items()} == {
        p.name: files.digest(p) for p in whisper.MODEL.iterdir()
    }


def test_a_converted_model_knows_what_it_was_made_from_and_by_what(tmp_path: Path) -> None:
    source = tmp_path / "checkpoint"
    source.mkdir()
    for path in whisper.MODEL.iterdir():
        (source / path.name).symlink_to(path)
    (source / "README.md").write_text("---\nlanguage: en\nlicense: MIT\n---\n")
    base = bring.copied(source, tmp_path, name="one")
    for form, tool in (("ctranslate2", "ctranslate2 4"), ("ggml", "earwitness ")):
        found = manifest.read(convert(base.path, tmp_path, model="one", form=form, precision=None))
        assert found is not None
        assert (found.origin.how, found.origin.source, found.origin.licence) == ("convert", "one/base", "mit")
        assert any(t.startswith(tool) for t in found.origin.tools)


def test_a_new_ggml_file_has_a_new_manifest_and_no_old_report(tmp_path: Path) -> None:
    found = convert(whisper.MODEL, tmp_path, model="whisper-m", form="ggml", precision="q8_0")
    directory.beside(found.path, "verified").write_text("{}")
    convert(whisper.MODEL, tmp_path, model="whisper-m", form="ggml", precision="q8_0", replace=True)
    assert sorted(p.name for p in found.path.parent.iterdir()) == [
        ".ggml-m-q8_0.bin.earwitness.json",
        "ggml-m-q8_0.bin",
    ]
    directory.remove(found)
    assert not (tmp_path / "ggml").exists()


def test_a_model_put_there_by_hand_has_no_manifest_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    found = bring.copied(whisper.MODEL, tmp_path, name="one")
    path = directory.beside(found.path, manifest.KEY)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BadInput, match="one/base is damaged"):
        manifest.read(found)
    path.unlink()
    assert manifest.read(found) is None
