"""Who speaks, in a run: the diarizer hears all of it, segments come with their speakers, channels may be speakers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from earwitness import batch
from earwitness.archive.people import People
from earwitness.archive.person import Voiceprint
from earwitness.audio.decode import Report
from earwitness.config import Settings
from earwitness.errors import BadInput, EmptyAudio, EngineFailed, Unsupported
from earwitness.export import labels
from earwitness.gathering import Gathering, Progress, Stop
from earwitness.kit import Kit
from earwitness.parts import Crowd, Diarizer
from earwitness.plugins import Found
from earwitness.quick import transcribe
from earwitness.stages.recipe import CHANNELS, Diarizing, Known, Recipe
from earwitness.types import Ask, Audio, Samples, Segment
from support import sounds
from support.voices import Hearer, Listening, embedding, hearer

WHO = Recipe(model="fake", diarizing=Diarizing())
BY_CHANNEL = Recipe(model="fake", diarizing=Diarizing(CHANNELS))


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Iterator[Hearer]:
    """A kit with the fake engine, a detector of loudness, and the double for a diarizer; it knows nobody yet."""
    with hearer(settings.model_copy(update={"workers": 1, "home": tmp_path})) as made:
        yield made


def low(seconds: float) -> Samples:
    """A low voice."""
    return sounds.tone(seconds, 300, peak=0.9)


def high(seconds: float) -> Samples:
    """A high one."""
    return sounds.tone(seconds, 1200, peak=0.9)


def talk() -> bytes:
    """Low, high, low, with two seconds between."""
    quiet = sounds.silence(2)
    return sounds.wav(np.concatenate([low(1), quiet, high(1), quiet, low(1), quiet]))


def test_segments_have_their_speakers_and_the_transcript_its_turns(own: Hearer) -> None:
    found = batch.run(talk(), WHO, own)
    assert [(round(s.start_s), s.speaker) for s in found.segments] == [(0, "S1"), (3, "S2"), (6, "S1")]
    assert [(round(t.start_s), t.speaker) for t in found.turns] == [(0, "S1"), (3, "S2"), (6, "S1")]
    assert [s.id for s in found.speakers] == ["S1", "S2"]
    assert found.provenance.methods == {"speakers": "double", "words": "fake"}
    assert "double" in [n.code for n in found.provenance.notices]


def test_the_text_is_what_it_is_without_speakers(own: Hearer) -> None:
    assert batch.run(talk(), WHO, own).text == batch.run(talk(), Recipe(model="fake"), own).text


def test_a_stretch_with_two_voices_is_parted(own: Hearer) -> None:
    found = batch.run(sounds.wav(np.concatenate([low(2), high(2)])), WHO, own)
    assert [s.speaker for s in found.segments] == ["S1", "S2"]
    assert [len(s.text.split()) for s in found.segments] == pytest.approx([20, 20], abs=1)


def test_words_have_speakers_where_they_have_times(own: Hearer) -> None:
    recipe = Recipe(model="fake", ask=Ask(word_times=True), diarizing=Diarizing())
    found = batch.run(sounds.wav(np.concatenate([low(2), high(2)])), recipe, own)
    assert [w.speaker for s in found.segments for w in s.words] == ["S1"] * 20 + ["S2"] * 20


def test_the_diarizer_hears_the_whole_range_once_and_is_told_the_crowd(own: Hearer) -> None:
    crowd = Crowd(least=1, most=4)
    batch.run(talk(), Recipe(model="fake", from_s=1.0, to_s=8.0, diarizing=Diarizing(crowd=crowd)), own)
    (heard,) = own.double.begun
    assert heard.crowds == [crowd]
    assert (heard.heard[0][0], heard.heard[-1][1]) == (1.0, 8.0)
    assert all(a[1] == b[0] for a, b in zip(heard.heard, heard.heard[1:], strict=False))


def test_segments_are_told_at_the_end_with_their_speakers(own: Hearer) -> None:
    told: list[Segment] = []
    found = batch.run(talk(), WHO, own, on_segments=told.extend)
    assert tuple(told) == found.segments
    assert all(s.speaker for s in told)


def test_without_being_asked_nobody_is_told_apart(own: Hearer) -> None:
    found = batch.run(talk(), Recipe(model="fake"), own)
    assert own.double.begun == []
    assert (found.turns, found.speakers, found.provenance.methods) == ((), (), {})


def test_known_voices_have_names_and_no_embedding_is_kept_unless_asked(own: Hearer) -> None:
    known = (Known("Nell", embedding(12)), Known("Hamm", embedding(30)))
    found = batch.run(talk(), Recipe(model="fake", diarizing=Diarizing(known=known)), own)
    assert [(s.id, s.name, s.voice) for s in found.speakers] == [("S1", None, ()), ("S2", "Nell", ())]
    assert "known_speaker_not_heard" in [n.code for n in found.provenance.notices]
    told = found.provenance.recipe["diarizing"]
    assert isinstance(told, dict)
    assert told["known"] == [{"name": "Nell", "voice": []}, {"name": "Hamm", "voice": []}]
    kept = batch.run(talk(), Recipe(model="fake", diarizing=Diarizing(known=known, voices=True)), own)
    assert kept.speakers[1].voice == embedding(12)


def test_silence_has_no_speakers(own: Hearer) -> None:
    found = batch.run(sounds.wav(sounds.silence(3)), WHO, own)
    assert (found.segments, found.turns, found.speakers) == ((), (), ())
    assert found.provenance.methods == {"speakers": "double", "words": "fake"}


def test_work_that_is_stopped_says_that_speakers_are_left_out(own: Hearer) -> None:
    stop = Stop()
    stop.set()
    found = batch.run(talk(), WHO, own, stop=stop)
    assert "speakers_left_out" in [n.code for n in found.provenance.notices]
    assert not found.complete


class Breaks(Listening):
    """A hearing that breaks at the second block."""

    @override
    def hear(self, audio: Audio) -> None:
        if self.heard:
            raise EngineFailed("the diarizer broke")
        super().hear(audio)


def test_what_was_recognised_before_the_diarizer_broke_can_be_had(own: Hearer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own.double, "begin", Breaks)
    gathered = Gathering(WHO, Report())
    long = np.concatenate([low(1), sounds.silence(3)] * 12)
    with pytest.raises(EngineFailed, match="the diarizer broke"):
        batch.run(sounds.wav(long), WHO, own, gathering=gathered)
    found = gathered.transcript(complete=False)
    assert "speakers_left_out" in [n.code for n in found.provenance.notices]
    assert (found.turns, found.provenance.methods) == ((), {"words": "fake"})
    with own.lane("fake") as (_, lane):
        assert lane.seated == 0


def test_one_call_tells_speakers_apart(own: Hearer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("earwitness.quick.Kit", lambda _: own)
    (tmp_path / "talk.wav").write_bytes(talk())
    found = transcribe(tmp_path / "talk.wav", model="fake", speakers=True)
    assert [s.speaker for s in found.segments] == ["S1", "S2", "S1"]
    assert found.provenance.recipe["aligner"] == "auto"


# ── without the words ──
def test_who_spoke_when_without_the_words(own: Hearer) -> None:
    told: list[Progress] = []
    found = batch.speakers(talk(), WHO, own, on_progress=told.append)
    assert [(round(s.start_s), s.speaker, s.text) for s in found.segments] == [
        (0, "S1", ""),
        (3, "S2", ""),
        (6, "S1", ""),
    ]
    assert [s.id for s in found.speakers] == ["S1", "S2"]
    assert (found.duration_s, found.complete, found.provenance.model) == (9.0, True, "")
    assert told[-1].done_s == 9.0
    with pytest.raises(EmptyAudio):
        batch.speakers(sounds.wav(sounds.silence(0)), WHO, own)
    with pytest.raises(Unsupported, match="channel"):
        batch.speakers(talk(), BY_CHANNEL, own)


# ── by channel ──
def call() -> bytes:
    """The right channel asks at 0 s and 6 s, the left one answers at 3 s and speaks over it at 6.5 s."""
    left = np.concatenate([sounds.silence(3), low(1), sounds.silence(2.5), low(1), sounds.silence(1.5)])
    right = np.concatenate([low(1), sounds.silence(5), low(1), sounds.silence(2)])
    return sounds.wav(np.stack([left, right], axis=1))


def test_each_channel_is_one_speaker(own: Hearer) -> None:
    told, shown = list[Segment](), list[Progress]()
    found = batch.run(call(), BY_CHANNEL, own, on_segments=told.extend, on_progress=shown.append)
    assert [(round(s.start_s, 1), s.speaker) for s in found.segments] == [
        (0.0, "S1"), (3.0, "S2"), (6.0, "S1"), (6.5, "S2"),
    ]  # fmt: skip
    assert [(t.speaker, round(t.start_s, 1)) for t in found.turns] == [
        ("S1", 0.0),
        ("S2", 3.0),
        ("S1", 6.0),
        ("S2", 6.5),
    ]
    assert found.provenance.methods == {"speakers": "channels: S1 is channel 2, S2 is channel 1"}
    assert (found.duration_s, found.complete) == (9.0, True)
    assert tuple(told) == found.segments
    done = [p.done_s for p in shown]
    assert done == sorted(done)
    assert (done[-1], shown[-1].total_s) == (9.0, 9.0)
    assert own.double.begun == []


def test_one_channel_is_not_enough(own: Hearer) -> None:
    with pytest.raises(BadInput, match="one channel") as failure:
        batch.run(talk(), BY_CHANNEL, own)
    assert "voices" in failure.value.remedy


def test_channels_that_hold_the_same_are_refused(own: Hearer) -> None:
    voice = np.concatenate([low(2), sounds.silence(3), low(1)])
    for other in (voice, voice * 0.98, np.roll(voice, 800)):
        with pytest.raises(BadInput, match="the same speech"):
            batch.run(sounds.wav(np.stack([voice, other], axis=1)), BY_CHANNEL, own)
    turned = np.stack([voice, np.roll(voice, len(voice) // 2)], axis=1)
    assert len(batch.run(sounds.wav(turned), BY_CHANNEL, own).speakers) == 2


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(model="fake", channel=0, diarizing=Diarizing(CHANNELS)),
        Recipe(model="fake", diarizing=Diarizing(CHANNELS, Crowd(2))),
        Recipe(model="fake", diarizing=Diarizing(CHANNELS, known=(Known("Nell", (1.0,)),))),
    ],
)
def test_channels_go_with_nothing_else(own: Hearer, recipe: Recipe) -> None:
    with pytest.raises(BadInput, match="channels"):
        batch.run(call(), recipe, own)


def test_a_silent_call_has_no_speakers(own: Hearer) -> None:
    both = np.stack([sounds.silence(2), sounds.silence(2)], axis=1)
    found = batch.run(sounds.wav(both), BY_CHANNEL, own)
    assert (found.segments, found.speakers) == ((), ())
    assert found.provenance.methods == {"speakers": "channels: nobody speaks"}


def test_a_stop_keeps_what_is_finished_of_all_channels(own: Hearer) -> None:
    stop, gathered = Stop(), Gathering(BY_CHANNEL, Report())

    def on_progress(now: Progress) -> None:
        if now.done_s > 5:  # the second channel is on its way
            stop.set()

    found = batch.run(call(), BY_CHANNEL, own, on_progress=on_progress, stop=stop, gathering=gathered)
    assert not found.complete
    assert found.duration_s < 9
    assert [s.speaker for s in found.segments] == ["S1"]
    assert all(s.end_s <= found.duration_s for s in found.segments)


# ── the kit's part ──
class _Bad:
    name, does = "bad", "diarizer"

    def missing(self) -> str | None:
        return None

    def load(self) -> Diarizer:
        raise ValueError("odd weights")


def test_a_part_that_breaks_while_it_is_loaded_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Kit(settings) as kit:
        monkeypatch.setattr(kit.diarizers, "all", lambda: (Found("bad", _Bad(), None),))
        with pytest.raises(EngineFailed, match="bad broke while it was loaded: ValueError: odd weights"):
            kit.diarizer("bad")


class _BadAligner(_Bad):
    name, does = "bad", "aligner"
    languages = ("xx",)


def test_an_aligner_that_breaks_while_it_is_loaded_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Kit(settings) as kit:
        monkeypatch.setattr(kit.parts, "get", lambda _: _BadAligner())
        with pytest.raises(EngineFailed, match="bad broke while it was loaded: ValueError: odd weights"):
            kit.aligner("bad")


def test_a_part_that_tells_no_speakers_apart_is_refused(settings: Settings) -> None:
    with Kit(settings) as kit:
        with pytest.raises(BadInput, match="vad"):
            kit.diarizer("silero")
        with pytest.raises(BadInput, match="nobody"):
            kit.diarizer("nobody")


def test_a_person_who_is_deleted_while_a_run_goes_on_is_not_named(own: Hearer) -> None:
    people = People(own.settings.archive)
    low_voice = people.enrol("Bert", [Voiceprint(embedding(3), own.double.embeds, 5.0)])
    people.enrol("Anna", [Voiceprint(embedding(12), own.double.embeds, 5.0)])
    assert [s.name for s in batch.run(talk(), WHO, own).speakers] == ["Bert", "Anna"]
    forgotten = list[str]()

    def forget(_: Progress) -> None:
        if not forgotten:
            people.forget(low_voice.id)
            forgotten.append(low_voice.id)

    found = batch.run(talk(), WHO, own, on_progress=forget)
    people.close()
    assert forgotten
    assert [(s.id, s.name) for s in found.speakers] == [("S1", None), ("S2", "Anna")]
    assert "Bert" not in repr(found)


def test_who_is_not_alike_enough_is_proposed_by_id(own: Hearer) -> None:
    near = tuple(0.42 if i == 12 else 0.9075 if i == 39 else 0.0 for i in range(40))
    people = People(own.settings.archive)
    anna = people.enrol("Anna", [Voiceprint(near, own.double.embeds, 5.0)])
    people.close()
    found = batch.run(talk(), WHO, own)
    assert [(s.id, s.name, s.person) for s in found.speakers] == [("S1", None, None), ("S2", None, None)]
    (told,) = [n.message for n in found.provenance.notices if n.code == "speaker_suggested"]
    assert told.startswith(f"S2 may be {anna.id}")
    assert "Anna" not in repr(found)
    alone = replace(WHO, diarizing=Diarizing(people=False))
    assert "speaker_suggested" not in [n.code for n in batch.run(talk(), alone, own).provenance.notices]


def test_twenty_speakers_in_a_row_are_all_told(own: Hearer) -> None:
    voices = [sounds.tone(1, 100.0 * step, peak=0.9) for step in range(2, 22)]
    found = batch.run(sounds.wav(np.concatenate([np.append(v, sounds.silence(1)) for v in voices])), WHO, own)
    assert [s.id for s in found.speakers] == [f"S{n}" for n in range(1, 21)]
    assert [s.speaker for s in found.segments] == [f"S{n}" for n in range(1, 21)]
    assert len(set(labels.names(found).values())) == 20
