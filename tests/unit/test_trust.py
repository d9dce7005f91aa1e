"""What a model's files may ask for before another library opens them."""

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
from typing_extensions import override

from earwitness.errors import EngineFailed
from earwitness.parts.diarize_nemo import CLASSES, turn
from earwitness.parts.diarize_nemo import spec as nemo
from earwitness.parts.diarize_pyannote import NAMED, PIPELINE, check
from earwitness.parts.diarize_pyannote import spec as pyannote
from earwitness.parts.voices import trust
from earwitness.types import Turn


class Harm:
    """What a hostile pickle does."""

    @override
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch /tmp/never",)


def packed(path: Path, thing: object, protocol: int = 2) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(thing, protocol))
    return path


def saved(path: Path) -> Path:
    """Weights as torch writes them, if it is here."""
    torch = pytest.importorskip("torch")
    torch.save({"a.weight": torch.zeros(3, 2), "b": torch.ones(2, dtype=torch.int64)}, path)
    return path


def test_weights_pass(tmp_path: Path) -> None:
    trust.weights(saved(tmp_path / "w.bin"))
    trust.weights(packed(tmp_path / "plain.bin", {"a": [1, 2.0, "x"]}))


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_calls_something_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    with pytest.raises(EngineFailed, match=r"asks for (\w+\.system|STACK_GLOBAL)"):
        trust.weights(packed(tmp_path / "w.bin", Harm(), protocol))
    assert not Path("/tmp/never").exists()


def test_files_that_are_no_weights_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    good = saved(tmp_path / "good.bin").read_bytes()
    for raw in (b"", pickle.dumps({"a": 1}), good[: len(good) // 2], b"PK\x05\x06" + 18 * b"\0"):
        path.write_bytes(raw)
        with pytest.raises(EngineFailed):
            trust.weights(path)
    with pytest.raises(EngineFailed, match="can't be read"):
        trust.weights(tmp_path / "nowhere.bin")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", pickle.dumps({}, 2))
        file.writestr("a/code.pkl", pickle.dumps(Harm(), 2))
    with pytest.raises(EngineFailed, match="another pickle"):
        trust.weights(path)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: !!python/object/apply:os.system [touch]", "python"),
        ("a: !new:os.system", "new:os"),
        ('"\\x5ftarget_": os.system', "os.system"),
        ("a: &a\n  b: *a\n  cls: os.system", "os.system"),
        ("a: [", "damaged"),
        ("model:\n  _target_: os.system", "os.system"),
        ('x: {"_target_": "subprocess.run"}', "subprocess.run"),
    ],
)
def test_settings_that_make_strange_things_are_refused(text: str, part: str) -> None:
    with pytest.raises(EngineFailed, match=part):
        trust.settings(text, "config.yaml", CLASSES)


def test_plain_settings_pass() -> None:
    trust.settings("a: 1\nencoder:\n  _target_: nemo.collections.asr.modules.X\nb: 'so!'", "config.yaml", CLASSES)


# ── NeMo ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def archived(path: Path, **files: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, raw in files.items():
            member = tarfile.TarInfo(name.replace("_dot_", "."))
            member.size = len(raw)
            file.addfile(member, io.BytesIO(raw))
    return path


def test_a_nemo_archive_is_looked_into(tmp_path: Path) -> None:
    weights = saved(tmp_path / "w").read_bytes()
    settings = b"target: nemo.collections.asr.models.sortformer_diar_models.SortformerEncLabelModel\n"
    good = archived(tmp_path / "a.nemo", model_weights_dot_ckpt=weights, model_config_dot_yaml=settings)
    trust.archive(good, trust.WEIGHTS, CLASSES)
    bad = packed(tmp_path / "x", Harm()).read_bytes()
    for wrong in (
        archived(tmp_path / "b.nemo", model_weights_dot_ckpt=bad),
        archived(tmp_path / "c.nemo", model_config_dot_yaml=b"_target_: os.system"),
        archived(tmp_path / "e.nemo", model_config_dot_yaml=b"target: os.system"),
    ):
        with pytest.raises(EngineFailed, match="asks for"):
            trust.archive(wrong, trust.WEIGHTS, CLASSES)
    (tmp_path / "d.nemo").write_bytes(good.read_bytes()[:700])
    with pytest.raises(EngineFailed, match="damaged"):
        trust.archive(tmp_path / "d.nemo", trust.WEIGHTS, CLASSES)


def test_nemos_lines_are_turns() -> None:
    assert turn("0.16 2.40 speaker_0") == Turn(0.16, 2.4, "speaker_0")
    for odd in ("", "0.1 speaker_0", "a b c", "0 1 2 3"):
        with pytest.raises(EngineFailed, match="no turn"):
            turn(odd)


def test_models_are_found_by_their_files(tmp_path: Path) -> None:
    archived(tmp_path / "phenome/diarization/sortformer/diar.nemo", model_config_dot_yaml=b"")
    folder = tmp_path / "phenome/diarization/community"
    folder.mkdir()
    (folder / "config.yaml").write_text("")
    assert [s.name for s in nemo.inside(tmp_path)] == ["sortformer"]
    assert [s.name for s in pyannote.inside(tmp_path)] == ["community"]
    for spec in (nemo, pyannote):
        with pytest.raises(EngineFailed, match="needs a model"):
            spec.load()


# ── pyannote ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def pipeline(folder: Path, **params: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"pipeline:\n  name: {PIPELINE}\n  params:", *(f"    {k}: {v}" for k, v in params.items())]
    (folder / "config.yaml").write_text("\n".join(lines))
    return folder


LOCAL = {part: f"$model/{part}" for part in ("segmentation", "embedding", "plda")}


def test_a_pipeline_that_lies_in_its_folder_passes(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    check(pipeline(tmp_path / "a", **LOCAL))


@pytest.mark.parametrize(
    "change",
    [
        {"embedding": "pyannote/wespeaker-voxceleb-resnet34-LM"},
        {"segmentation": "/elsewhere/pytorch_model.bin"},
        {"segmentation": "$model/../../other"},
        {"segmentation": "$model/segmentation@main"},
        {"plda": "pyannote/speaker-diarization-community-1"},
    ],
    ids=["a hub", "elsewhere", "outside", "a revision", "no plda"],
)
def test_a_pipeline_that_takes_models_from_elsewhere_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(EngineFailed, match="not in the folder"):
        check(pipeline(tmp_path / "a", **LOCAL | change))


def test_a_pipeline_of_another_class_or_with_a_hostile_pickle_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    folder = pipeline(tmp_path / "a", **LOCAL)
    (folder / "embedding").mkdir()
    packed(folder / "embedding/pytorch_model.bin", Harm())
    with pytest.raises(EngineFailed, match="asks for"):
        check(folder)
    (folder / "config.yaml").write_text("pipeline:\n  name: os.system\n")
    with pytest.raises(EngineFailed, match="no pipeline that tells speakers apart"):
        check(folder)
    assert "posix system" not in NAMED
