"""The embedded aligner on the sample recording, and on sound and text that do not belong together."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from earwitness.audio import decode
from earwitness.models.catalog import sample
from earwitness.parts import Aligner
from earwitness.parts.align_pocketsphinx import spec
from earwitness.types import Audio, Word
from support import sounds

RATE = 16_000
HEARTILY = "No, not heartily, just less heartily."
STARTS_S = (12.01, 12.14, 12.37, 12.94, 13.23, 13.45)


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return spec.load()


@pytest.fixture(scope="module")
def spoken() -> Audio:
    """Two seconds and a half around the sentence."""
    whole = decode.decode(sample())
    return Audio(whole.samples[int(11.7 * RATE) : int(14.3 * RATE)], int(11.7 * RATE))


def _checked(found: tuple[Word, ...], audio: Audio, words: list[str]) -> tuple[Word, ...]:
    assert [w.text for w in found] == words
    edges = [audio.start_s, *(t for w in found for t in (w.start_s, w.end_s)), audio.end_s]
    assert edges == sorted(edges)
    return found


def test_words_are_found_where_they_are_said(aligner: Aligner, spoken: Audio) -> None:
    found = _checked(aligner.align(spoken, HEARTILY.split()), spoken, HEARTILY.split())
    assert [w.start_s for w in found] == pytest.approx(STARTS_S, abs=0.06)
    assert all(w.aligned and w.confidence is not None and w.confidence > 0.5 for w in found)


def test_the_same_sound_gives_the_same_times_whatever_came_before(aligner: Aligner, spoken: Audio) -> None:
    first = aligner.align(spoken, HEARTILY.split())
    aligner.align(Audio(sounds.noise(2.0)), ["something", "else"])
    assert aligner.align(spoken, HEARTILY.split()) == first


def test_many_threads_may_align_at_once(aligner: Aligner, spoken: Audio) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: aligner.align(spoken, HEARTILY.split()), range(8)))
    assert len(set(found)) == 1


def test_words_that_no_dictionary_lists_are_found(aligner: Aligner, spoken: Audio) -> None:
    text = "Noe, naht hartily, juzt less 客観 hartily — …".split()
    found = _checked(aligner.align(spoken, text), spoken, text)
    assert [w.start_s for w in found if w.aligned] == pytest.approx(STARTS_S, abs=0.12)
    assert [w.text for w in found if not w.aligned] == ["客観", "—", "…"]


def test_text_that_is_not_said_is_not_aligned(aligner: Aligner, spoken: Audio) -> None:
    text = "The government of France wants every village to have its own clock tower next to the market".split()
    found = _checked(aligner.align(spoken, text), spoken, text)
    assert sum(w.aligned and (w.confidence or 0) > 0.5 for w in found) <= 2


def test_a_false_word_before_the_speech_is_told(aligner: Aligner, spoken: Audio) -> None:
    text = f"Thursday {HEARTILY}".split()
    found = _checked(aligner.align(spoken, text), spoken, text)
    assert not found[0].aligned or (found[0].confidence or 0) < 0.5
    assert [w.start_s for w in found[3:]] == pytest.approx(STARTS_S[2:], abs=0.12)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        sounds.silence(0.03),
        sounds.silence(3.0),
        sounds.tone(2.0, peak=0.9),
        sounds.noise(2.0),
        np.full(RATE, np.nan, np.float32),
        1e9 * sounds.noise(1.0),
    ],
    ids=["none", "short", "silence", "tone", "noise", "nan", "loud"],
)
def test_what_is_no_speech_has_no_words_with_confidence(aligner: Aligner, samples: sounds.Samples) -> None:
    audio, text = Audio(samples, 5 * RATE), "hello my old friend".split()
    found = _checked(aligner.align(audio, text), audio, text)
    assert not any(w.aligned and (w.confidence or 0) > 0.5 for w in found)


def test_no_words_and_more_words_than_fit(aligner: Aligner, spoken: Audio) -> None:
    assert aligner.align(spoken, []) == ()
    text = ["hello"] * 500
    assert not any(w.aligned for w in _checked(aligner.align(spoken, text), spoken, text))
    odd = ["<s>", "(2)", "a(2)", "\x00", "<sil>", "++noise++", "'" * 50, "w" * 300, "1" * 5000]
    _checked(aligner.align(spoken, odd), spoken, odd)
