"""Labels of a live session's utterances: given at once, corrected later, never used for another, in bounded memory."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from earwitness.parts import MOST_SPEAKERS, Crowd, Ear, Voiced
from earwitness.stages import who
from earwitness.stages.who import Correction, Voices

CHANCE = np.random.default_rng(11)
PEOPLE = CHANCE.normal(size=(8, 64)).astype(np.float32)


@dataclass
class Sorter:
    """An ear that goes by cosines: who is like the first of a group is in it. Fewer than `late` are all one."""

    embeds: str = "for tests"
    late: int = 0

    def utterance(self, audio: object) -> Voiced | None:
        raise AssertionError(audio)

    def sorted(self, voices: NDArray[np.float32], seconds: NDArray[np.float64], crowd: Crowd) -> NDArray[np.int64]:
        assert voices.shape[0] == len(seconds)
        firsts, found = list[NDArray[np.float32]](), list[int]()
        for row in voices:
            near = [float(row @ first) for first in firsts]
            if not near or (max(near) < 0.4 and len(firsts) < (crowd.count or 99)):
                firsts.append(row)
                near.append(1.0)
            found.append(int(np.argmax(near)))
        return np.array(found) if len(voices) >= self.late else np.zeros(len(voices), np.int64)


EAR: Ear = Sorter()


def said(person: int, speech_s: float = 2.0, noise: float = 0.3) -> Voiced:
    row = PEOPLE[person] + noise * CHANCE.normal(size=64).astype(np.float32)
    return Voiced((row / np.linalg.norm(row)).astype(np.float32), speech_s)


def told(people: list[int], crowd: Crowd = Crowd()) -> tuple[Voices, list[str | None], dict[str, str]]:  # noqa: B008 - frozen
    """The state, the labels at once and those that stand in the end."""
    voices, at_once, now = Voices(), list[str | None](), dict[str, str]()
    for n, person in enumerate(people):
        voices, label, corrections = who.label(voices, str(n), said(person), EAR, crowd)
        at_once.append(label)
        assert label is not None
        now[str(n)] = label
        for c in corrections:
            assert now[c.utterance] == c.before != c.after
            now[c.utterance] = c.after
    return voices, at_once, now


def test_each_speaker_has_one_label() -> None:
    people = [0, 0, 1, 0, 2, 1, 2, 0] * 4
    _, at_once, now = told(people)
    expected = [f"S{p + 1}" for p in people]
    assert at_once == expected
    assert list(now.values()) == expected


def test_a_short_utterance_makes_nobody_new_at_once() -> None:
    voices, first, _ = who.label(Voices(), "a", said(0), EAR)
    _, far, _ = who.label(voices, "b", said(1, 0.5), Sorter(late=9))
    assert (first, far) == ("S1", "S1")


def test_where_nobody_speaks_alone_there_is_no_label() -> None:
    voices, label, corrections = who.label(Voices(), "a", None, EAR)
    assert (label, corrections, voices.kept) == (None, (), ())
    assert who.sort(voices, EAR)[1] == ()


def test_what_was_wrong_is_corrected_when_more_is_heard() -> None:
    voices, log = Voices(), list[tuple[str | None, tuple[Correction, ...]]]()
    for n, (person, speech_s) in enumerate([(0, 6.0), (1, 0.8), (1, 0.9), (1, 3.0)]):
        voices, label, corrections = who.label(voices, str(n), said(person, speech_s), Sorter(late=4))
        log.append((label, corrections))
    assert [label for label, _ in log[:3]] == ["S1", "S1", "S1"]
    assert log[3] == ("S2", (Correction("1", "S1", "S2"), Correction("2", "S1", "S2")))


def test_no_more_labels_at_once_than_people_are_told() -> None:
    voices, at_once, _ = told([0, 1, 2, 3, 2, 1], Crowd(count=2))
    assert set(at_once) == {"S1", "S2"}
    assert voices.labels == 2


def test_a_day_is_kept_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(who, "KEPT", 40)
    monkeypatch.setattr(who, "AGED", 10)
    voices, at_once, _ = told([n % 3 for n in range(160)])
    assert len(voices.kept) <= 40
    assert len(voices.past) == 3
    assert sum(u.voiced.speech_s for u in (*voices.past, *voices.kept)) == pytest.approx(320.0)
    assert at_once == [f"S{n % 3 + 1}" for n in range(160)]


def test_voices_of_nobody_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(who, "KEPT", 12)
    monkeypatch.setattr(who, "AGED", 6)
    voices = Voices()
    for n in range(2 * MOST_SPEAKERS):
        row = np.zeros(2 * MOST_SPEAKERS, np.float32)
        row[n] = 1.0
        voices, _, _ = who.label(voices, str(n), Voiced(row, 2.0), EAR)
    assert len(voices.past) <= MOST_SPEAKERS


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.floats(0.1, 15.0), st.floats(0.0, 1.5)), max_size=25),
    st.sampled_from([Crowd(), Crowd(count=2), Crowd(most=3)]),
)
def test_corrections_tell_all_that_changes(said_by: list[tuple[int, float, float]], crowd: Crowd) -> None:
    voices, now, given_out = Voices(), dict[str, str](), 0
    for n, (person, speech_s, noise) in enumerate(said_by):
        before = voices
        voices, label, corrections = who.label(voices, str(n), said(person, speech_s, noise), EAR, crowd)
        assert label is not None
        assert [u.id for u in before.kept] == [str(k) for k in range(n)]
        assert voices.labels >= given_out
        given_out = voices.labels
        now[str(n)] = label
        for c in corrections:
            assert now[c.utterance] == c.before != c.after
            now[c.utterance] = c.after
        assert {u.id: u.label for u in voices.kept} == now
        assert all(1 <= int(name[1:]) <= voices.labels for name in now.values())
    after, corrections = who.sort(voices, EAR, crowd)
    assert {u.id: u.label for u in after.kept} == now | {c.utterance: c.after for c in corrections}
