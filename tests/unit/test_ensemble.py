"""Several diarizers that vote, which of them there are, and what is told of those that can't."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from earwitness import batch
from earwitness.config import Settings
from earwitness.diarizers import Diarizers
from earwitness.errors import BadInput, EngineFailed, Missing
from earwitness.kit import Kit
from earwitness.parts import Crowd, Diarizer, PartSpec
from earwitness.plugins import PARTS, Found, Plugins
from earwitness.stages.ensemble import Ensemble
from earwitness.stages.recipe import Diarizing, Recipe
from earwitness.types import Audio, Diarization, Speaker, Turn
from support import sounds

A, B = "A", "B"


def turns(*told: tuple[float, float, str]) -> tuple[Turn, ...]:
    return tuple(Turn(*t) for t in told)


@dataclass
class Says:
    """A diarizer and its hearing: it says what it is told to say, or breaks."""

    told: tuple[Turn, ...] = ()
    embeds: str = "says"
    breaks: str = ""

    def begin(self) -> "Says":
        return self

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        return (1.0, 0.0)

    def hear(self, audio: Audio) -> None:
        if self.breaks == "hear":
            raise EngineFailed("it broke while it heard")

    def tell(self, crowd: Crowd) -> Diarization:
        if self.breaks == "tell":
            raise EngineFailed("it broke while it told")
        ids = dict.fromkeys(t.speaker for t in self.told)
        speakers = tuple(Speaker(i, 1.0, 0.5, voice=(1.0, 0.0) if self.embeds else ()) for i in ids)
        return Diarization(self.told, self.told, speakers, "says")


TALK = turns((0, 4, A), (4, 8, B))
SOUND = Audio(np.zeros(16_000, np.float32))


def asked(*says: Says, crowd: Crowd | None = None) -> tuple[Ensemble, Diarization]:
    ensemble = Ensemble({f"d{n}": s for n, s in enumerate(says)})
    hearing = ensemble.begin()
    hearing.hear(SOUND)
    return ensemble, hearing.tell(crowd or Crowd())


def test_they_vote_and_each_says_what_it_said() -> None:
    ensemble = Ensemble({"x": Says(TALK), "y": Says(turns((0, 4, "p"), (4, 8, "q"))), "z": Says(turns((0, 8, "r")))})
    hearing = ensemble.begin()
    hearing.hear(SOUND)
    found = hearing.tell(Crowd())
    assert [t.speaker for t in found.turns] == ["S1", "S2"]
    assert found.exclusive == found.turns
    assert found.method == "vote of x, y, z"
    poll = hearing.poll
    assert poll is not None
    assert [s.name for s in poll.said] == ["x", "y", "z"]
    assert [s.error for s in poll.said] == [0.0, 0.0, 0.5]
    assert poll.said[1].names == {"p": "S1", "q": "S2"}
    assert poll.said[2].found.turns == turns((0, 8, "r"))
    assert sum(s.weight for s in poll.said) == pytest.approx(1.0, abs=1e-3)


def test_voices_are_those_of_the_first_that_makes_some_and_of_no_other_model() -> None:
    ensemble, found = asked(Says(TALK, embeds=""), Says(TALK, embeds="m1"), Says(TALK, embeds="m2"))
    assert ensemble.embeds == "m1"
    assert [s.voice for s in found.speakers] == [(1.0, 0.0)] * 2
    assert [s.confidence for s in found.speakers] == [0.5, 0.5]
    silent, found = asked(Says(TALK, embeds=""))
    assert silent.embeds == ""
    assert [s.voice for s in found.speakers] == [(), ()]


@pytest.mark.parametrize("when", ["hear", "tell"])
def test_one_that_breaks_is_left_out_and_told(when: str) -> None:
    _, found = asked(Says(TALK), Says(breaks=when))
    assert [t.speaker for t in found.turns] == ["S1", "S2"]
    assert [(n.code, n.message) for n in found.notices] == [
        ("diarizer_left_out", f"d1 had no vote: it broke while it {'heard' if when == 'hear' else 'told'}")
    ]


@pytest.mark.parametrize("when", ["hear", "tell"])
def test_where_all_break_it_is_an_error(when: str) -> None:
    with pytest.raises(EngineFailed, match="it broke"):
        asked(Says(breaks=when), Says(breaks=when))


def test_another_number_of_speakers_than_was_asked_for_is_told() -> None:
    assert [n.code for n in asked(Says(TALK), crowd=Crowd(count=3))[1].notices] == ["fewer_speakers"]
    assert [n.code for n in asked(Says(TALK), crowd=Crowd(most=1))[1].notices] == ["more_speakers"]
    assert asked(Says(TALK), crowd=Crowd(count=2))[1].notices == ()


# ── which there are ──────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Spec:
    """A part for tests."""

    name: str
    loads: Says | Exception = field(default_factory=lambda: Says(TALK))
    does: str = "diarizer"
    languages: tuple[str, ...] = ()
    lacks: str | None = None

    def missing(self) -> str | None:
        return self.lacks

    def load(self) -> Diarizer:
        if isinstance(self.loads, Exception):
            raise self.loads
        return self.loads


@dataclass
class Folders(Spec):
    """A part that finds others in the model directory."""

    given: Sequence[Spec] = ()

    def inside(self, models: Path) -> tuple[PartSpec[Diarizer], ...]:
        return tuple(self.given)


class Parts(Plugins[PartSpec[object]]):
    """Parts that are given."""

    def __init__(self, *specs: Spec) -> None:
        super().__init__(PARTS)
        self.specs = specs

    @override
    def __iter__(self) -> Iterator[Found[PartSpec[object]]]:
        return iter([Found(s.name, s, s.missing()) for s in self.specs])


BROKEN = EngineFailed("the weights are others")


def these(*specs: Spec) -> Diarizers:
    return Diarizers(Parts(*specs), Path("none"))


def test_auto_is_the_embedded_one_while_it_loads() -> None:
    embedded = Spec("community", Says(TALK, embeds="ours"))
    found = these(Spec("another"), embedded)
    assert found.get().embeds == "ours"
    assert found.get() is found.get("community")
    assert found.about("auto") == ()


def test_auto_falls_back_first_to_the_model_directory_and_says_so() -> None:
    given = Folders("wespeaker", given=[Spec("mine", Says(TALK, embeds="mine"))])
    found = these(Spec("another"), Spec("community", BROKEN), given)
    assert [f.name for f in found.all()] == ["community", "mine", "another"]
    assert found.get().embeds == "mine"
    (notice,) = found.about("auto")
    assert notice.code == "diarizer_fell_back"
    assert notice.message == "the weights are others; mine tells the speakers apart instead"
    assert found.about("mine") == ()


def test_what_is_not_installed_is_passed_over_without_a_word() -> None:
    found = these(Spec("community", BROKEN), Spec("big", lacks="torch is not installed"), Spec("other"))
    assert found.usable() == ("community", "other")
    found.get()
    assert [n.message for n in found.about("auto")] == [
        "the weights are others; other tells the speakers apart instead"
    ]


def test_where_none_loads_the_embedded_one_says_why() -> None:
    with pytest.raises(EngineFailed, match="the weights are others"):
        these(Spec("community", BROKEN), Spec("other", EngineFailed("that one too"))).get()
    with pytest.raises(Missing, match="no library"):
        these(Spec("community", lacks="no library")).get()
    with pytest.raises(Missing, match="no diarizer is installed"):
        these().get()


def test_a_wish_fails_loudly() -> None:
    found = these(Spec("community"), Spec("ctc", does="aligner"), Folders("nemo"), Spec("big", lacks="pip install big"))
    for name, part in (("big", "pip install big"), ("nemo", "no model in")):
        with pytest.raises(Missing, match=part):
            found.get(name)
    for name, part in (
        ("ctc", "its job is aligner"),
        ("nothing", "there is no diarizer"),
        ("community,community", "each once"),
        ("community,", "each once"),
        ("auto,community", "stands alone"),
        ("community,ensemble", "stands alone"),
    ):
        with pytest.raises(BadInput, match=part):
            found.get(name)
    with pytest.raises(EngineFailed, match="broke while it was loaded: ValueError"):
        these(Spec("odd", ValueError("x"))).get("odd")


def test_several_names_vote_and_ensemble_is_all_that_load() -> None:
    found = these(Spec("community"), Spec("two", Says(TALK)), Spec("three", BROKEN), Spec("four", lacks="no"))
    both = found.get("two,community")
    assert isinstance(both, Ensemble)
    assert list(both.members) == ["two", "community"]
    every = found.get("ensemble")
    assert isinstance(every, Ensemble)
    assert list(every.members) == ["community", "two"]
    assert list(every.failed) == ["three"]
    with pytest.raises(EngineFailed):
        found.get("community,three")
    with pytest.raises(Missing):
        these(Spec("four", lacks="no")).get("ensemble")


def test_the_transcript_tells_that_the_diarizer_fell_back(settings: Settings) -> None:
    with Kit(settings) as kit:
        kit.diarizers = these(Spec("community", BROKEN), Spec("other"))
        found = batch.speakers(sounds.wav(sounds.tone(9.0)), Recipe(diarizing=Diarizing()), kit)
    assert [n.code for n in found.provenance.notices] == ["diarizer_fell_back"]
    assert found.provenance.methods["speakers"] == "says"
    assert [t.speaker for t in found.turns] == [A, B]
