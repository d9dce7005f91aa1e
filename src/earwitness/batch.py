"""A recording becomes a transcript, in bounded memory, however long it is.

`run` reads like a table of contents: decode, find speech, recognise, judge, put together. The parts are in `audio` and
`stages`; the model comes from the kit. `speakers` does it without the words: who spoke when.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

from earwitness.audio import decode
from earwitness.audio.container import Source, opened
from earwitness.audio.decode import Report
from earwitness.engines import honour
from earwitness.errors import BadInput, ForeignSpeech, Unsupported
from earwitness.gathering import Gathering, Progress, Stop, progress, refuse_foreign
from earwitness.kit import Kit
from earwitness.models.lane import Urgency
from earwitness.parts import Crowd, Hearing
from earwitness.stages import align, enhance, speech
from earwitness.stages.attribute import alike, by_channel
from earwitness.stages.recipe import CHANNELS, OFF, Diarizing, Recipe
from earwitness.stages.recognise import fitting, recognise
from earwitness.types import Ask, Audio, Can, Segment, Transcript
from earwitness.unfinished.checkpoint import Checkpoint
from earwitness.unfinished.trail import Trail, follow

BY_VOICE = "Tell the speakers apart by their voices: --speakers (API: speakers=auto)."


def run(
    source: Source,
    recipe: Recipe,
    kit: Kit,
    *,
    urgency: Urgency = Urgency.BATCH,
    on_progress: Callable[[Progress], None] | None = None,
    on_segments: Callable[[tuple[Segment, ...]], None] | None = None,
    stop: Stop | None = None,
    gathering: Gathering | None = None,
    checkpoint: Checkpoint | None = None,
) -> Transcript:
    """Transcribe a recording.

    Args:
        source: a path, the bytes, or a seekable stream.
        recipe: what to do with it.
        kit: the models to do it with.
        urgency: deadline class in the lane.
        on_progress: called after each stretch and at the end of the recording, in this thread.
        on_segments: called with new segments in order, in this thread; at the end where speakers are told apart.
        stop: ends the run early; the transcript is then marked as not complete.
        gathering: filled along the way, so that a caller who is interrupted still has what was finished.
        checkpoint: where the work goes on if it is interrupted and started again; the caller says when it is done with.

    Raises:
        ForeignSpeech: all speech found is in a language the model does not know, or too unclear.
        BadInput: the speakers are to be told apart by channel, and there is only one, or something else is asked too.
        EarwitnessError: whatever decoding, loading or recognising raises.
    """
    gathered = gathering or Gathering(recipe, Report())
    recipe = gathered.recipe = kit.settled(recipe)
    if recipe.diarizing is not None and recipe.diarizing.part == CHANNELS:
        alone = partial(run, source, kit=kit, urgency=urgency, stop=stop, checkpoint=checkpoint)
        return _each_channel(source, gathered, alone, on_progress, on_segments)
    hearing = kit.diarizer(recipe.diarizing.part).begin() if recipe.diarizing else None
    early, enhancers, started = None if hearing else on_segments, gathered.enhancers(kit), time.monotonic()
    with kit.lane(recipe.model) as (plan, lane), lane.seat(urgency=urgency) as seat:
        gathered.plan = plan
        ask = _asked(gathered, lane.can, kit)
        trail = follow(None if enhancers else checkpoint, gathered, hearing, kit)
        blocks = enhance.through(_overheard(_ahead(source, gathered, trail, stop), hearing), enhancers)
        cut = fitting(recipe.listening, lane.can)
        stretches = speech.stretches(blocks, kit.vad, cut, state=trail.state, passed=trail.passed)
        _tell(gathered.segments, early)
        for found in recognise(stretches, seat.submit, ask, lane.can, recipe.guarding, credit=trail.credit):
            fresh = gathered.take(found)
            trail.took(found)
            _tell(fresh, early)
            _show(gathered, started, on_progress)
            if stop:
                break
    if not stop:
        trail.ended()
        _show(gathered, started, on_progress)
        refuse_foreign(gathered)
        if hearing:
            gathered.attribute(hearing, kit)
            _tell(gathered.segments, on_segments)
    return gathered.transcript(complete=not stop)


def _tell(segments: tuple[Segment, ...], on_segments: Callable[[tuple[Segment, ...]], None] | None) -> None:
    if segments and on_segments:
        on_segments(segments)


def _show(gathered: Gathering, started: float, on_progress: Callable[[Progress], None] | None) -> None:
    if on_progress:
        on_progress(progress(gathered, started))


def _asked(gathered: Gathering, can: Can, kit: Kit) -> Ask:
    """What is asked of the engine: what it can't do is left to parts, or noted as not honoured."""
    wanted = align.for_speakers(gathered.recipe) if gathered.recipe.diarizing else gathered.recipe
    ask, gathered.timer = align.shared(wanted, can, kit.aligners(), kit.aligner)
    ask, gathered.not_honoured = honour(ask, can)
    if ask.word_times and gathered.plan:
        gathered.methods["words"] = gathered.plan.engine
    return ask


def speakers(
    source: Source,
    recipe: Recipe,
    kit: Kit,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
    checkpoint: Checkpoint | None = None,
    hearing: Hearing | None = None,
) -> Transcript:
    """Who spoke when in a recording, without the words.

    The segments of the answer are the turns of which there is one at any time, their text is empty. Arguments are those
    of `run`; a `hearing` that the caller began is used in place of one of the recipe's part.

    Raises:
        Unsupported: the speakers are to be told apart by channel, which goes by the words.
        EarwitnessError: whatever decoding or the part raises.
    """
    how = recipe.diarizing or Diarizing()
    if how.part == OFF:
        raise BadInput("speakers are switched off, and nothing else is asked for", param="speakers")
    if how.part == CHANNELS:
        raise Unsupported("speakers are told apart by channel only where the words are wanted too")
    gathered = Gathering(replace(recipe, model="", diarizing=how), Report())
    hearing, started = hearing or kit.diarizer(how.part).begin(), time.monotonic()
    trail = follow(checkpoint, gathered, hearing, kit)
    for block in _overheard(_ahead(source, gathered, trail, stop), hearing):
        gathered.done_s = block.end_s
        trail.heard(block.end)
        _show(gathered, started, on_progress)
    if not stop:
        trail.ended()
        who = gathered.name(hearing.tell(how.crowd), kit)
        gathered.segments = tuple(Segment(t.start_s, t.end_s, "", speaker=t.speaker) for t in who.exclusive)
    return gathered.transcript(complete=not stop)


def _each_channel(
    source: Source,
    gathered: Gathering,
    alone: Callable[..., Transcript],
    on_progress: Callable[[Progress], None] | None,
    on_segments: Callable[[tuple[Segment, ...]], None] | None,
) -> Transcript:
    """Transcribe one channel after the other, and put them together by time; what was finished of all is kept."""
    recipe, how = gathered.recipe, gathered.recipe.diarizing
    if recipe.channel is not None or (how and (how.known or how.crowd != Crowd())):
        raise BadInput(
            "the speakers are those of the channels", remedy="Leave out their number, names, and the channel."
        )
    with opened(source) as (_, _, info):
        count = info.channels
    if count < 2:
        raise BadInput(
            "there is one channel, so speakers can't be told apart by channel",
            remedy=BY_VOICE,
        )
    parts = [Gathering(replace(recipe, channel=n, diarizing=Diarizing(OFF)), Report()) for n in range(count)]
    began, foreign, ended = time.monotonic(), list[ForeignSpeech](), 0

    def share(now: Progress) -> None:
        if on_progress:
            done_s = ((now.total_s or now.done_s) * ended + now.done_s) / count
            on_progress(Progress(done_s, now.total_s, done_s / max(time.monotonic() - began, 1e-6)))

    try:
        for part in parts:
            try:
                if not alone(recipe=part.recipe, gathering=part, on_progress=share).complete:
                    break
            except ForeignSpeech as error:
                foreign.append(error)
                part.done_s = part.end_s
            ended += 1
    finally:
        _put_together(gathered, parts, complete=ended == count)
    if foreign and not gathered.segments:
        raise foreign[0]
    if ended == count and any(alike(a.segments, b.segments) for a, b in combinations(parts, 2)):
        raise BadInput("the channels hold the same speech", remedy=BY_VOICE)
    if ended == count:
        _tell(gathered.segments, on_segments)
    return gathered.transcript(complete=ended == count)


def _put_together(gathered: Gathering, parts: Sequence[Gathering], *, complete: bool) -> None:
    """What was gathered of each channel, up to where all of them are finished."""
    first = parts[0]
    gathered.plan, gathered.not_honoured = first.plan, first.not_honoured
    gathered.methods, gathered.restorer = first.methods, first.restorer
    gathered.report.info, gathered.report.decoded_s = first.report.info, max(p.report.decoded_s for p in parts)
    for notice in (n for p in parts for n in p.report.notices):
        gathered.report.note(notice.code, notice.message)
    gathered.done_s = min(p.done_s for p in parts)
    kept = [tuple(s for s in p.segments if complete or s.end_s <= gathered.done_s) for p in parts]
    gathered.segments, found = by_channel(kept)
    gathered.suppressed = tuple(sorted((s for p in parts for s in p.suppressed), key=lambda s: s.start_s))
    gathered.name(found)


def _ahead(source: Source, gathered: Gathering, trail: Trail, stop: Stop | None) -> Iterator[Audio]:
    """The recording from where an earlier run ended."""
    recipe = gathered.recipe
    blocks = decode.stream(source, gathered.report, channel=recipe.channel, from_s=trail.from_s, to_s=recipe.to_s)
    return trail.caught_up(_until(blocks, stop))


def _overheard(blocks: Iterator[Audio], hearing: Hearing | None) -> Iterator[Audio]:
    for block in blocks:
        if hearing:
            hearing.hear(block)
        yield block


def _until(blocks: Iterator[Audio], stop: Stop | None) -> Iterator[Audio]:
    for block in blocks:
        if stop:
            return
        yield block
