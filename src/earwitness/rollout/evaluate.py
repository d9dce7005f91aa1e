"""Runs the recordings of a manifest and scores what comes out, one by one, and adds it up by kind and over all.

A recording that fails is kept with its error and counts in no rate; one that is refused for foreign speech gave no
words, and every word of it counts as lost.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from earwitness import batch
from earwitness.audio.decode import Report
from earwitness.diarizers import AUTO
from earwitness.errors import BadInput, EarwitnessError, ForeignSpeech
from earwitness.gathering import Gathering
from earwitness.kit import Kit
from earwitness.parts import Crowd
from earwitness.rollout import scores
from earwitness.rollout.manifest import Row, Stretch
from earwitness.rollout.scores import CPWER, DER, MEASURES, WER, WORDS, Speaking, Timing, Wording
from earwitness.spread import timed_words
from earwitness.stages import align
from earwitness.stages.recipe import CHANNELS, Diarizing, Recipe
from earwitness.types import Json, Transcript, Turn


@dataclass(frozen=True, slots=True)
class Wish:
    """What is measured, and how recordings are run."""

    measures: tuple[str, ...] = MEASURES
    """Of these, each recording is measured by those that its row has a reference for."""
    recipe: Recipe = field(default_factory=Recipe)
    tell_count: bool = False
    """Tell the diarizer how many speakers there are, where the row knows it."""
    diarizer: str = AUTO
    """What tells them apart, see `Diarizers.get`; where each channel is a speaker nothing has to."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a recording. Scores are None where there is no reference, or nothing came."""

    file: str
    kind: str
    measures: tuple[str, ...] = ()
    """What it was to be measured by."""
    duration_s: float = 0.0
    took_s: float = 0.0
    error: EarwitnessError | None = None
    """Why it failed. Neither an error that was expected, nor foreign speech."""
    refused: bool = False
    """It was refused for foreign speech."""
    words: Wording | None = None
    speakers: Speaking | None = None
    by_speaker: Wording | None = None
    times: Timing | None = None

    def as_json(self) -> dict[str, Json]:
        """All of it, scores by measure."""
        told: dict[str, Json] = {"file": self.file, "kind": self.kind, "duration_s": self.duration_s}
        told |= {"took_s": self.took_s, "refused": self.refused, "error": None}
        if self.error:
            told["error"] = {"code": self.error.code, "message": self.error.message}
        return told | _scores(self.words, self.speakers, self.by_speaker, self.times)


@dataclass(frozen=True, slots=True)
class Total:
    """The scores of several recordings added up."""

    recordings: int = 0
    failed: int = 0
    refused: int = 0
    unmeasured: int = 0
    """Rows without a reference for what is measured; they were not run."""
    duration_s: float = 0.0
    took_s: float = 0.0
    words: Wording | None = None
    speakers: Speaking | None = None
    by_speaker: Wording | None = None
    times: Timing | None = None

    def as_json(self) -> dict[str, Json]:
        """The counts, and the scores by measure."""
        counts: dict[str, Json] = {
            "recordings": self.recordings, "failed": self.failed, "refused": self.refused,
            "unmeasured": self.unmeasured, "duration_s": self.duration_s, "took_s": self.took_s,
        }  # fmt: skip
        return counts | _scores(self.words, self.speakers, self.by_speaker, self.times)


def measures(row: Row, wanted: Sequence[str]) -> tuple[str, ...]:
    """By what of the wanted a row can be measured."""
    there = {
        WER: row.text is not None,
        DER: row.rttm is not None or row.turns is not None,
        CPWER: row.said is not None,
        WORDS: row.words is not None,
    }
    return tuple(m for m in wanted if there[m])


def run(
    rows: Sequence[Row],
    folder: Path,
    wish: Wish,
    kit: Kit,
    *,
    on_begin: Callable[[Row], None] | None = None,
    on_done: Callable[[Scored], None] | None = None,
) -> tuple[Scored, ...]:
    """Run and score the rows of a manifest that lies in `folder`, in order; what fails stands in the results.

    Raises Missing for a package that is needed, and what `kit.plan` and `kit.diarizer` raise for model and diarizer.
    """
    scores.check([m for m in wish.measures if any(m in measures(row, (m,)) for row in rows)])
    if any(_worded(row, wish) for row in rows):
        kit.plan(wish.recipe.model)
    if any({DER, CPWER} & {*measures(row, wish.measures)} and row.channel_text is None for row in rows):
        kit.diarizer(wish.diarizer)
    found = list[Scored]()
    for row in rows:
        if on_begin:
            on_begin(row)
        found.append(one(row, folder, wish, kit))
        if on_done:
            on_done(found[-1])
    return tuple(found)


def one(row: Row, folder: Path, wish: Wish, kit: Kit) -> Scored:
    """Run and score one recording."""
    wanted = measures(row, wish.measures)
    scored = Scored(row.file, row.kind, wanted)
    if not wanted and not row.fails:
        return scored
    began = time.perf_counter()
    try:
        who, stretches = (row.who(folder), row.scored(folder)) if DER in wanted else (None, None)
        found, refused = _heard(row, folder, wish, kit)
        took_s = time.perf_counter() - began
        scored = replace(scored, duration_s=found.duration_s, took_s=took_s, refused=refused)
        scored = _measured(scored, row, found, who, stretches)
        unexpected: EarwitnessError | None = BadInput("an error was expected, and none came") if row.fails else None
    except EarwitnessError as error:
        unexpected = None if row.fails and isinstance(error, BadInput) else error
    return replace(scored, error=unexpected)


def total(found: Sequence[Scored]) -> Total:
    """The recordings added up."""
    return Total(
        recordings=len(found),
        failed=sum(s.error is not None for s in found),
        refused=sum(s.refused for s in found),
        unmeasured=sum(not s.measures for s in found),
        duration_s=sum(s.duration_s for s in found),
        took_s=sum(s.took_s for s in found),
        words=scores.added(s.words for s in found),
        speakers=scores.added(s.speakers for s in found),
        by_speaker=scores.added(s.by_speaker for s in found),
        times=scores.added(s.times for s in found),
    )


def by_kind(found: Sequence[Scored]) -> dict[str, Total]:
    """The recordings added up by kind, in the order in which the kinds came."""
    kinds = dict.fromkeys(s.kind for s in found)
    return {kind: total([s for s in found if s.kind == kind]) for kind in kinds}


def _worded(row: Row, wish: Wish) -> bool:
    """Whether the words of a recording are wanted, not only who speaks."""
    return set(measures(row, wish.measures) or wish.measures) != {DER}


def _heard(row: Row, folder: Path, wish: Wish, kit: Kit) -> tuple[Transcript, bool]:
    """What comes of a recording, and whether it was refused for foreign speech."""
    wanted, recipe, path = measures(row, wish.measures), wish.recipe, folder / row.file
    if {DER, CPWER} & {*wanted}:
        recipe = replace(recipe, diarizing=_diarizing(row, wish))
    if WORDS in wanted:
        recipe = align.for_speakers(recipe)
    if not _worded(row, wish) and row.channel_text is None:
        return batch.speakers(path, recipe, kit), False
    gathered = Gathering(recipe, Report())
    try:
        return batch.run(path, recipe, kit, gathering=gathered), False
    except ForeignSpeech:
        return gathered.transcript(complete=True), True


def _diarizing(row: Row, wish: Wish) -> Diarizing:
    """How the speakers of a recording are told apart: by channel where each channel is one."""
    if row.channel_text is not None:
        return Diarizing(CHANNELS)
    return Diarizing(wish.diarizer, Crowd(row.n_speakers if wish.tell_count and row.n_speakers else None))


def _measured(
    scored: Scored, row: Row, found: Transcript, who: Sequence[Turn] | None, stretches: Sequence[Stretch] | None
) -> Scored:
    """The scores of a recording by what it is to be measured by."""
    language = row.language or "en"
    if WER in scored.measures and row.text is not None:
        scored = replace(scored, words=scores.wording(row.text, found.text, language))
    if who is not None:
        end_s = max([found.duration_s, *(t.end_s for t in who)])
        inside = ((0.0, end_s),) if stretches is None else stretches
        scored = replace(scored, speakers=scores.speaking(who, found.turns, inside, row.n_speakers))
    if CPWER in scored.measures and row.said is not None:
        heard = [(s.speaker, s.text) for s in found.segments]
        scored = replace(scored, by_speaker=scores.attributed(row.said, heard, language))
    if WORDS in scored.measures and row.timed is not None:
        timed = [word for s in found.segments for word in timed_words(s)]
        scored = replace(scored, times=scores.timing(row.timed, timed, language))
    return scored


def _scores(
    words: Wording | None, speakers: Speaking | None, by_speaker: Wording | None, times: Timing | None
) -> dict[str, Json]:
    by_measure = {WER: words, DER: speakers, CPWER: by_speaker, WORDS: times}
    return {measure: score.as_json() for measure, score in by_measure.items() if score is not None}
