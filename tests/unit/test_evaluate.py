"""Whole manifests: what each row is measured by, how it is run, and what becomes of those that fail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earwitness.config import Settings
from earwitness.errors import ForeignSpeech, NotFound, UnknownModel
from earwitness.rollout import evaluate, scores
from earwitness.rollout.evaluate import Scored, Wish, measures
from earwitness.rollout.manifest import Row
from earwitness.rollout.scores import Wording
from earwitness.stages.recipe import Recipe
from earwitness.types import Turn
from support import sounds
from support.voices import Hearer, hearer

LOW, HIGH, QUIET = sounds.tone(1, 300, peak=0.9), sounds.tone(1, 1200, peak=0.9), sounds.silence(2)
TURNS = (("Nagg", 0.0, 1.0, "hear"), ("Nell", 3.0, 4.0, "me"), ("Nagg", 6.0, 7.0, "well"))
WISH = Wish(recipe=Recipe(model="fake"))
NO_CPWER = replace(WISH, measures=("wer", "der", "words"))


@pytest.fixture
def double(settings: Settings) -> Iterator[Hearer]:
    """A kit whose diarizer tells tones apart, and in which loud sound is speech."""
    with hearer(settings) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a talk of two, silence, and a file that is no recording."""
    (tmp_path / "talk.wav").write_bytes(sounds.wav(np.concatenate([LOW, QUIET, HIGH, QUIET, LOW])))
    (tmp_path / "silence.wav").write_bytes(sounds.wav(QUIET))
    (tmp_path / "broken.wav").write_bytes(b"this is no recording")
    both = np.stack([np.concatenate([LOW, QUIET, QUIET]), np.concatenate([QUIET, QUIET, LOW])], axis=1)
    (tmp_path / "call.wav").write_bytes(sounds.wav(both))
    return tmp_path


def test_a_row_is_measured_by_what_it_has_references_for() -> None:
    wanted = scores.MEASURES
    assert measures(Row(file="a", text=""), wanted) == ("wer",)
    assert measures(Row(file="a", rttm="a.rttm"), wanted) == ("der",)
    assert measures(Row(file="a", turns=TURNS), wanted) == ("der", "cpwer")
    assert measures(Row(file="a", channel_text=("x", "y")), wanted) == ("cpwer",)
    assert measures(Row(file="a", words=(("x", 0, 1),), text="x"), ("words", "der")) == ("words",)
    assert measures(Row(file="a"), wanted) == ()


def test_who_speaks_is_measured_without_words(folder: Path, double: Hearer) -> None:
    (found,) = evaluate.run([Row(file="talk.wav", turns=TURNS)], folder, Wish(("der",), Recipe(model="none")), double)
    assert found.speakers is not None
    assert found.error is None
    assert (found.speakers.counted, found.speakers.speech_s) == (1, 3)
    assert found.speakers.der == pytest.approx(0, abs=0.01)
    assert (found.duration_s, found.words) == (7, None)
    assert double.double.begun[0].crowds[0].count is None


def test_the_number_of_speakers_is_told_where_it_is_to_be(folder: Path, double: Hearer) -> None:
    rows = [Row(file="talk.wav", turns=TURNS, n_speakers=2), Row(file="talk.wav", turns=TURNS)]
    evaluate.run(rows, folder, replace(NO_CPWER, measures=("der",), tell_count=True), double)
    assert [b.crowds[0].count for b in double.double.begun] == [2, None]


def test_words_speakers_and_times_come_of_one_run(folder: Path, double: Hearer) -> None:
    double.double.script = tuple(Turn(start_s, end_s, who) for who, start_s, end_s, _ in TURNS)
    row = Row(file="talk.wav", text="hear me well", turns=TURNS, words=(("hear", 0.0, 0.5), ("nothing", 3.0, 3.5)))
    (found,) = evaluate.run([row], folder, NO_CPWER, double)
    assert len(double.double.begun) == 1
    assert found.speakers is not None
    assert found.speakers.der == 0
    assert found.words is not None
    assert found.words.reference == 3
    assert found.times is not None
    assert found.times.reference == 2
    assert found.measures == ("wer", "der", "words")


def test_each_channel_is_a_speaker_where_their_texts_are_known(folder: Path, double: Hearer) -> None:
    pytest.importorskip("meeteval", reason="meeteval is built from source, and is not among the packages of the tests")
    (found,) = evaluate.run([Row(file="call.wav", channel_text=("hear", "me"))], folder, WISH, double)
    assert double.double.begun == []
    assert found.error is None
    assert found.by_speaker is not None
    assert found.by_speaker.reference == 2


def test_words_said_in_silence_are_invented(folder: Path, double: Hearer) -> None:
    silent, loud = evaluate.run([Row(file=f, text="") for f in ("silence.wav", "talk.wav")], folder, WISH, double)
    assert silent.words == Wording()
    assert loud.words is not None
    assert loud.words.invented > 0
    assert evaluate.total([silent, loud]).words == loud.words


def test_what_fails_is_kept_and_counts_in_no_rate(folder: Path, double: Hearer) -> None:
    rows = [
        Row(file="absent.wav", text="hear me", kind="a"),
        Row(file="broken.wav", text="hear me", kind="a"),
        Row(file="talk.wav", rttm="absent.rttm", kind="b"),
        Row(file="talk.wav", kind="b"),
        Row(file="silence.wav", text="hear me", kind="b"),
    ]
    begun, ended = list[str](), list[Scored]()
    found = evaluate.run(
        rows, folder, NO_CPWER, double, on_begin=lambda row: begun.append(row.file), on_done=ended.append
    )
    assert [s.error.code if s.error else None for s in found] == ["not_found", "not_audio", "not_found", None, None]
    assert begun == [r.file for r in rows]
    assert tuple(ended) == found
    kinds = evaluate.by_kind(found)
    assert [(k, t.recordings, t.failed, t.unmeasured) for k, t in kinds.items()] == [("a", 2, 2, 0), ("b", 3, 1, 1)]
    assert kinds["a"].words is None
    assert kinds["b"].words == Wording(2, deleted=2)
    told = json.loads(json.dumps(evaluate.total(found).as_json()))
    assert (told["failed"], told["wer"]["rate"]) == (3, 1)
    assert json.loads(json.dumps(found[1].as_json()))["error"]["code"] == "not_audio"


def test_an_error_may_be_what_is_expected(folder: Path, double: Hearer) -> None:
    rows = [Row(file=f, expect="clean error") for f in ("broken.wav", "talk.wav", "absent.wav")]
    right, wrong, absent = evaluate.run(rows, folder, NO_CPWER, double)
    assert right.error is None
    assert wrong.error is not None
    assert "none came" in wrong.error.message
    assert isinstance(absent.error, NotFound)


def test_refused_speech_is_lost(folder: Path, double: Hearer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ForeignSpeech("not a word of English")

    monkeypatch.setattr("earwitness.batch.run", refuse)
    row = Row(file="talk.wav", text="hear me", turns=TURNS)
    (found,) = evaluate.run([row], folder, NO_CPWER, double)
    assert (found.refused, found.error) == (True, None)
    assert found.words == Wording(2, deleted=2)
    assert found.speakers is not None
    assert found.speakers.der == 1
    assert evaluate.total([found]).refused == 1


def test_a_model_that_is_not_there_ends_it_at_once(folder: Path, double: Hearer) -> None:
    with pytest.raises(UnknownModel):
        evaluate.run([Row(file="talk.wav", text="")], folder, Wish(recipe=Recipe(model="none")), double)
