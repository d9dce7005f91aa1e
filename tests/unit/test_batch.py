"""A recording from its bytes to its transcript: progress, stopping, ranges, refusals, and what is written down."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earwitness import batch
from earwitness.__about__ import __version__
from earwitness.audio import decode
from earwitness.audio.decode import Report
from earwitness.config import Settings
from earwitness.engines import Engine
from earwitness.engines.fake import Fake, Options
from earwitness.errors import EngineFailed, ForeignSpeech, Unsupported
from earwitness.gathering import Gathering, Progress, Stop
from earwitness.kit import Kit
from earwitness.models.lane import Lane
from earwitness.models.pool import Pool
from earwitness.parts import Probabilities, VadState
from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import Recipe
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Clip, Samples, Segment
from support import sounds

if TYPE_CHECKING:
    from conftest import References

FAKE = Recipe(model="fake")


class Loudness:
    """A detector for which a frame's loudness is its probability of speech."""

    frame = 512

    def begin(self) -> VadState:
        return VadState(np.zeros(0, np.float32), ())

    def probabilities(self, samples: Samples, state: VadState) -> tuple[Probabilities, VadState]:
        return np.abs(samples.reshape(-1, self.frame)).max(axis=1), state


class Told:
    """An engine that says the same for every clip, and keeps the clips it was shown."""

    def __init__(
        self, text: str, logprob: float = -0.05, *, fail_from_s: float = float("inf"), max_clip_s: float = 30.0
    ) -> None:
        self.can = Fake(Options(languages=("en",), max_clip_s=max_clip_s)).can
        self.shown: list[Clip] = []
        self._text, self._logprob, self._fail_from_s = text, logprob, fail_from_s

    def transcribe(self, clips: list[Clip]) -> list[tuple[Segment, ...]]:
        self.shown += clips
        if any(c.audio.start_s > self._fail_from_s for c in clips):
            raise EngineFailed("the end of it")
        said = float(np.exp(self._logprob))
        return [
            (Segment(c.audio.start_s, c.audio.end_s, self._text, "en", avg_logprob=self._logprob, confidence=said),)
            for c in clips
        ]

    def close(self) -> None:
        pass


@pytest.fixture
def own(settings: Settings) -> Iterator[Kit]:
    """A kit for the fake engine that takes loud sound for speech."""
    with Kit(settings.model_copy(update={"workers": 1})) as made:
        made.vad = Loudness()
        yield made


def _with(own: Kit, engine: object) -> Kit:
    """The kit with this engine for every plan."""
    loaded: Engine = engine  # type: ignore[assignment]
    own.pool = Pool(lambda _: Lane(loaded))
    return own


def _talk(count: int = 4, *, peak: float = 0.9) -> bytes:
    """Tones of a second with three seconds of silence after each."""
    parts = [p for n in range(count) for p in (sounds.tone(1.0, peak=peak - n * 0.01), sounds.silence(3))]
    return sounds.wav(np.concatenate(parts))


# ── what comes out, and when ──
def test_text_has_the_times_of_the_recording(own: Kit) -> None:
    found = batch.run(_talk(3), FAKE, own)
    assert [(round(s.start_s, 1), round(s.end_s, 1)) for s in found.segments] == [(0, 1), (4, 5), (8, 9)]
    assert found.text == " ".join(["loud"] * 30)
    assert (found.duration_s, found.language, found.task, found.complete) == (12.0, "en", "transcribe", True)


def test_segments_are_told_in_order_as_they_come_and_are_the_transcripts(own: Kit) -> None:
    told: list[Segment] = []
    found = batch.run(_talk(6), FAKE, own, on_segments=told.extend)
    assert tuple(told) == found.segments
    assert len(told) == 6


def test_progress_runs_forward_to_the_end(own: Kit) -> None:
    told: list[Progress] = []
    batch.run(_talk(5), FAKE, own, on_progress=told.append)
    done = [p.done_s for p in told]
    assert done == sorted(done)
    assert len(done) == 6
    assert done[-1] == 20.0
    assert {p.total_s for p in told} == {20.0}
    assert all(p.speed > 0 for p in told)
    assert told[-1].eta_s == 0.0


def test_progress_reaches_the_end_without_speech_and_in_a_range(own: Kit) -> None:
    told: list[Progress] = []
    batch.run(sounds.wav(sounds.silence(9)), FAKE, own, on_progress=told.append)
    assert [(p.done_s, p.total_s) for p in told] == [(9.0, 9.0)]
    told.clear()
    batch.run(_talk(5), Recipe(model="fake", from_s=3.0, to_s=10.0), own, on_progress=told.append)
    assert (told[-1].done_s, told[-1].total_s) == (7.0, 7.0)


@pytest.mark.parametrize(
    ("progress", "eta_s"),
    [(Progress(10, 30, 5), 4), (Progress(31, 30, 5), 0), (Progress(10, None, 5), None), (Progress(0, 30, 0), None)],
)
def test_the_time_left_follows_from_the_speed(progress: Progress, eta_s: float | None) -> None:
    assert progress.eta_s == eta_s


# ── stopping and failing ──
def test_a_stop_keeps_what_is_finished(own: Kit) -> None:
    stop, told = Stop(), list[Segment]()

    def on_segments(fresh: tuple[Segment, ...]) -> None:
        told.extend(fresh)
        if len(told) == 2:
            stop.set()

    found = batch.run(_talk(9), FAKE, own, on_segments=on_segments, stop=stop)
    assert not found.complete
    assert found.segments == tuple(told)
    assert len(told) == 2
    assert found.duration_s == pytest.approx(5.0, abs=0.1)


def test_a_stop_before_the_start_gives_an_empty_partial(own: Kit) -> None:
    stop = Stop()
    stop.set()
    found = batch.run(_talk(), FAKE, own, stop=stop)
    assert (found.segments, found.complete, found.duration_s) == ((), False, 0.0)


def test_what_was_gathered_before_a_failure_can_be_had(own: Kit) -> None:
    gathering = Gathering(FAKE, Report())
    with pytest.raises(EngineFailed, match="the end of it"):
        batch.run(_talk(5), FAKE, _with(own, Told("well said", fail_from_s=7.5)), gathering=gathering)
    found = gathering.transcript(complete=False)
    assert [s.text for s in found.segments] == ["well said"] * 2
    assert not found.complete
    assert found.duration_s == pytest.approx(5.0, abs=0.1)
    assert found.provenance.model == "fake"


def test_the_seat_is_given_back_after_a_failure(own: Kit) -> None:
    with pytest.raises(EngineFailed):
        batch.run(_talk(2), FAKE, _with(own, Told("", fail_from_s=-1.0)))
    with own.lane("fake") as (_, lane):
        assert lane.seated == 0


# ── ranges and channels ──
def test_a_range_gives_the_times_of_the_whole(own: Kit) -> None:
    whole = batch.run(_talk(5), FAKE, own)
    found = batch.run(_talk(5), Recipe(model="fake", from_s=3.5, to_s=10.0), own)
    mine, same = ([t for s in segments for t in (s.start_s, s.end_s)] for segments in (found.segments, whole.segments))
    assert mine == pytest.approx(same[2:6], abs=0.1)
    assert found.duration_s == 10.0


def test_one_channel_may_be_heard(own: Kit) -> None:
    left = np.concatenate([sounds.tone(1, peak=0.9), sounds.silence(5)])
    right = np.concatenate([sounds.silence(3), sounds.tone(1, peak=0.9), sounds.silence(2)])
    both = sounds.wav(np.stack([left, right], axis=1))
    starts = [batch.run(both, Recipe(model="fake", channel=c), own).segments[0].start_s for c in (0, 1)]
    assert starts == pytest.approx([0.0, 3.0], abs=0.1)


# ── what engines are given ──
@pytest.mark.parametrize(("margin_s", "max_clip_s"), [(0.05, 6.0), (0.3, 6.0), (1.008, 6.003)])
def test_no_clip_is_longer_than_the_engine_takes(own: Kit, margin_s: float, max_clip_s: float) -> None:
    engine = Told("on and on", -0.4, max_clip_s=max_clip_s)
    recipe = Recipe(model="fake", listening=Listening(margin_s=margin_s, longest_s=60.0))
    bursts = [p for n in range(116, 148) for p in (sounds.tone(n * 0.032, peak=0.9), sounds.silence(2.048))]
    batch.run(sounds.wav(np.concatenate(bursts)), recipe, _with(own, engine))
    assert max_clip_s - 0.2 < max(c.audio.duration_s for c in engine.shown) <= max_clip_s


def test_tokens_are_kept_only_when_asked_for(own: Kit) -> None:
    plain = batch.run(_talk(1), FAKE, own)
    asked = batch.run(_talk(1), Recipe(model="fake", ask=Ask(logprobs=True)), own)
    assert plain.segments[0].tokens == ()
    assert len(asked.segments[0].tokens) == 10
    assert plain.segments[0].token_ids == asked.segments[0].token_ids != ()


def test_a_firm_wish_that_cannot_be_fulfilled_is_refused_and_a_hint_is_noted(kit: Kit) -> None:
    silence = sounds.wav(sounds.silence(1))
    with pytest.raises(Unsupported, match="times of single words"):
        batch.run(silence, Recipe(ask=Ask(word_times=True)), kit)
    found = batch.run(silence, Recipe(ask=Ask(prompt="Nagg and Nell", hotwords=("Nagg",))), kit)
    assert found.provenance.not_honoured == ("prompt", "hotwords")


# ── what is held back ──
def test_a_recording_of_foreign_speech_alone_is_refused(own: Kit) -> None:
    with pytest.raises(ForeignSpeech, match=r"3\.\d s of speech were found") as failure:
        batch.run(_talk(3), FAKE, _with(own, Told("the soft way", -1.5)))
    assert failure.value.param == "language"


def test_foreign_speech_passes_with_the_gate_open(own: Kit) -> None:
    recipe = Recipe(model="fake", guarding=Guarding(language_gate=False))
    assert len(batch.run(_talk(3), recipe, _with(own, Told("the soft way", -1.5))).segments) == 3


def test_a_moment_of_it_is_no_reason_to_refuse_the_recording(own: Kit) -> None:
    found = batch.run(_talk(1), FAKE, _with(own, Told("the soft way", -1.5)))
    assert [s.reason for s in found.suppressed] == ["foreign_or_unclear"]
    (notice,) = found.provenance.notices
    assert notice.code == "foreign_or_unclear"
    assert "1 place(s), 1.0 s, the first at 00:00:00" in notice.message


def test_there_is_one_notice_for_each_reason(own: Kit) -> None:
    found = batch.run(_talk(3, peak=0.7), FAKE, _with(own, Told("Thank you.", -0.3)))
    assert [s.text for s in found.suppressed] == ["Thank you."] * 3
    assert [n.code for n in found.provenance.notices] == ["phantom"]
    assert "3 place(s)" in found.provenance.notices[0].message


def test_the_provenance_is_enough_to_do_it_again(own: Kit) -> None:
    recipe = Recipe(model="fake", ask=Ask(language="de"), from_s=1.0)
    found = batch.run(_talk(2), recipe, own).provenance
    assert (found.earwitness, found.engine, found.model) == (__version__, "fake", "fake")
    assert found.device == own.machine.devices[0].name
    assert found.recipe == recipe.as_json()
    assert found.source is not None
    assert (found.source.container, found.source.rate, found.source.channels) == ("wav", 16_000, 1)
    assert found.source.duration_s == 8.0


def test_without_speech_the_language_is_the_one_that_was_asked_for(own: Kit) -> None:
    found = batch.run(sounds.wav(sounds.silence(2)), Recipe(model="fake", ask=Ask(language="de")), own)
    assert (found.text, found.language, found.complete) == ("", "de", True)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(1.0, "de", 0.9), (9.0, "en", 0.9)], "en"),
        ([(4.0, "de", 0.9), (6.0, "cy", 0.3)], "de"),
        ([(4.0, "de", None), (3.0, "en", 1.0)], "de"),
        ([(4.0, None, None), (1.0, "en", 0.2)], "en"),
        ([(4.0, None, None)], "fr"),
        ([], "fr"),
    ],
    ids=["most-speech", "most-likely", "told", "one-not-known", "none-known", "nothing-said"],
)
def test_the_language_is_that_of_most_speech(
    parts: list[tuple[float, str | None, float | None]], expected: str
) -> None:
    found = Gathering(Recipe(ask=Ask(language="fr")), Report())
    found.segments = tuple(Segment(0.0, s, "word", code, language_prob=prob) for s, code, prob in parts)
    assert found.transcript(complete=True).language == expected


# ── with the embedded model ──
def test_english_played_backwards_is_refused(sample: Path, kit: Kit) -> None:
    whole = np.concatenate([a.samples for a in decode.stream(sample.parent / "two_cities.wav", Report())])
    with pytest.raises(ForeignSpeech):
        batch.run(sounds.wav(whole[: 12 * 16_000][::-1].copy()), Recipe(), kit)


@pytest.mark.parametrize(
    "sound", [sounds.noise(4), sounds.tone(3), sounds.silence(4)], ids=["noise", "tone", "silence"]
)
def test_made_sounds_hold_no_words(kit: Kit, sound: Samples) -> None:
    assert batch.run(sounds.wav(sound), Recipe(), kit).text == ""


@pytest.mark.shared
def test_speech_in_other_languages_is_refused(references: "References", kit: Kit) -> None:
    recordings = [r for r in references.of("other_lang") if r.text]
    assert len(recordings) >= 5
    for recording in recordings:
        with pytest.raises(ForeignSpeech):
            batch.run(recording.path, Recipe(), kit)


@pytest.mark.shared
def test_only_the_english_of_a_mixed_recording_is_given_out(references: "References", kit: Kit) -> None:
    (mixed,) = (r for r in references.of("other_lang") if r.path.stem == "multilingual_en_de")
    found = batch.run(mixed.path, Recipe(), kit)
    assert "permission is hereby granted" in found.text.lower()
    assert "foreign_or_unclear" in [s.reason for s in found.suppressed]
    assert "foreign_or_unclear" in [n.code for n in found.provenance.notices]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["read_en", "spont_en"])
def test_english_is_not_refused(references: "References", kit: Kit, kind: str) -> None:
    for recording in references.of(kind):
        found = batch.run(recording.path, Recipe(), kit)
        assert found.segments, recording.path.name
        assert [s for s in found.suppressed if s.reason == "foreign_or_unclear"] == [], recording.path.name


@pytest.mark.shared
def test_sound_without_speech_gives_no_words(references: "References", kit: Kit) -> None:
    """But one: in `guitar_8s.flac` the player counts himself in aloud, though its reference is empty."""
    said = {r.path.name: batch.run(r.path, Recipe(), kit).text for r in references.of("non_speech")}
    count_in = said.pop("guitar_8s.flac").lower()
    assert set(said.values()) == {""}
    assert len(said) >= 9
    assert count_in == "" or {"one", "two", "three", "four"} >= set(count_in.replace(",", " ").strip(".").split())
