"""What a run has gathered so far, how far it is, and the transcript of it. Runs nothing itself."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from earwitness.__about__ import __version__
from earwitness.audio import timebase
from earwitness.audio.decode import Report
from earwitness.errors import ForeignSpeech
from earwitness.hardware import heap
from earwitness.kit import Kit
from earwitness.parts import Enhancer, Hearing
from earwitness.stages.align import Timer
from earwitness.stages.attribute import attribute, name_known
from earwitness.stages.punctuate import Restorer, restorer
from earwitness.stages.recipe import Diarizing, Recipe
from earwitness.stages.recognise import Recognised
from earwitness.types import Diarization, Notice, Plan, Provenance, Segment, Suppressed, Transcript

LEAST_REFUSED_S = 1.5
"""Foreign speech must be this long before a recording is refused for it."""

TRIM_S = 60.0
"""Sound after which the holes in memory are given back: without that, three hours were measured to leave 230 MB."""

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
    trim_s: float = TRIM_S
    """Where the holes in memory are given back next."""
    begun_s: float | None = None
    """Up to where an earlier run had done it; None where there was none."""
    diarization: Diarization | None = None
    timer: Timer | None = None
    restorer: Restorer | None = None
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
                    *fallen(self.plan),
                    *self.report.notices,
                    *_notices(self.suppressed),
                    *self._about_speakers(),
                    *(self.timer.notices() if self.timer else ()),
                    *(self.restorer.notices() if self.restorer else ()),
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
        fresh = self.restorer.text(fresh) if self.restorer else fresh
        self.segments += fresh
        self.suppressed += found.suppressed
        self.done_s = timebase.seconds(found.done)
        if self.done_s >= self.trim_s:
            self.trim_s = self.done_s + TRIM_S
            heap.give_back()
        return fresh

    def enhancers(self, kit: Kit) -> tuple[Enhancer[Any], ...]:
        """What the sound goes through as the recipe has it; what restores the text is got ready too."""
        how, ask = self.recipe.enhancing, self.recipe.ask
        chain = kit.switched.enhancers(how)
        self.methods |= {job.method: name for job, (name, _) in chain.items()}
        if found := kit.switched.punctuator(how):
            self.restorer = restorer(*found, ask.language, (ask.prompt or "", *ask.hotwords))
        return tuple(part for _, part in chain.values())

    def attribute(self, hearing: Hearing, kit: Kit) -> None:
        """Give what was said to those who said it."""
        how = self.recipe.diarizing or Diarizing()
        heap.give_back()  # to sort voices takes memory of its own
        self.segments = attribute(self.segments, self.name(hearing.tell(how.crowd), kit))

    def name(self, found: Diarization, kit: Kit | None = None) -> Diarization:
        """Take over who spoke when, with the names of known voices, and of the people whom the kit knows."""
        how = self.recipe.diarizing or Diarizing()
        found = replace(found, notices=(*kit.diarizers.about(how.part), *found.notices)) if kit else found
        found = name_known(found, how.known) if how.known else found
        if kit and how.people:
            speakers, noticed = kit.recognised(found.speakers, kit.diarizer(how.part).embeds, propose=True)
            found = replace(found, speakers=speakers, notices=(*found.notices, *noticed))
        kept = found.speakers if how.voices else tuple(replace(s, voice=()) for s in found.speakers)
        self.diarization = replace(found, speakers=kept)
        return self.diarization

    def _methods(self) -> dict[str, str]:
        """The parts that took part, by what they did."""
        found = dict(self.methods)
        if self.timer and self.timer.used:
            found["words"] = "+".join(self.timer.used)
        if self.restorer and self.restorer.restored:
            found["punctuation"] = self.restorer.name
        return found | ({"speakers": self.diarization.method} if self.diarization else {})

    def _about_speakers(self) -> tuple[Notice, ...]:
        if self.diarization is None and self.recipe.diarizing is not None:
            return (Notice("speakers_left_out", "the work was stopped before the speakers were told apart"),)
        return self.diarization.notices if self.diarization else ()


def progress(gathered: Gathering, started: float) -> Progress:
    """How far a run is that began at `started` of the monotonic clock."""
    recipe, info = gathered.recipe, gathered.report.info
    total_s = info.duration_s if info else None
    if recipe.to_s is not None:
        total_s = min(recipe.to_s, total_s) if total_s else recipe.to_s
    done_s, took_s = gathered.done_s - recipe.from_s, max(time.monotonic() - started, 1e-6)
    own_s = done_s if gathered.begun_s is None else gathered.done_s - gathered.begun_s
    return Progress(done_s, None if total_s is None else total_s - recipe.from_s, own_s / took_s)


def refuse_foreign(gathered: Gathering) -> None:
    """Raise ForeignSpeech where there was speech and none of it could be believed."""
    refused_s = sum(s.end_s - s.start_s for s in gathered.suppressed if s.reason == "foreign_or_unclear")
    if not gathered.segments and refused_s >= LEAST_REFUSED_S:
        model = gathered.plan.model if gathered.plan else gathered.recipe.model
        raise ForeignSpeech(
            f"{refused_s:.1f} s of speech were found, and none of it is English that {model} can understand",
            param="language",
        )


def _language(segments: Sequence[Segment]) -> str | None:
    """The language of most of the speech; a guess counts by how likely it was. None where no segment names one."""
    heard_s = dict[str, float]()
    for s in segments:
        if s.language is not None:
            sure = 1.0 if s.language_prob is None else s.language_prob
            heard_s[s.language] = heard_s.get(s.language, 0.0) + s.duration_s * sure
    return max(heard_s, key=lambda code: heard_s[code], default=None)


def fallen(plan: Plan | None) -> tuple[Notice, ...]:
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
