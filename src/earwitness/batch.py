"""A recording becomes a transcript, in bounded memory, however long it is.

`run` reads like a table of contents: decode, find speech, recognise, judge, put together. The parts are in `audio` and
`stages`; the model comes from the kit. `speakers` does it without the words: who spoke when.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from types import MappingProxyType

from earwitness.__about__ import __version__
from earwitness.audio import decode, timebase
from earwitness.audio.container import Source, opened
from earwitness.audio.decode import Report
from earwitness.engines import honour
from earwitness.errors import BadInput, ForeignSpeech, StorageFailed, Unsupported
from earwitness.kit import Kit
from earwitness.models.lane import Urgency
from earwitness.parts import Crowd, Hearing
from earwitness.stages import align, speech
from earwitness.stages.align import Timer
from earwitness.stages.attribute import alike, attribute, by_channel, name_known
from earwitness.stages.recipe import CHANNELS, Diarizing, Recipe
from earwitness.stages.recognise import Recognised, edges_s, recognise
from earwitness.types import Audio, Diarization, Notice, Plan, Provenance, Segment, Suppressed, Transcript

LEAST_REFUSED_S = 1.5
"""Foreign speech must be this long before a recording is refused for it."""

BY_VOICE = "Tell the speakers apart by their voices: --speakers (API: speakers=auto)."

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "foreign_or_unclear": "speech that is not English, or too unclear, was left out",
        "not_speech": "sound that is no speech was left out",
        "phantom": "words that recognisers make up over noise were left out",
        "repetition": "words that the recogniser said again and again were left out",
        "nothing_heard": "speech was found, and no words were recognised in it",
    }
)
"""Why text is held back, by code."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `total_s` is None where the recording does not say; `speed` is in seconds of sound a second."""

    done_s: float
    total_s: float | None
    speed: float

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end, where that can be told."""
        if self.total_s is None or self.speed <= 0:
            return None
        return max(0.0, self.total_s - self.done_s) / self.speed


class Stop:
    """A switch that ends a run from another thread: what is finished by then is kept."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """End the run at the next chance."""
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()


@dataclass(slots=True)
class Gathering:
    """What a run has so far; `transcript` may be taken at any time, also after a failure."""

    recipe: Recipe
    report: Report
    plan: Plan | None = None
    not_honoured: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    done_s: float = 0.0
    diarization: Diarization | None = None
    timer: Timer | None = None
    methods: dict[str, str] = field(default_factory=dict)

    @property
    def end_s(self) -> float:
        """Where the decoded part of the recording, or the range that is wanted of it, ends."""
        decoded_s, to_s = self.report.decoded_s, self.recipe.to_s
        return decoded_s if to_s is None else min(decoded_s, to_s)

    def transcript(self, *, complete: bool) -> Transcript:
        """The transcript of what is finished."""
        who = self.diarization or Diarization()
        return Transcript(
            segments=self.segments,
            duration_s=self.end_s if complete else self.done_s,
            language=_language(self.segments) or self.recipe.ask.language,
            task=self.recipe.ask.task,
            provenance=Provenance(
                earwitness=__version__,
                engine=self.plan.engine if self.plan else "",
                model=self.plan.model if self.plan else self.recipe.model,
                device=self.plan.device.name if self.plan else "",
                recipe=self.recipe.as_json(),
                source=self.report.info,
                not_honoured=self.not_honoured,
                notices=(
                    *_fallen(self.plan),
                    *self.report.notices,
                    *_notices(self.suppressed),
                    *self._about_speakers(),
                    *(self.timer.notices() if self.timer else ()),
                ),
                methods=self._methods(),
            ),
            suppressed=self.suppressed,
            complete=complete,
            turns=who.turns,
            speakers=who.speakers,
        )

    def take(self, found: Recognised) -> tuple[Segment, ...]:
        """Add what came of a stretch; its segments, with the decoder's steps only where they are asked for."""
        keep = self.recipe.ask.logprobs
        fresh = found.segments if keep else tuple(replace(s, tokens=()) for s in found.segments)
        fresh = self.timer.timed(fresh, found.audio) if self.timer else fresh
        self.segments += fresh
        self.suppressed += found.suppressed
        self.done_s = timebase.seconds(found.done)
        return fresh

    def name(self, found: Diarization, kit: Kit | None = None) -> Diarization:
        """Take over who spoke when, with the names of known voices, and of the people whom the kit knows."""
        how = self.recipe.diarizing or Diarizing()
        found = name_known(found, how.known) if how.known else found
        found = _recognised(found, kit, how.part) if kit and how.people else found
        kept = found.speakers if how.voices else tuple(replace(s, voice=()) for s in found.speakers)
        self.diarization = replace(found, speakers=kept)
        return self.diarization

    def _methods(self) -> dict[str, str]:
        """The parts that took part, by what they did."""
        found = dict(self.methods)
        if self.timer and self.timer.used:
            found["words"] = "+".join(self.timer.used)
        return found | ({"speakers": self.diarization.method} if self.diarization else {})

    def _about_speakers(self) -> tuple[Notice, ...]:
        if self.diarization is None and self.recipe.diarizing is not None:
            return (Notice("speakers_left_out", "the work was stopped before the speakers were told apart"),)
        return self.diarization.notices if self.diarization else ()


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

    Raises:
        ForeignSpeech: all speech found is in a language the model does not know, or too unclear.
        BadInput: the speakers are to be told apart by channel, and there is only one, or something else is asked too.
        EarwitnessError: whatever decoding, loading or recognising raises.
    """
    gathered = gathering or Gathering(recipe, Report())
    if recipe.diarizing is not None and recipe.diarizing.part == CHANNELS:
        alone = partial(run, source, kit=kit, urgency=urgency, stop=stop)
        return _each_channel(source, gathered, alone, on_progress, on_segments)
    hearing = kit.diarizer(recipe.diarizing.part).begin() if recipe.diarizing else None
    started = time.monotonic()
    with kit.lane(recipe.model) as (plan, lane), lane.seat(urgency=urgency) as seat:
        gathered.plan = plan
        wanted = align.for_speakers(recipe) if hearing else recipe
        ask = align.asked(wanted, lane.can, aligners := kit.aligners())
        gathered.timer = align.timer(wanted, ask, lane.can, aligners, kit.aligner)
        ask, gathered.not_honoured = honour(ask, lane.can)
        gathered.methods |= {"words": plan.engine} if ask.word_times else {}
        blocks = decode.stream(source, gathered.report, channel=recipe.channel, from_s=recipe.from_s, to_s=recipe.to_s)
        room_s = lane.can.max_clip_s - edges_s(recipe.listening.margin_s)
        how = replace(recipe.listening, longest_s=min(recipe.listening.longest_s, room_s))
        stretches = speech.stretches(_overheard(_until(blocks, stop), hearing), kit.vad, how)
        for found in recognise(stretches, seat.submit, ask, lane.can, recipe.guarding):
            fresh = gathered.take(found)
            if fresh and on_segments and not hearing:
                on_segments(fresh)
            if on_progress:
                on_progress(_progress(gathered, recipe, started))
            if stop:
                break
    if not stop:
        gathered.done_s = gathered.end_s
        if on_progress:
            on_progress(_progress(gathered, recipe, started))
        _refuse_foreign(gathered)
        if hearing and recipe.diarizing:
            who = gathered.name(hearing.tell(recipe.diarizing.crowd), kit)
            gathered.segments = attribute(gathered.segments, who)
            if gathered.segments and on_segments:
                on_segments(gathered.segments)
    return gathered.transcript(complete=not stop)


def speakers(
    source: Source,
    recipe: Recipe,
    kit: Kit,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
) -> Transcript:
    """Who spoke when in a recording, without the words.

    The segments of the answer are the turns of which there is one at any time, their text is empty.

    Raises:
        Unsupported: the speakers are to be told apart by channel, which goes by the words.
        EarwitnessError: whatever decoding or the part raises.
    """
    how = recipe.diarizing or Diarizing()
    if how.part == CHANNELS:
        raise Unsupported("speakers are told apart by channel only where the words are wanted too")
    gathered = Gathering(replace(recipe, model="", diarizing=how), Report())
    hearing, started = kit.diarizer(how.part).begin(), time.monotonic()
    blocks = decode.stream(source, gathered.report, channel=recipe.channel, from_s=recipe.from_s, to_s=recipe.to_s)
    for block in _overheard(_until(blocks, stop), hearing):
        gathered.done_s = block.end_s
        if on_progress:
            on_progress(_progress(gathered, recipe, started))
    if not stop:
        who = gathered.name(hearing.tell(how.crowd), kit)
        gathered.segments = tuple(Segment(t.start_s, t.end_s, "", speaker=t.speaker) for t in who.exclusive)
    return gathered.transcript(complete=not stop)


def _recognised(found: Diarization, kit: Kit, part: str) -> Diarization:
    """The speakers with the names of the people they are, as far as those are known here."""
    try:
        people = kit.people()
    except StorageFailed as error:
        return replace(found, notices=(*found.notices, Notice("people_not_known", error.message)))
    if not people:
        return found
    from earwitness.archive.naming import recognised

    return replace(found, speakers=recognised(found.speakers, people, kit.diarizer(part).embeds))


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
    parts = [Gathering(replace(recipe, channel=n, diarizing=None), Report()) for n in range(count)]
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
    if gathered.segments and on_segments and ended == count:
        on_segments(gathered.segments)
    return gathered.transcript(complete=ended == count)


def _put_together(gathered: Gathering, parts: Sequence[Gathering], *, complete: bool) -> None:
    """What was gathered of each channel, up to where all of them are finished."""
    first = parts[0]
    gathered.plan, gathered.not_honoured = first.plan, first.not_honoured
    gathered.report.info, gathered.report.decoded_s = first.report.info, max(p.report.decoded_s for p in parts)
    for notice in (n for p in parts for n in p.report.notices):
        gathered.report.note(notice.code, notice.message)
    gathered.done_s = min(p.done_s for p in parts)
    kept = [tuple(s for s in p.segments if complete or s.end_s <= gathered.done_s) for p in parts]
    gathered.segments, found = by_channel(kept)
    gathered.suppressed = tuple(sorted((s for p in parts for s in p.suppressed), key=lambda s: s.start_s))
    gathered.name(found)


def _overheard(blocks: Iterator[Audio], hearing: Hearing | None) -> Iterator[Audio]:
    for block in blocks:
        if hearing:
            hearing.hear(block)
        yield block


def _language(segments: Sequence[Segment]) -> str | None:
    """The language of most of the speech; a guess counts by how likely it was. None where no segment names one."""
    heard_s = dict[str, float]()
    for s in segments:
        if s.language is not None:
            sure = 1.0 if s.language_prob is None else s.language_prob
            heard_s[s.language] = heard_s.get(s.language, 0.0) + s.duration_s * sure
    return max(heard_s, key=lambda code: heard_s[code], default=None)


def _until(blocks: Iterator[Audio], stop: Stop | None) -> Iterator[Audio]:
    for block in blocks:
        if stop:
            return
        yield block


def _progress(gathered: Gathering, recipe: Recipe, started: float) -> Progress:
    info = gathered.report.info
    total_s = info.duration_s if info else None
    if recipe.to_s is not None:
        total_s = min(recipe.to_s, total_s) if total_s else recipe.to_s
    done_s = gathered.done_s - recipe.from_s
    return Progress(
        done_s, None if total_s is None else total_s - recipe.from_s, done_s / max(time.monotonic() - started, 1e-6)
    )


def _refuse_foreign(gathered: Gathering) -> None:
    """Raise ForeignSpeech where there was speech and none of it could be believed."""
    refused_s = sum(s.end_s - s.start_s for s in gathered.suppressed if s.reason == "foreign_or_unclear")
    if not gathered.segments and refused_s >= LEAST_REFUSED_S:
        model = gathered.plan.model if gathered.plan else gathered.recipe.model
        raise ForeignSpeech(
            f"{refused_s:.1f} s of speech were found, and none of it is English that {model} can understand",
            param="language",
        )


def _fallen(plan: Plan | None) -> tuple[Notice, ...]:
    """One notice for each Plan that was preferred and could not be loaded."""
    return tuple(Notice("engine_fell_back", why) for why in plan.fell_from) if plan else ()


def _notices(suppressed: tuple[Suppressed, ...]) -> tuple[Notice, ...]:
    """One notice for each reason why text was held back."""
    found = []
    for reason, words in REASONS.items():
        spans = [s for s in suppressed if s.reason == reason]
        if spans:
            total = sum(s.end_s - s.start_s for s in spans)
            first = timebase.clock(spans[0].start_s)
            found.append(Notice(reason, f"{words}: {len(spans)} place(s), {total:.1f} s, the first at {first}"))
    return tuple(found)
