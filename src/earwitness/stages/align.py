"""Gives words their times by an aligner, where the recogniser has none of its own.

Which part does it is settled before anything is heard as far as the language is known, and for each segment where it
is not. The words of a segment are its text cut at white space, always. Knows aligners by name, languages and Protocol.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from earwitness.audio import timebase
from earwitness.errors import BadInput, Unsupported
from earwitness.parts import Aligner
from earwitness.spread import spread
from earwitness.stages.recipe import Recipe
from earwitness.types import Ask, Audio, Can, Notice, Segment, Word

Languages = Mapping[str, tuple[str, ...]]
"""The languages of each aligner, by its name, the preferred one first."""

AUTO = "auto"


def asked(recipe: Recipe, can: Can, aligners: Languages) -> Ask:
    """What is asked of the engine: the recipe's Ask, without word times where a part is to give them.

    Raises BadInput for an aligner that is not here, Unsupported where none knows the language.
    """
    ask, name = recipe.ask, recipe.aligner
    if not ask.word_times or name is None or (name == AUTO and can.word_times):
        return ask
    check(name, aligners)
    spoken = (ask.language,) if ask.language else can.languages
    if spoken is None or any(chosen(name, language, aligners) for language in spoken):
        return replace(ask, word_times=False)
    if "word_times" in ask.optional:
        return ask
    raise Unsupported(
        f"this model cannot give times of single words, and no aligner here knows {', '.join(map(str, spoken[:5]))}",
        remedy="Leave word times out, or choose a model that has its own: `earwitness models list` shows what is here.",
        param="word_times",
    )


def check(name: str, aligners: Languages) -> None:
    """Raise BadInput for an aligner that is not here."""
    if name not in {AUTO, *aligners}:
        known = ", ".join((AUTO, *aligners))
        raise BadInput(f"there is no aligner {name[:40]!r} here, only: {known}", param="aligner")


def for_speakers(recipe: Recipe) -> Recipe:
    """The recipe with word times, where they can be had: speakers are given to words."""
    ask = recipe.ask
    if ask.word_times:
        return recipe
    optional = ask.optional | {"word_times"}
    return replace(recipe, ask=replace(ask, word_times=True, optional=optional), aligner=recipe.aligner or AUTO)


def chosen(name: str, language: str | None, aligners: Languages) -> str | None:
    """The aligner for a language: the one of that name, or the first that knows it; None where there is none."""
    return next((a for a, known in aligners.items() if name in {AUTO, a} and language in known), None)


@dataclass(slots=True)
class Timer:
    """Gives the segments of a recording their words, and remembers by which parts and where it could not."""

    aligners: Languages
    load: Callable[[str], Aligner]
    name: str = AUTO
    language: str | None = None
    """That of segments which name none."""
    translated: bool = False
    """Whether the text is English whatever is spoken."""
    used: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def timed(self, segments: Sequence[Segment], audio: Audio) -> tuple[Segment, ...]:
        """The segments of one stretch with their words; those in a language that no aligner knows stay as they are."""
        found = list[Segment]()
        for name, group in groupby(segments, key=self._by):
            run = tuple(group)
            first, last = not found, len(found) + len(run) == len(segments)
            low = audio.start if first else timebase.samples(run[0].start_s)
            high = audio.end if last else timebase.samples(run[-1].end_s)
            found += aligned(run, _part(audio, low, high), self.load(name)) if name else run
        return tuple(found)

    def notices(self) -> tuple[Notice, ...]:
        """What the reader should know: languages whose words got no times."""
        languages = ", ".join(self.unknown)
        told = f"no aligner here knows {languages}, so its words have no times of their own"
        return (Notice("words_without_times", told),) if languages else ()

    def _by(self, segment: Segment) -> str | None:
        language = segment.language or self.language
        name = chosen(self.name, language, self.aligners)
        if self.translated and language != "en":
            name = None
        target, value = (self.used, name) if name else (self.unknown, language or "the language")
        if value not in target:
            target.append(value)
        return name


def timer(recipe: Recipe, ask: Ask, can: Can, aligners: Languages, load: Callable[[str], Aligner]) -> Timer | None:
    """What times the words of a recipe whose Ask was `asked` of the engine; None where nothing is to be timed so."""
    if not recipe.ask.word_times or ask.word_times or recipe.aligner is None:
        return None
    only = can.languages[0] if can.languages is not None and len(can.languages) == 1 else None
    translated = recipe.ask.task == "translate"
    return Timer(aligners, load, recipe.aligner, recipe.ask.language or only, translated)


def shared(recipe: Recipe, can: Can, aligners: Languages, load: Callable[[str], Aligner]) -> tuple[Ask, Timer | None]:
    """What is asked of the engine, and what does of it that the engine can't. Raises what `asked` raises."""
    ask = asked(recipe, can, aligners)
    return ask, timer(recipe, ask, can, aligners, load)


def aligned(segments: Sequence[Segment], audio: Audio, aligner: Aligner) -> tuple[Segment, ...]:
    """Segments that follow each other in `audio`, with their words; they begin and end with these.

    Where no word could be aligned, a segment keeps its times and its words have a share of them each.
    """
    printed = [s.text.split() for s in segments]
    words = aligner.align(audio, [word for texts in printed for word in texts])
    if not any(word.aligned for word in words):
        return tuple(
            replace(s, words=tuple(spread(texts, s.start_s, s.end_s)))
            for s, texts in zip(segments, printed, strict=True)
        )
    found, at = list[Segment](), 0
    for segment, texts in zip(segments, printed, strict=True):
        mine = words[at : at + len(texts)]
        at += len(texts)
        found.append(_within(segment, mine))
    return tuple(found)


def _within(segment: Segment, words: tuple[Word, ...]) -> Segment:
    return replace(segment, words=words, start_s=words[0].start_s, end_s=words[-1].end_s) if words else segment


def _part(audio: Audio, low: int, high: int) -> Audio:
    low = min(max(low, audio.start), audio.end)
    return Audio(audio.samples[low - audio.start : max(low, high) - audio.start], low)
