"""Embeddings into speakers, and windows into turns: by arithmetic alone, no model is loaded."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import BadInput
from earwitness.parts import Crowd
from earwitness.parts.voices import clusters, timeline
from earwitness.parts.voices.frames import FRAME_S, FRAMES, LAG_S, Stretch, Window, fbank, runs, spells
from earwitness.parts.voices.library import Floats, Pieces

CHANCE = np.random.default_rng(3)
PEOPLE = CHANCE.normal(size=(6, 256)).astype(np.float32)
PIECES = Pieces(
    b"",
    b"",
    b"",
    (1.0, 0.0),
    np.zeros(256, np.float32),
    np.eye(256, 128, dtype=np.float32),
    np.zeros(128, np.float32),
)


def said(who: list[int], noise: float = 0.5) -> Floats:
    """Embeddings of stretches, by who says them."""
    found: Floats = (PEOPLE[who] + noise * CHANCE.normal(size=(len(who), 256))).astype(np.float32)
    return found


def nearest(found: Floats) -> list[int]:
    """Which of the people each embedding is."""
    return sorted(clusters.alike(found, PEOPLE).argmax(1).tolist())


# ── who there is ──
@pytest.mark.parametrize("people", [1, 2, 3, 6])
def test_as_many_speakers_as_there_are(people: int) -> None:
    voices = said([n % people for n in range(60)])
    found = clusters.speakers(voices, np.full(60, 2.0), Crowd(), PIECES)
    assert nearest(found) == list(range(people))


def test_twenty_speakers_are_twenty() -> None:
    crowd = CHANCE.normal(size=(20, 256)).astype(np.float32)
    voices = crowd[[n % 20 for n in range(200)]] + 0.5 * CHANCE.normal(size=(200, 256)).astype(np.float32)
    found = clusters.speakers(voices.astype(np.float32), np.full(200, 2.0), Crowd(), PIECES)
    assert sorted(clusters.alike(found, crowd).argmax(1).tolist()) == list(range(20))


@pytest.mark.parametrize(
    ("crowd", "count"), [(Crowd(count=2), 2), (Crowd(count=5), 3), (Crowd(most=2), 2), (Crowd(least=4), 3)]
)
def test_there_are_no_more_than_are_told_and_nobody_is_made_up(crowd: Crowd, count: int) -> None:
    voices = said([n % 3 for n in range(60)])
    assert len(clusters.speakers(voices, np.full(60, 2.0), crowd, PIECES)) == count


def test_voices_that_are_near_are_two_where_two_are_told() -> None:
    near = (PEOPLE[0] + 1.8 * PEOPLE[1])[None] + np.zeros((20, 1), np.float32)
    voices = np.concatenate([said([0] * 20), near + 0.5 * CHANCE.normal(size=near.shape)]).astype(np.float32)
    found = [len(clusters.speakers(voices, np.full(40, 2.0), Crowd(count=n), PIECES)) for n in (None, 2)]
    assert found == [1, 2]


def test_short_stretches_bear_each_other_out() -> None:
    voices, seconds = said([0] * 20 + [1] * 3, noise=0.2), np.array([2.5] * 20 + [0.46, 0.35, 0.35])
    assert nearest(clusters.speakers(voices, seconds, Crowd(), PIECES)) == [0, 1]
    assert nearest(clusters.speakers(voices[:21], seconds[:21], Crowd(), PIECES)) == [0]


def test_a_long_recording_is_sorted_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    voices, seconds = said([n // 40 % 4 for n in range(400)]), np.full(400, 2.0)
    monkeypatch.setattr(clusters, "BLOCK", 50)
    assert nearest(clusters.speakers(voices, seconds, Crowd(), PIECES)) == [0, 1, 2, 3]


def test_who_says_little_is_a_speaker_all_the_same() -> None:
    voices, seconds = said([0] * 20 + [1] * 4), np.array([2.5] * 20 + [0.7] * 4)
    assert nearest(clusters.speakers(voices, seconds, Crowd(), PIECES)) == [0, 1]


def test_a_single_short_stretch_and_none_at_all() -> None:
    assert len(clusters.speakers(said([2]), np.array([0.2]), Crowd(), PIECES)) == 1
    assert clusters.speakers(np.zeros((0, 256), np.float32), np.zeros(0), Crowd(), PIECES).shape == (0, 256)


@pytest.mark.parametrize(
    ("count", "least", "most"), [(0, None, None), (101, None, None), (2, 1, None), (None, 3, 2), (None, None, -1)]
)
def test_a_crowd_that_can_not_be_is_refused(count: int | None, least: int | None, most: int | None) -> None:
    with pytest.raises(BadInput):
        Crowd(count, least, most)


# ── who speaks when ──
def window(start_s: float, speech: dict[int, list[tuple[int, int]]], voices: dict[int, int]) -> Window:
    """A window by the frames in which each of its voices is active, and whose voices they are."""
    active = np.zeros((FRAMES, 3), np.uint8)
    for local, spans in speech.items():
        for first, last in spans:
            active[first:last, local] = 1
    stretches = tuple(Stretch(local, a, b, PEOPLE[voices[local]]) for local, a, b in runs(active))
    return Window(start_s, np.packbits(active).tobytes(), stretches)


def test_turns_follow_the_windows() -> None:
    one = window(0.0, {0: [(0, 200)], 1: [(300, 500)]}, {0: 4, 1: 1})
    turns, alone = timeline.turns([one], PEOPLE[[1, 4]], 10.0)
    assert [who for who, _ in turns] == [1, 0]
    assert turns[0][1].start_s == pytest.approx(LAG_S)
    assert turns[0][1].end_s == pytest.approx(200 * FRAME_S + LAG_S)
    assert [(who, t.start_s) for who, t in alone] == [(who, t.start_s) for who, t in turns]


def test_two_at_once_are_two_turns_and_one_leads() -> None:
    one = window(0.0, {0: [(0, 400)], 2: [(200, 300)]}, {0: 0, 2: 1})
    two = window(0.0, {0: [(0, 400)], 2: [(190, 300)]}, {0: 0, 2: 1})
    turns, alone = timeline.turns([one, two], PEOPLE[:2], 10.0)
    assert [who for who, _ in turns] == [0, 1]
    assert turns[0][1].end_s > turns[1][1].end_s > turns[1][1].start_s > turns[0][1].start_s
    assert [who for who, _ in alone] == [0]


def test_most_windows_decide_and_pauses_are_closed() -> None:
    lone = window(0.0, {0: [(100, 110)]}, {0: 0})
    rest = [window(0.0, {0: [(200, 300), (315, 400)]}, {0: 0})] * 3
    turns, _ = timeline.turns([lone, *rest], PEOPLE[:1], 10.0)
    assert len(turns) == 1
    assert turns[0][1].start_s == pytest.approx(200 * FRAME_S + LAG_S)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_turns_lie_in_the_recording_and_those_alone_never_overlap(data: st.DataObject) -> None:
    count, end_s = data.draw(st.integers(1, 9)), data.draw(st.floats(0.5, 30.0))
    windows = []
    for n in range(count):
        speech = {}
        for local in data.draw(st.sets(st.integers(0, 2), max_size=3)):
            edges = sorted(data.draw(st.lists(st.integers(0, FRAMES), min_size=2, max_size=6)))
            speech[local] = [(a, b) for a, b in list(pairwise(edges))[::2] if b > a]
        windows.append(window(2.5 * n, speech, {0: 0, 1: 1, 2: 2}))
    turns, alone = timeline.turns(windows, PEOPLE[:3], end_s)
    for _, turn in (*turns, *alone):
        assert 0 <= turn.start_s < turn.end_s <= end_s
    for (_, before), (_, after) in pairwise(alone):
        assert before.end_s <= after.start_s + 1e-9
    for who in range(3):
        mine = [t for speaker, t in turns if speaker == who]
        assert all(a.end_s < b.start_s for a, b in pairwise(mine))


def test_pieces_of_a_long_recording_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = [window(2.5 * n, {0: [(0, FRAMES)]}, {0: n // 20 % 2}) for n in range(100)]
    whole = timeline.turns(windows, PEOPLE[:2], 260.0)
    monkeypatch.setattr(timeline, "PIECE", 7)
    assert timeline.turns(windows, PEOPLE[:2], 260.0) == whole


# ── pieces ──
def test_spells_and_runs() -> None:
    assert spells(np.array([0, 1, 1, 0, 1])) == [(1, 3), (4, 5)]
    assert spells(np.zeros(4)) == []
    active = np.zeros((FRAMES, 3), np.uint8)
    active[0:300, 0] = active[250:320, 1] = active[400:404, 2] = 1
    found = runs(active)
    assert [(local, first, last) for local, first, last in found] == [(0, 0, 125), (0, 125, 250), (1, 300, 320)]


def test_the_spectrogram_of_a_tone_peaks_at_its_band() -> None:
    at = np.arange(16_000) / 16_000
    found = [fbank(np.sin(2 * np.pi * hertz * at).astype(np.float32)).mean(0).argmax() for hertz in (200, 1000, 4000)]
    mels = 1127 * np.log1p(np.array([20, 200, 1000, 4000, 8000]) / 700)
    expected = (mels[1:4] - mels[0]) / (mels[4] - mels[0]) * 81 - 1
    assert np.abs(np.array(found) - expected).max() <= 1
    assert fbank(np.zeros(16_000, np.float32)).shape == (98, 80)
