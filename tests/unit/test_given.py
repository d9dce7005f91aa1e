"""A given text is laid over its recording."""

from dataclasses import replace

import numpy as np
import pytest

from earwitness import given
from earwitness.audio import decode
from earwitness.errors import BadInput, Unsupported
from earwitness.kit import Kit
from earwitness.models.catalog import sample
from earwitness.stages.recipe import Recipe
from earwitness.types import Ask, Transcript, Word
from support import sounds

ENGLISH = Recipe(ask=Ask(language="en"), aligner="auto")
TEXT = """Do you hear me? Yes, do you hear me? Yes. We laugh less heartily. So we have still that resource. Laugh less
heartily. So we have still that resource. No, not heartily. Just less heartily. Ah, that's a good story! Ah, that's a
good story. What are you talking about? Laugh it. Guess what you were in pain. Not now. Do you remember the day I went
and fetched you from that ditch? No."""
DITCH_S = 27.02


def _words(found: Transcript) -> list[Word]:
    words = [w for s in found.segments for w in s.words]
    edges = [0.0, *(t for w in words for t in (w.start_s, w.end_s)), found.duration_s]
    assert edges == sorted(edges)
    return words


def test_a_short_recording_is_aligned_at_once(kit: Kit) -> None:
    found = given.fit(sample(), TEXT, kit, ENGLISH)
    words = _words(found)
    assert [w.text for w in words] == TEXT.split()
    assert given.share(words) > 0.9
    assert (found.provenance.methods, found.provenance.notices) == ({"words": "pocketsphinx"}, ())
    assert next(w for w in words if w.text == "ditch?").start_s == pytest.approx(DITCH_S, abs=0.08)


def test_a_long_recording_is_aligned_in_chunks(kit: Kit) -> None:
    once = decode.decode(sample()).samples
    text = f"{TEXT} Something that was never said at all. {TEXT}"
    found = given.fit(sounds.wav(np.concatenate([once, once])), text, kit, ENGLISH)
    words = _words(found)
    assert [w.text for w in words] == text.split()
    assert len(found.segments) > 3
    assert given.share(words) > 0.85
    last = [w for w in words if w.text == "ditch?"][-1]
    assert last.start_s == pytest.approx(len(once) / 16_000 + DITCH_S, abs=0.1)


def test_a_text_of_another_recording_is_told(kit: Kit) -> None:
    text = "The government of France wants every village to have its own clock tower next to the market " * 3
    found = given.fit(sample(), text, kit, ENGLISH)
    assert [w.text for w in _words(found)] == text.split()
    assert [n.code for n in found.provenance.notices] == ["text_does_not_match"]


def test_what_can_not_be_aligned_is_refused(kit: Kit) -> None:
    for text in (" \n ", "word " * (given.MOST_WORDS + 1)):
        with pytest.raises(BadInput, match="words, and 1 to") as failure:
            given.fit(sample(), text, kit, ENGLISH)
        assert failure.value.param == "text"
    with pytest.raises(Unsupported, match="no aligner here knows the language 'de'"):
        given.fit(sample(), "Guten Tag", kit, replace(ENGLISH, ask=Ask(language="de")))
    with pytest.raises(Unsupported, match="the aligner pocketsphinx does not know the language 'de'"):
        given.fit(sample(), "Guten Tag", kit, replace(ENGLISH, ask=Ask(language="de"), aligner="pocketsphinx"))
    with pytest.raises(BadInput, match="no aligner 'nope' here, only: auto, pocketsphinx"):
        given.fit(sample(), TEXT, kit, replace(ENGLISH, aligner="nope"))


def test_silence_has_no_words(kit: Kit) -> None:
    found = given.fit(sounds.wav(sounds.silence(2.0)), "hello there", kit, ENGLISH)
    assert not any(w.aligned and (w.confidence or 0) > 0.5 for w in _words(found))
