"""Whether stored models are what they should be: checksums, form, and the words they hear."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import EngineFailed, Missing, NotFound, StorageFailed
from earwitness.models import bring, directory, manifest, verify
from earwitness.models.agreement import Agreement, agreement, words
from earwitness.models.convert import convert
from earwitness.models.directory import Stored
from support import whisper

TEN = "one two three four five six seven eight nine ten"
RECORDINGS = [Path("one.wav"), Path("two.wav")]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """A checkpoint, and what was converted from it."""
    bring.copied(whisper.MODEL, tmp_path, name="whisper-micro")
    return convert(
        tmp_path / "base" / "whisper-micro", tmp_path, model="whisper-micro", form="ctranslate2", precision="int8"
    )


# ── words ──
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well, it's DONE!", ["well", "it's", "done"]),
        ("It’s 3.5 o'clock", ["it's", "3", "5", "o'clock"]),
        ("日本語 ok", ["日", "本", "語", "ok"]),
        ("Straße — café", ["strasse", "café"]),
        (" … ", []),
    ],
)
def test_words_are_counted_without_capitals_and_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (TEN, TEN.upper(), Agreement(10, 0)),
        (TEN, TEN.replace("five", "fife"), Agreement(10, 1)),
        (TEN, TEN + " eleven", Agreement(11, 1)),
        (TEN, "", Agreement(10, 10)),
        ("", "", Agreement(0, 0)),
        ("two one", "one two", Agreement(2, 2)),
    ],
)
def test_agreement_is_the_share_of_words_that_need_no_change(one: str, other: str, found: Agreement) -> None:
    assert agreement(one, other) == found
    assert agreement(other, one) == found


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_agreement_is_bounded_and_whole_for_the_same_alone(one: list[str], other: list[str]) -> None:
    found = agreement(" ".join(one), " ".join(other))
    assert abs(len(one) - len(other)) <= found.differing <= found.words
    assert (found.differing == 0) == (one == other)


# ── files ──
def test_a_sound_model_passes(stored: Stored) -> None:
    found = verify.check(stored)
    assert (found.passed, found.checked, found.notes) == (True, ("checksums", "form"), ())
    assert verify.check(stored, quick=True).checked == ("sizes", "form")


def test_a_changed_byte_is_found_by_its_checksum(stored: Stored) -> None:
    weights = stored.path / "model.bin"
    raw = bytearray(weights.read_bytes())
    raw[-2000] ^= 1
    weights.unlink()
    weights.write_bytes(raw)
    assert verify.check(stored, quick=True).passed
    assert verify.check(stored).faults == ("model.bin is damaged: its checksum is another",)


def test_a_file_cut_short_or_missing_is_found_at_once(stored: Stored) -> None:
    (stored.path / "model.bin").write_bytes(b"short")
    (stored.path / "tokenizer.json").unlink()
    faults = verify.check(stored, quick=True).faults
    assert faults[0] == "tokenizer.json is missing"
    assert faults[1].startswith("model.bin has 5 bytes, not ")
    assert len(faults) == 3


def test_files_that_came_later_are_noted(stored: Stored) -> None:
    (stored.path / "notes.txt").write_text("mine")
    found = verify.check(stored)
    assert found.passed
    assert found.notes == ("notes.txt is not in the manifest",)


def test_a_model_that_was_put_there_by_hand_says_so(stored: Stored) -> None:
    directory.beside(stored.path, manifest.KEY).unlink()
    found = verify.check(stored)
    assert (found.passed, found.checked) == (True, ("form",))
    assert "no manifest" in found.notes[0]


def test_a_damaged_manifest_fails(stored: Stored) -> None:
    directory.beside(stored.path, manifest.KEY).write_text('{"model": 1}')
    assert "manifest" in verify.check(stored).faults[0]


def _header(path: Path, change: dict[str, object]) -> None:
    """Write other entries into the header of a safetensors file."""
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    told = json.loads(raw[8 : 8 + size]) | change
    text = json.dumps({k: v for k, v in told.items() if v is not None}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("decoder_layers", 9, "lacks the weights decoder.layers."),
        ("encoder_ffn_dim", 7, "encoder.layers.0.fc1.weight has the shape"),
        ("num_mel_bins", 128, "encoder.conv1.weight has the shape"),
    ],
)
def test_weights_that_do_not_fit_the_config_are_named(tmp_path: Path, key: str, value: int, told: str) -> None:
    found = bring.copied(whisper.MODEL, tmp_path, name="m")
    config = json.loads((found.path / "config.json").read_text()) | {key: value}
    (found.path / "config.json").write_text(json.dumps(config))
    assert any(told in fault for fault in verify.check(found).faults)


# ── words of a conversion ──
def _saying(*texts: str, at: list[tuple[Path, str]] | None = None) -> verify.Transcribe:
    """An engine that hears the same in every recording."""

    def run(root: Path, name: str, recordings: Sequence[Path]) -> Sequence[str]:
        if at is not None:
            at.append((root, name))
            assert (root / "ctranslate2" / "whisper-micro" / "float32" / "model.bin").is_file()
        return texts

    return run


def test_the_checkpoint_is_heard_in_float32_beside_the_directory(stored: Stored, tmp_path: Path) -> None:
    seen: list[tuple[Path, str]] = []
    found = verify.reference(tmp_path, "whisper-micro", RECORDINGS, {"ctranslate2", "ggml"}, _saying(TEN, "", at=seen))
    assert found == ("ctranslate2 float32", (TEN, ""))
    assert seen[0][1] == "whisper-micro/ctranslate2-float32"
    assert not seen[0][0].exists()
    assert len(directory.scan(tmp_path)) == 2


def test_another_engine_hears_it_where_the_first_is_missing(stored: Stored, tmp_path: Path) -> None:
    assert verify.reference(tmp_path, "whisper-micro", [], {"ggml"}, _saying())[0] == "ggml f32"
    with pytest.raises(Missing, match="no engine"):
        verify.reference(tmp_path, "whisper-micro", [], {"moonshine"}, _saying())
    with pytest.raises(NotFound, match="checkpoint"):
        verify.reference(tmp_path, "whisper-x", [], {"ggml"}, _saying())


def test_a_checkpoint_is_heard_as_it_is_where_pytorch_is(stored: Stored, tmp_path: Path) -> None:
    def run(root: Path, name: str, recordings: Sequence[Path]) -> Sequence[str]:
        assert (root, name, recordings) == (tmp_path, "whisper-micro/base", RECORDINGS)
        return TEN, TEN

    assert verify.reference(tmp_path, "whisper-micro", RECORDINGS, {"base", "ggml"}, run) == ("base", (TEN, TEN))


def test_a_broken_checkpoint_is_no_reference(stored: Stored, tmp_path: Path) -> None:
    with (tmp_path / "base" / "whisper-micro" / "config.json").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ValueError, match=r"is broken: config\.json has"):
        verify.reference(tmp_path, "whisper-micro", [], {"ggml"}, _saying())


def _compared(stored: Stored, root: Path, exact: Sequence[str], run: verify.Transcribe) -> verify.Report:
    return verify.compare(verify.check(stored), root, RECORDINGS, ("float32", exact), run)


def test_a_conversion_that_hears_the_same_passes(stored: Stored, tmp_path: Path) -> None:
    nearly = f"{TEN} {TEN.replace('ten', 'then')}"
    found = _compared(stored, tmp_path, (f"{TEN} {TEN}", TEN), _saying(nearly, TEN))
    assert (found.passed, found.words, found.agreement) == (True, 30, round(29 / 30, 4))
    assert [h.recording for h in found.heard] == ["one.wav", "two.wav"]
    assert found.state == "96.7 % of words"


def test_a_bad_conversion_is_named(stored: Stored, tmp_path: Path) -> None:
    found = _compared(stored, tmp_path, (TEN, TEN), _saying(TEN, "one two"))
    assert not found.passed
    assert found.faults[0].startswith("a bad conversion: 60.0 % of 20 words")
    assert found.state == "FAILED"


def test_a_model_that_does_not_run_fails_and_one_without_an_engine_is_not_compared(
    stored: Stored, tmp_path: Path
) -> None:
    def breaking(*_: object) -> Sequence[str]:
        raise EngineFailed("it broke")

    def missing(*_: object) -> Sequence[str]:
        raise Missing("there is no engine")

    assert _compared(stored, tmp_path, (TEN, TEN), breaking).faults == ("it does not run: it broke",)
    found = _compared(stored, tmp_path, (TEN, TEN), missing)
    assert (found.passed, found.agreement, found.notes) == (True, None, ("not compared: there is no engine",))


def test_silence_proves_nothing(stored: Stored, tmp_path: Path) -> None:
    found = _compared(stored, tmp_path, ("", ""), _saying("", ""))
    assert (found.passed, found.agreement) == (True, None)
    assert "nothing was heard" in found.notes[0]


# ── the report ──
def test_a_report_is_kept_with_its_model_until_the_model_changes(stored: Stored, tmp_path: Path) -> None:
    assert verify.known(stored) is None
    report = _compared(stored, tmp_path, (TEN, TEN), _saying(TEN, TEN))
    verify.keep(stored, report)
    assert verify.known(stored) == report
    assert stored.path.name == "int8"
    source = tmp_path / "base" / "whisper-micro"
    convert(source, tmp_path, model="whisper-micro", form="ctranslate2", precision="int8", replace=True)
    assert verify.known(stored) is None


def test_a_report_of_other_files_is_void(stored: Stored) -> None:
    verify.keep(stored, verify.check(stored))
    path = directory.beside(stored.path, manifest.KEY)
    path.write_bytes(path.read_bytes() + b" ")
    assert verify.known(stored) is None


def test_a_report_that_can_not_be_kept_is_told(stored: Stored) -> None:
    with pytest.raises(StorageFailed, match="can't be written"):
        verify.keep(Stored("x", "ctranslate2", "int8", stored.path / "model.bin" / "deeper"), verify.check(stored))
