"""The model directory: names and places, whole or not at all, and what is brought in."""

import errno
import os
import shutil
import signal
import struct
import tempfile
from pathlib import Path

import pytest

from earwitness.errors import BadInput, EngineFailed, NotFound, StorageFailed, UnknownModel
from earwitness.models import bring, directory, verify
from earwitness.models.catalog import Catalog
from earwitness.models.convert import checkpoint, convert
from earwitness.models.directory import Stored
from support import whisper


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the small Whisper as it was trained and in three formats; not to be changed."""
    made = tmp_path_factory.mktemp("models")
    bring.copied(whisper.MODEL, made, name="whisper-micro")
    for form, precision in (("ctranslate2", "float32"), ("ctranslate2", None), ("ggml", "f16")):
        convert(made / "base" / "whisper-micro", made, model="whisper-micro", form=form, precision=precision)
    return made


# ── names and places ──
@pytest.mark.parametrize(
    ("model", "form", "precision", "expected"),
    [
        ("whisper-base", "ctranslate2", "int8", "ctranslate2/whisper-base/int8"),
        ("whisper-base.en", "ggml", "q5_0", "ggml/ggml-base.en-q5_0.bin"),
        ("whisper-large-v3-turbo", "ggml", "f16", "ggml/ggml-large-v3-turbo.bin"),
        ("distil-large-v3", "ggml", "q8_0", "ggml/distil-large-v3-q8_0.bin"),
        ("whisper-base", "base", "", "base/whisper-base"),
    ],
)
def test_every_model_has_its_place(tmp_path: Path, model: str, form: str, precision: str, expected: str) -> None:
    found = directory.place(tmp_path, model, form, precision)
    assert found == tmp_path / expected
    found.parent.mkdir(parents=True)
    if form == "ggml":
        found.touch()
    else:
        found.mkdir()
        for name in ("model.bin", "config.json"):
            (found / name).touch()
    assert directory.scan(tmp_path) == (Stored(model, form, precision, found),)


def test_what_lies_beside_ggml_files_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "ggml").mkdir()
    for name in ("ggml-base-encoder-openvino.bin", "ggml-base-encoder-openvino.xml", ".ggml-x.bin", "notes.txt"):
        (tmp_path / "ggml" / name).touch()
    assert directory.scan(tmp_path) == ()


def test_a_format_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = directory.Format(("int4",), ("weights.st", "config.json"), ("weights.st",))
    monkeypatch.setitem(directory.FORMATS, "other", row)
    source = tmp_path / "source"
    source.mkdir()
    for name in ("weights.st", "config.json", "train.py"):
        (source / name).write_text("{}")
    found = bring.copied(source, tmp_path, name="whisper-x", precision="int4")
    assert directory.scan(tmp_path) == (found,)
    assert found.path == tmp_path / "other" / "whisper-x" / "int4"
    assert sorted(directory.contents(found.path)) == ["config.json", "weights.st"]
    with pytest.raises(BadInput, match="does not say its precision"):
        bring.copied(source, tmp_path, name="whisper-y")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "Whisper", ".hidden", "x" * 90, "line\nbreak"])
def test_names_that_would_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="no name"):
        directory.place(tmp_path, name, "ctranslate2", "int8")


def test_what_is_there_is_found_the_preferred_first(root: Path) -> None:
    assert [s.name for s in directory.scan(root)] == [
        "whisper-micro/base",
        "whisper-micro/ctranslate2-int8",
        "whisper-micro/ctranslate2-float32",
        "whisper-micro/ggml-f16",
    ]
    assert directory.scan(root / "nowhere") == ()


def test_the_catalog_knows_a_model_by_its_name_and_each_format_by_its_full_name(root: Path) -> None:
    here = Catalog(root)
    assert [e.name for e in here.named("Whisper-Micro")] == [
        "whisper-micro/ctranslate2-int8",
        "whisper-micro/ctranslate2-float32",
        "whisper-micro/ggml-f16",
        "whisper-micro/base",
    ]
    assert here.find("whisper-micro/ggml-f16").format == "ggml"
    called = {e.name: e.aliases for e in here.shown() if e.stored}
    assert [name for name, aliases in called.items() if "whisper-micro" in aliases] == [
        "whisper-micro/ctranslate2-int8"
    ]
    assert "whisper-micro/base" not in called
    with pytest.raises(UnknownModel, match="more than once"):
        bring.stored(root, "whisper-micro")


# ── whole or not at all ──
def _break(target: Path, error: Exception) -> None:
    with directory.making(target) as made:
        made.write_bytes(b"half")
        raise error


def test_a_thing_that_fails_in_the_making_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "ggml" / "ggml-x.bin"
    with pytest.raises(ZeroDivisionError):
        _break(target, ZeroDivisionError())
    assert list(target.parent.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "ggml" / "ggml-x.bin"
    with pytest.raises(StorageFailed, match="No space"):
        _break(target, OSError(28, "No space left on device"))
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("form", ["ctranslate2", "ggml", "onnx", "openvino", "mlx"])
def test_a_disk_that_fills_up_while_a_model_is_converted_is_told(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    source = checkpoint.read(whisper.MODEL)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(checkpoint, "read", lambda _: source)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, most[1]))
    try:
        with pytest.raises(StorageFailed):
            convert(whisper.MODEL, tmp_path, model="x", form=form, precision=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        signal.signal(signal.SIGXFSZ, before)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_what_is_there_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "base" / "x"
    for text in ("one", "two"):
        with directory.making(target, replace=text == "two") as made:
            made.mkdir()
            (made / "config.json").write_text(text)
    assert (target / "config.json").read_text() == "two"
    assert [p.name for p in target.parent.iterdir()] == ["x"]
    with pytest.raises(BadInput, match="there already"), directory.making(target):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_directory_that_is_read_only_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailed), directory.making(tmp_path / "ggml" / "x"):
        pass


def test_a_read_only_directory_serves_and_says_why_it_takes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for thing, names in ((Path, ("mkdir", "write_bytes", "rename", "replace", "unlink")), (os, ("link", "rmdir"))):
        for name in names:
            monkeypatch.setattr(thing, name, refused)
    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    monkeypatch.setattr(shutil, "rmtree", refused)
    here = Catalog(root)
    assert len(here.named("whisper-micro")) == 4
    found = bring.stored(root, "whisper-micro/ctranslate2-int8")
    assert verify.check(found).passed
    assert directory.cache(root, "openvino") is None
    for change in (
        lambda: bring.copied(whisper.MODEL, root, name="other"),
        lambda: convert(whisper.MODEL, root, model="other", form="ggml", precision=None),
        lambda: directory.remove(found),
        lambda: verify.keep(found, verify.check(found)),
    ):
        with pytest.raises(StorageFailed, match="Read-only"):
            change()


def test_runtimes_have_a_place_for_what_they_compile(tmp_path: Path) -> None:
    assert directory.cache(tmp_path, "openvino") == tmp_path / "cache" / "openvino"
    assert (tmp_path / "cache" / "openvino").is_dir()
    assert directory.scan(tmp_path) == ()


def test_removing_leaves_no_empty_folders(tmp_path: Path) -> None:
    place = directory.place(tmp_path, "whisper-x", "ctranslate2", "int8")
    place.mkdir(parents=True)
    (place / "model.bin").touch()
    directory.remove(directory.scan(tmp_path)[0])
    assert not (tmp_path / "ctranslate2").exists()


# ── what is brought ──
def _copy(tmp_path: Path) -> Path:
    made = tmp_path / "checkpoint"
    shutil.copytree(whisper.MODEL, made)
    return made


def test_a_checkpoint_cut_short_is_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000_000])
    with pytest.raises(BadInput, match="can't be read"):
        bring.copied(folder, tmp_path / "models", name="x")
    assert directory.scan(tmp_path / "models") == ()


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="pickle"):
        checkpoint.read(folder)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"model_type": "whisper"', '"model_type": "bert"'))
    with pytest.raises(BadInput, match="bert"):
        convert(folder, tmp_path / "models", model="x", form="ggml", precision=None)


def test_a_precision_that_is_read_but_not_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing here writes ggml in q5_1"):
        convert(whisper.MODEL, tmp_path / "models", model="x", form="ggml", precision="q5_1")


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"vocab_size": 51865', '"vocab_size": 51864'))
    with pytest.raises(BadInput, match="51865"):
        checkpoint.read(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    folder = _copy(tmp_path)
    (folder / name).unlink()
    with pytest.raises(NotFound, match=name):
        checkpoint.read(folder)


def test_code_and_pickles_are_not_copied(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    for name in ("modeling.py", "training_args.bin"):
        (folder / name).write_text("import os")
    found = bring.copied(folder, tmp_path / "models", name="x")
    assert not {"modeling.py", "training_args.bin"} & {p.name for p in found.path.iterdir()}


@pytest.mark.parametrize("size", [0, 4, 40, 100_000, 5_000_000, -1])
def test_a_ggml_file_cut_short_is_refused(root: Path, tmp_path: Path, size: int) -> None:
    whole = (root / "ggml" / "ggml-micro.bin").read_bytes()
    short = tmp_path / "ggml-short.bin"
    short.write_bytes(whole[:size])
    with pytest.raises(BadInput):
        bring.copied(short, tmp_path / "models", name=None)


def test_a_ggml_file_with_a_damaged_tensor_is_refused(root: Path, tmp_path: Path) -> None:
    whole = bytearray((root / "ggml" / "ggml-micro.bin").read_bytes())
    at = whole.index(b"encoder.conv1.weight") - 3 * 4 - 3 * 4
    whole[at : at + 12] = struct.pack("<3i", 99, 20, 1)
    broken = tmp_path / "ggml-broken.bin"
    broken.write_bytes(whole)
    with pytest.raises(BadInput, match="damaged"):
        bring.copied(broken, tmp_path / "models", name=None)


def test_a_whole_ggml_file_keeps_its_name_and_precision(root: Path, tmp_path: Path) -> None:
    found = bring.copied(root / "ggml" / "ggml-micro.bin", tmp_path, name=None)
    assert found.name == "whisper-micro/ggml-f16"
    assert found.path.read_bytes() == (root / "ggml" / "ggml-micro.bin").read_bytes()


def test_a_ctranslate2_folder_says_its_precision(root: Path, tmp_path: Path) -> None:
    folder = root / "ctranslate2" / "whisper-micro"
    assert bring.copied(folder / "int8", tmp_path, name="x").name == "x/ctranslate2-int8"
    assert bring.copied(folder / "float32", tmp_path, name="x").name == "x/ctranslate2-float32"
    with pytest.raises(BadInput, match="is float32, not int8"):
        bring.copied(folder / "float32", tmp_path, name="y", precision="int8")


@pytest.mark.parametrize("size", [0, 20, 1000, 1_000_000, -1])
def test_a_ctranslate2_folder_cut_short_is_refused(root: Path, tmp_path: Path, size: int) -> None:
    shutil.copytree(root / "ctranslate2" / "whisper-micro" / "int8", tmp_path / "short")
    weights = tmp_path / "short" / "model.bin"
    whole = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(whole[:size])
    with pytest.raises(BadInput):
        bring.copied(tmp_path / "short", tmp_path / "models", name="x")


def test_a_model_that_wants_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    config = folder / "config.json"
    config.write_text(config.read_text().replace("{", '{"auto_map": {"AutoModel": "modeling.Mine"},', 1))
    with pytest.raises(BadInput, match="code of its own"):
        bring.copied(folder, tmp_path / "models", name="x")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model"):
        bring.copied(tmp_path, tmp_path / "models", name="x")
    with pytest.raises(NotFound):
        bring.copied(tmp_path / "absent", tmp_path / "models", name="x")


def test_a_broken_ctranslate2_folder_is_an_engine_error_with_its_name(root: Path, tmp_path: Path) -> None:
    from earwitness.engines.ctranslate2 import spec
    from earwitness.hardware import probe

    folder = tmp_path / "int8"
    shutil.copytree(root / "ctranslate2" / "whisper-micro" / "int8", folder)
    weights = folder / "model.bin"
    weights.write_bytes(weights.read_bytes()[:1_000_000])
    files = Stored("whisper-micro", "ctranslate2", "int8", folder).files
    with pytest.raises(EngineFailed, match="whisper-micro"):
        spec.load(files, probe.machine().devices[0], spec.Options())
