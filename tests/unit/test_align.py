"""Words get their times from a part where the engine has none."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from earwitness import batch
from earwitness.errors import BadInput, Unsupported
from earwitness.kit import Kit
from earwitness.models.catalog import sample
from earwitness.spread import spread
from earwitness.stages import align
from earwitness.stages.align import Timer
from earwitness.stages.recipe import Recipe
from earwitness.types import Ask, Audio, Can, Segment, Word

WORDS = Ask(word_times=True)
ENGLISH, ANY = Can(languages=("en",)), Can(languages=None)
HERE = {"first": ("en",), "second": ("en", "de")}
SOUND = Audio(np.zeros(160_000, np.float32), 16_000)


class Scripted:
    """Aligns every word but those in capitals; keeps what it was given."""

    languages: tuple[str, ...] = ("en",)

    def __init__(self) -> None:
        self.heard: list[tuple[Audio, tuple[str, ...]]] = []

    def align(self, audio: Audio, words: Sequence[str]) -> tuple[Word, ...]:
        self.heard.append((audio, tuple(words)))
        return tuple(replace(w, aligned=not w.text.isupper()) for w in spread(words, audio.start_s, audio.end_s))


# ── who does it ──
def test_the_engine_is_asked_where_it_can_or_no_part_may() -> None:
    own = Can(languages=("en",), word_times=True)
    assert align.asked(Recipe(ask=WORDS, aligner="auto"), own, HERE).word_times
    assert align.asked(Recipe(ask=WORDS), ENGLISH, HERE).word_times
    assert not align.asked(Recipe(ask=WORDS, aligner="first"), own, HERE).word_times
    assert align.timer(Recipe(ask=WORDS), WORDS, ENGLISH, HERE, lambda _: Scripted()) is None
    assert align.timer(Recipe(aligner="auto"), Ask(), ENGLISH, HERE, lambda _: Scripted()) is None


def test_a_part_is_asked_where_it_knows_the_language() -> None:
    for can, language in ((ENGLISH, None), (ANY, "de"), (ANY, None)):
        recipe = Recipe(ask=replace(WORDS, language=language), aligner="auto")
        assert not align.asked(recipe, can, HERE).word_times
    assert align.chosen("auto", "en", HERE) == "first"
    assert align.chosen("auto", "de", HERE) == "second"
    assert align.chosen("first", "de", HERE) is None


def test_what_no_part_knows_is_refused_or_left_to_the_engine() -> None:
    recipe = Recipe(ask=replace(WORDS, language="fr"), aligner="auto")
    with pytest.raises(Unsupported, match="no aligner here knows fr") as failure:
        align.asked(recipe, ANY, HERE)
    assert failure.value.param == "word_times"
    hint = replace(recipe, ask=replace(recipe.ask, optional=frozenset({"word_times"})))
    assert align.asked(hint, ANY, HERE).word_times
    with pytest.raises(BadInput, match="there is no aligner 'third' here, only: auto, first, second"):
        align.asked(replace(recipe, aligner="third"), ANY, HERE)


# ── what is done ──
def test_segments_begin_and_end_with_their_words() -> None:
    given = (Segment(1.5, 3.0, "Here I  am."), Segment(3.0, 6.0, "Now what?"))
    found = align.aligned(given, SOUND, Scripted())
    assert [[w.text for w in s.words] for s in found] == [["Here", "I", "am."], ["Now", "what?"]]
    assert all((s.start_s, s.end_s) == (s.words[0].start_s, s.words[-1].end_s) for s in found)
    assert [s.text for s in found] == [s.text for s in given]


def test_where_nothing_could_be_aligned_segments_keep_their_times() -> None:
    given = (Segment(1.5, 3.0, "HERE I"), Segment(3.0, 6.0, "NOW WHAT"))
    found = align.aligned(given, SOUND, Scripted())
    assert [(s.start_s, s.end_s) for s in found] == [(1.5, 3.0), (3.0, 6.0)]
    assert [(s.words[0].start_s, s.words[-1].end_s) for s in found] == [(1.5, 3.0), (3.0, 6.0)]
    assert not any(w.aligned for s in found for w in s.words)


def test_languages_that_no_aligner_knows_keep_their_segments_and_are_told() -> None:
    part = Scripted()
    timer = Timer({"first": ("en",)}, lambda _: part)
    given = (Segment(1.5, 3.0, "Guten Tag", "de"), Segment(3.0, 6.0, "good day", "en"), Segment(6.0, 7.0, "ciao", "it"))
    found = timer.timed(given, SOUND)
    assert (found[0], found[2]) == (given[0], given[2])
    assert [w.text for w in found[1].words] == ["good", "day"]
    assert part.heard[0][0].span.start_s == 3.0
    assert part.heard[0][0].span.end_s == 6.0
    (notice,) = timer.notices()
    assert (notice.code, timer.used) == ("words_without_times", ["first"])
    assert "de, it" in notice.message


def test_a_translation_of_another_language_is_not_aligned() -> None:
    timer = Timer(HERE, lambda _: Scripted(), translated=True)
    assert timer.timed((Segment(1.5, 3.0, "Good day", "de"),), SOUND)[0].words == ()
    assert timer.timed((Segment(1.5, 3.0, "Good day", "en"),), SOUND)[0].words != ()


# ── in a run ──
def test_the_embedded_model_has_word_times_by_the_embedded_aligner(kit: Kit) -> None:
    found = batch.run(sample(), Recipe(ask=WORDS, aligner="auto"), kit)
    assert found.provenance.methods == {"words": "pocketsphinx"}
    assert all([w.text for w in s.words] == s.text.split() for s in found.segments)
    words = [w for s in found.segments for w in s.words]
    assert sum(w.aligned for w in words) > 0.9 * len(words)
    edges = [0.0, *(t for w in words for t in (w.start_s, w.end_s)), found.duration_s]
    assert edges == sorted(edges)
    ditch = next(w for w in words if w.text == "ditch?")
    assert ditch.start_s == pytest.approx(27.02, abs=0.1)


def test_without_the_wish_nothing_is_aligned(kit: Kit) -> None:
    found = batch.run(sample(), Recipe(aligner="auto"), kit)
    assert found.provenance.methods == {}
    assert not any(s.words for s in found.segments)


def test_the_engine_that_has_word_times_is_named(kit: Kit) -> None:
    found = batch.run(sample(), Recipe(model="fake", ask=WORDS, aligner="auto"), kit)
    assert found.provenance.methods == {"words": "fake"}


def test_aligners_are_loaded_once_and_only_when_wanted(kit: Kit) -> None:
    assert kit.aligners()["pocketsphinx"] == ("en",)
    assert kit.aligner("pocketsphinx") is kit.aligner("pocketsphinx")
