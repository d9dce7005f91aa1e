"""Who says the utterances of a live session: labels after the text, corrections, failures, and bounds."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from typing_extensions import override

from earwitness.errors import EngineFailed
from earwitness.events import Failed, Final, Named, Noted, Revised
from earwitness.live.speaking import MOST_WAITING, Speaking
from earwitness.parts import Crowd, Voiced
from earwitness.types import Audio, Notice, Segment, Speaker, Word

R = TypeVar("R")


@dataclass
class Listener:
    """An ear for which the loudness of an utterance is its voice: positive is one person, negative another."""

    embeds: str = "double"
    broken: bool = False
    one: bool = False
    """Whether all are the same, once they are sorted."""

    def utterance(self, audio: Audio) -> Voiced | None:
        if self.broken:
            raise EngineFailed("the ear broke")
        level = float(audio.samples.mean())
        return Voiced(np.array([level, 1 - abs(level)], np.float32), 2.0) if level else None

    def sorted(self, voices: NDArray[np.float32], seconds: NDArray[np.float64], crowd: Crowd) -> NDArray[np.int64]:
        whose: NDArray[np.int64] = np.zeros(len(voices), np.int64) if self.one else (voices[:, 0] < 0).astype(np.int64)
        return whose


class Now(Executor):
    """Does everything at once."""

    @override
    def submit(self, fn: Callable[..., R], /, *args: object, **kwargs: object) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def said(level: float) -> Audio:
    return Audio(np.full(32_000, level, np.float32))


def final(ident: int, utterance: int) -> Final:
    return Final(ident, utterance, Segment(ident, ident + 1, "well", words=(Word("well", ident, ident + 1),)))


def test_labels_come_after_the_text_with_the_words() -> None:
    speaking = Speaking(Listener(), Crowd(), Now())
    told = []
    for n, level in enumerate((0.9, -0.9, 0.9), 1):
        speaking.hear(n, said(level), [final(2 * n, n), final(2 * n + 1, n)])
        told += speaking.collect()
    revised = [e for e in told if isinstance(e, Revised)]
    assert [(e.id, e.segment.speaker, e.what, e.revision) for e in revised] == [
        (2, "S1", "speaker", 1),
        (3, "S1", "speaker", 1),
        (4, "S2", "speaker", 1),
        (5, "S2", "speaker", 1),
        (6, "S1", "speaker", 1),
        (7, "S1", "speaker", 1),
    ]
    assert all(w.speaker == e.segment.speaker for e in revised for w in e.segment.words)
    assert {e.segment.text for e in revised} == {"well"}
    assert not speaking.end()


def test_what_turns_out_to_be_one_person_is_corrected() -> None:
    ear = Listener()
    speaking = Speaking(ear, Crowd(), Now())
    for n, level in enumerate((0.9, -0.9, 0.9), 1):
        speaking.hear(n, said(level), [final(n, n)])
        speaking.collect()
    ear.one = True
    (correction,) = speaking.end()
    assert isinstance(correction, Revised)
    assert (correction.id, correction.segment.speaker, correction.revision) == (2, "S1", 2)


def test_nobody_is_named_where_nobody_speaks_alone() -> None:
    speaking = Speaking(Listener(), Crowd(), Now())
    speaking.hear(1, said(0.0), [final(1, 1)])
    assert speaking.collect() == []


def test_an_utterance_without_text_is_not_listened_to() -> None:
    speaking = Speaking(Listener(broken=True), Crowd(), Now())
    speaking.hear(1, said(0.5), [])
    assert speaking.waiting == 0


def test_an_ear_that_breaks_is_told_and_the_text_stays() -> None:
    speaking = Speaking(Listener(broken=True), Crowd(), Now())
    speaking.hear(1, said(0.5), [final(1, 1)])
    (failed,) = speaking.collect()
    assert isinstance(failed, Failed)
    assert not failed.fatal
    assert speaking.waiting == 0


def test_voices_that_can_not_be_heard_in_time_stay_without_a_name(pool: ThreadPoolExecutor) -> None:
    held = pool.submit(time.sleep, 0.3)
    speaking = Speaking(Listener(), Crowd(), pool)
    for n in range(1, MOST_WAITING + 11):
        speaking.hear(n, said(0.5), [final(n, n)])
    assert speaking.waiting == MOST_WAITING
    held.result()
    pool.submit(lambda: None).result()
    told = speaking.collect()
    assert [e.notice.code for e in told if isinstance(e, Noted)] == ["voices_left_out"]
    assert sum(isinstance(e, Revised) for e in told) == MOST_WAITING
    for n in range(50, 50 + 2 * MOST_WAITING):
        speaking.hear(n, said(0.5), [final(n, n)])
    pool.submit(lambda: None).result()
    assert not any(isinstance(e, Noted) for e in speaking.collect()), "it is told once"


def test_people_are_named_once_there_is_enough_of_their_voice_and_forgotten_ones_are_not() -> None:
    people = {"S1": "Anna"}

    def recognise(speakers: tuple[Speaker, ...]) -> tuple[tuple[Speaker, ...], tuple[Notice, ...]]:
        assert all(np.linalg.norm(s.voice) == pytest.approx(1) for s in speakers)
        named = (replace(s, name=people.get(s.id), person=people.get(s.id)) for s in speakers)
        return tuple(named), (() if people else (Notice("people_not_known", "nobody"),))

    speaking = Speaking(Listener(), Crowd(), Now(), recognise=recognise)
    speaking.hear(1, said(0.9), [final(1, 1)])
    (_, named) = speaking.collect()
    assert isinstance(named, Named)
    assert (named.speaker.id, named.speaker.name, named.speaker.voice) == ("S1", "Anna", ())
    speaking.hear(2, said(0.9), [final(2, 2)])
    assert not [e for e in speaking.collect() if isinstance(e, Named)]
    people.clear()
    speaking.hear(3, said(0.9), [final(3, 3)])
    told = speaking.collect()
    (gone,) = [e for e in told if isinstance(e, Named)]
    assert [e.notice.code for e in told if isinstance(e, Noted)] == ["people_not_known"]
    assert (gone.speaker.name, gone.speaker.person) == (None, None)
    speaking.hear(4, said(0.9), [final(4, 4)])
    noticed = [e.notice.code for e in [*speaking.collect(), *speaking.end()] if isinstance(e, Noted)]
    assert noticed == []
