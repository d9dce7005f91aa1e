"""The hearing of parts whose library wants a whole recording."""

import numpy as np
import pytest

from earwitness.audio import timebase
from earwitness.errors import BadInput, StorageFailed, Unsupported
from earwitness.parts import Crowd
from earwitness.parts.diarize_nemo import Sortformer
from earwitness.parts.voices.kept import Answer, Kept
from earwitness.parts.voices.library import Floats
from earwitness.types import Audio, Diarization, Samples, Turn

SOUND = np.linspace(-1, 1, 16_000 * 4, dtype=np.float32)
VOICE: Floats = np.array([0.0, 2.0], np.float32)


def hearing(voices: dict[str, Floats]) -> tuple[Kept, list[Samples]]:
    heard = list[Samples]()

    def ask(sound: Samples, crowd: Crowd) -> Answer:
        heard.append(np.array(sound))
        return [Turn(2.0, 9.0, "b"), Turn(0.0, 3.0, "a"), Turn(3.5, 3.5, "c")], voices, ()

    return Kept(ask, "whole"), heard


@pytest.mark.parametrize("voices", [{}, {"a": VOICE}], ids=["no embeddings", "one"])
def test_it_is_asked_with_all_of_the_sound(voices: dict[str, Floats]) -> None:
    kept, heard = hearing(voices)
    start = timebase.samples(60)
    for at in range(0, len(SOUND), 7_001):
        kept.hear(Audio(SOUND[at : at + 7_001], start + at))
    found = kept.tell(Crowd())
    assert np.array_equal(heard[0], SOUND)
    assert found.turns == (Turn(60.0, 63.0, "S1"), Turn(62.0, 64.0, "S2"))
    assert found.exclusive == (Turn(60.0, 62.0, "S1"), Turn(62.0, 64.0, "S2"))
    assert [s.voice for s in found.speakers] == ([(0.0, 1.0), ()] if voices else [(), ()])
    assert found.method == "whole"


def test_it_may_be_asked_on_the_way() -> None:
    kept, heard = hearing({})
    kept.hear(Audio(SOUND[:20_000]))
    kept.tell(Crowd())
    kept.hear(Audio(SOUND[20_000:], 20_000))
    kept.tell(Crowd())
    assert [len(h) for h in heard] == [20_000, len(SOUND)]
    assert np.array_equal(heard[1], SOUND)


def test_no_sound_asks_nobody_and_sound_must_follow() -> None:
    kept, heard = hearing({})
    assert kept.tell(Crowd()) == Diarization(method="whole")
    kept.hear(Audio(SOUND))
    with pytest.raises(BadInput, match="does not follow"):
        kept.hear(Audio(SOUND))
    assert heard == []


def test_a_full_disk_is_told() -> None:
    kept, _ = hearing({})
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - a device
        kept.file = full
        with pytest.raises(StorageFailed, match="No space left"):
            kept.hear(Audio(SOUND))


class Net:
    """What NeMo's model is, as far as it is used."""

    def diarize(self, audio: list[Samples], **told: object) -> list[list[str]]:
        assert told["sample_rate"] == timebase.RATE
        return [["0.0 2.0 speaker_0", "1.0 4.0 speaker_1"]]


def test_a_sortformer_says_that_it_can_not_be_told_the_number() -> None:
    part = Sortformer("sortformer", Net())
    heard = part.begin()
    heard.hear(Audio(SOUND))
    assert [(t.start_s, t.end_s, t.speaker) for t in heard.tell(Crowd()).turns] == [(0.0, 2.0, "S1"), (1.0, 4.0, "S2")]
    assert heard.tell(Crowd()).notices == ()
    assert [n.code for n in heard.tell(Crowd(count=2)).notices] == ["number_of_speakers_not_heeded"]
    with pytest.raises(Unsupported, match="no embeddings"):
        part.voice(Audio(SOUND))
