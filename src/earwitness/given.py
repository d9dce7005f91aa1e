"""A text that is given is laid over its recording: when each of its words is said, and whether it is said at all.

Short recordings are aligned at once. Longer ones are recognised first, and the text is cut where it agrees with what
was heard; then chunk after chunk is aligned, with no more of the recording in memory than one of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from earwitness import batch, gathering
from earwitness.__about__ import __version__
from earwitness.audio import decode, timebase
from earwitness.audio.container import Source
from earwitness.audio.decode import Report
from earwitness.errors import BadInput, Unsupported
from earwitness.kit import Kit
from earwitness.models.lane import Urgency
from earwitness.parts import Aligner
from earwitness.spread import spread
from earwitness.stages import align, anchor
from earwitness.stages.anchor import Chunk
from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import OFF, Diarizing, Enhancing, Recipe
from earwitness.types import Ask, Audio, Notice, Provenance, Segment, Transcript, Word

AT_ONCE_S = 30.0
"""Up to here a recording is one chunk."""

MOST_S = 4 * 3600.0
MOST_WORDS = 60_000
SURE, MATCHING = 0.5, 0.6
"""A word fits from this confidence on, and a text where this share of its words does."""


@dataclass(slots=True)
class _Sound:
    """A recording that is read forward once; keeps what was not asked for yet."""

    blocks: Iterator[Audio]
    kept: Audio = field(default_factory=lambda: Audio(np.zeros(0, np.float32)))

    def part(self, start_s: float, end_s: float) -> Audio:
        """The sound between two times, which lie no further back than the start of the last part."""
        low, high, pieces = timebase.samples(start_s), timebase.samples(end_s), [self.kept]
        while pieces[-1].end < high and (block := next(self.blocks, None)) is not None:
            pieces.append(block)
        whole = np.concatenate([p.samples for p in pieces])
        low = min(max(low - self.kept.start, 0), len(whole))
        self.kept = Audio(whole[low:], self.kept.start + low)
        return Audio(self.kept.samples[: max(0, high - self.kept.start)], self.kept.start)


def fit(
    source: Source,
    text: str,
    kit: Kit,
    recipe: Recipe,
    *,
    on_progress: Callable[[gathering.Progress], None] | None = None,
    stop: gathering.Stop | None = None,
) -> Transcript:
    """The text as a transcript of the recording, each segment with its words; it is not changed.

    The recipe names the language of the text, the model that listens where the recording is long, and the aligner.

    Raises:
        BadInput: no words, or more words or a longer recording than can be aligned; an aligner that is not here.
        Unsupported: no aligner knows the language, or the model does not.
    """
    words, language = text.split(), recipe.ask.language or "en"
    if not 0 < len(words) <= MOST_WORDS:
        raise BadInput(f"the text has {len(words)} words, and 1 to {MOST_WORDS} can be aligned", param="text")
    wanted, aligners = recipe.aligner or align.AUTO, kit.aligners()
    align.check(wanted, aligners)
    name = align.chosen(wanted, language, aligners)
    if name is None:
        who = "no aligner here knows" if wanted == align.AUTO else f"the aligner {wanted} does not know"
        raise Unsupported(f"{who} the language {language!r}", param="language")
    report = Report()
    sound = _Sound(decode.stream(source, report))
    end_s = sound.part(0.0, AT_ONCE_S + 1).end_s
    plan: tuple[Chunk, ...] = (Chunk(0.0, end_s, 0, len(words)),)
    plain, spoken = Provenance(__version__, "", "", "", recipe.as_json(), report.info), tuple[Word, ...]()
    if end_s > AT_ONCE_S:
        if report.info and (report.info.duration_s or 0.0) > MOST_S:
            raise BadInput(f"the recording is longer than {MOST_S / 3600:g} hours", remedy="Send it in parts.")
        heard = _heard(source, kit, recipe, on_progress, stop)
        spoken, end_s, plain = tuple(w for s in heard.segments for w in s.words), heard.duration_s, heard.provenance
        plan = anchor.chunks(spoken, words, end_s)
        sound = _Sound(decode.stream(_rewound(source), Report()))
    aligner, found = kit.aligner(name), list[Segment]()
    for chunk in plan:
        if stop:
            break
        if timed := tuple(_timed(sound, chunk, words, spoken, aligner)):
            text = " ".join(w.text for w in timed)
            found.append(Segment(timed[0].start_s, timed[-1].end_s, text, language, timed))
    provenance = replace(plain, methods={"words": name}, notices=(*report.notices, *_mismatch(found)))
    return Transcript(tuple(found), end_s, language, "transcribe", provenance, complete=not stop)


def share(words: Sequence[Word]) -> float:
    """The share of words that are surely said where they were found."""
    return sum(w.aligned and (w.confidence or 0.0) >= SURE for w in words) / len(words) if words else 0.0


def _heard(
    source: Source,
    kit: Kit,
    recipe: Recipe,
    on_progress: Callable[[gathering.Progress], None] | None,
    stop: gathering.Stop | None,
) -> Transcript:
    """What the recogniser hears, with the times of its words."""
    ask = Ask(language=recipe.ask.language, word_times=True, optional=Ask().optional | {"language"})
    how = replace(recipe, ask=ask, aligner=recipe.aligner or align.AUTO, guarding=Guarding(language_gate=False))
    how = replace(how, diarizing=Diarizing(OFF), enhancing=Enhancing(punctuate=OFF))
    return batch.run(_rewound(source), how, kit, urgency=Urgency.INTERACTIVE, on_progress=on_progress, stop=stop)


def _rewound(source: Source) -> Source:
    if not isinstance(source, bytes | Path):
        source.seek(0)
    return source


def _timed(
    sound: _Sound, chunk: Chunk, words: Sequence[str], heard: Sequence[Word], aligner: Aligner
) -> Iterator[Word]:
    """The words of a chunk with their times; where none could be aligned, those of its parts that can."""
    if chunk.duration_s > anchor.TRIED_S:
        yield from spread(words[chunk.first : chunk.last], chunk.start_s, chunk.end_s)
        return
    audio = sound.part(chunk.start_s, chunk.end_s)
    found = aligner.align(audio, words[chunk.first : chunk.last])
    smaller = () if any(w.aligned for w in found) else anchor.finer(heard, words, chunk)
    if len(smaller) < 2:
        yield from found
        return
    for part in smaller:
        low, high = (timebase.samples(t) - audio.start for t in (part.start_s, part.end_s))
        yield from aligner.align(Audio(audio.samples[low:high], audio.start + low), words[part.first : part.last])


def _mismatch(segments: Sequence[Segment]) -> tuple[Notice, ...]:
    words = [w for s in segments for w in s.words]
    if share(words) >= MATCHING:
        return ()
    surely = f"{share(words):.0%} of its words were surely found"
    return (Notice("text_does_not_match", f"the text is not what is said in this recording: {surely}"),)
