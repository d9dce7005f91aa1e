"""Several diarizers hear one recording, and vote. What each said is kept, and why one could not say anything.

Knows the Protocol, none of the parts. Embeddings are those of the first diarizer that makes some.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from earwitness.errors import EarwitnessError, EngineFailed
from earwitness.parts import Crowd, Diarizer, Hearing
from earwitness.stages.vote import Vote, differs, vote
from earwitness.types import Audio, Diarization, Notice, Speaker


@dataclass(frozen=True, slots=True)
class Said:
    """What one diarizer said, with its own names of the speakers."""

    name: str
    found: Diarization
    weight: float
    """What it counted in the vote."""
    error: float | None
    """Its diarization error rate where the vote is taken for the truth; None where the vote is that nobody speaks."""
    names: Mapping[str, str]
    """The vote's ids by its own, of speakers the vote kept."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The vote, and how it came about."""

    found: Diarization
    said: tuple[Said, ...]
    failed: Mapping[str, EarwitnessError]


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """A diarizer made of several, by their names; the first counts more where it is a tie."""

    members: Mapping[str, Diarizer]
    failed: Mapping[str, EarwitnessError] = field(default_factory=dict)
    """Those that should have been members, and why they are none."""

    @property
    def embeds(self) -> str:
        """See `Diarizer.embeds`; empty where no member makes embeddings."""
        return next((m.embeds for m in self.members.values() if m.embeds), "")

    def begin(self) -> "Together":
        """See `Diarizer.begin`."""
        return Together(self, {name: m.begin() for name, m in self.members.items()}, dict(self.failed))

    def voice(self, audio: Audio) -> tuple[float, ...] | None:
        """See `Diarizer.voice`."""
        found = next((m for m in self.members.values() if m.embeds), next(iter(self.members.values())))
        return found.voice(audio)


@dataclass(slots=True, eq=False)
class Together:
    """One recording on its way through all of them. One that fails is left out from there on, and said to have."""

    by: Ensemble
    hearings: dict[str, Hearing]
    failed: dict[str, EarwitnessError]
    poll: Poll | None = None
    """The last vote."""

    def hear(self, audio: Audio) -> None:
        """See `Hearing.hear`. Raises what the last one left raises."""
        for name, hearing in list(self.hearings.items()):
            try:
                hearing.hear(audio)
            except EarwitnessError as error:
                self._leave_out(name, error)

    def tell(self, crowd: Crowd) -> Diarization:
        """See `Hearing.tell`."""
        said = dict[str, Diarization]()
        for name, hearing in list(self.hearings.items()):
            try:
                said[name] = hearing.tell(crowd)
            except EarwitnessError as error:
                self._leave_out(name, error)
        if not said:
            raise EngineFailed("no diarizer could be asked")
        self.poll = self._counted(said, crowd)
        return self.poll.found

    def _leave_out(self, name: str, error: EarwitnessError) -> None:
        self.failed[name] = error
        del self.hearings[name]
        if not self.hearings:
            raise error

    def _counted(self, said: Mapping[str, Diarization], crowd: Crowd) -> Poll:
        votes = vote([d.turns for d in said.values()])
        each = tuple(
            Said(name, d, round(votes.weights[n], 4), differs(votes.turns, d.turns), votes.names[n])
            for n, (name, d) in enumerate(said.items())
        )
        speakers = self._speakers(votes, each)
        notices = [Notice("diarizer_left_out", f"{name} had no vote: {e.message}") for name, e in self.failed.items()]
        notices += [n for d in said.values() for n in d.notices if n.code != "fewer_speakers"]
        found = Diarization(
            turns=votes.turns,
            exclusive=votes.exclusive,
            speakers=speakers,
            method=f"vote of {', '.join(said)}",
            notices=(*dict.fromkeys(notices), *_another_number(crowd, len(speakers))),
        )
        return Poll(found, each, dict(self.failed))

    def _speakers(self, votes: Vote, each: Sequence[Said]) -> tuple[Speaker, ...]:
        """The speakers of the vote: how sure is the mean of what was said, the voice of who makes embeddings."""
        heard_s = dict.fromkeys((t.speaker for t in votes.turns), 0.0)
        for turn in votes.turns:
            heard_s[turn.speaker] += turn.end_s - turn.start_s
        sure: dict[str, list[float]] = {who: [] for who in heard_s}
        voices = dict[str, tuple[float, ...]]()
        for said in each:
            embeds = self.by.members[said.name].embeds
            for speaker in said.found.speakers:
                who = said.names.get(speaker.id)
                if who is not None and speaker.confidence is not None:
                    sure[who].append(speaker.confidence)
                if who is not None and speaker.voice and embeds == self.by.embeds:
                    voices.setdefault(who, speaker.voice)
        return tuple(
            Speaker(who, round(s, 3), _mean(sure[who]), voice=voices.get(who, ())) for who, s in heard_s.items()
        )


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None


def _another_number(crowd: Crowd, found: int) -> tuple[Notice, ...]:
    """What was asked for and the vote did not keep to."""
    fewest, most = crowd.count or crowd.least or 0, crowd.count or crowd.most or found
    if fewest <= found <= most:
        return ()
    code, asked = ("fewer_speakers", fewest) if found < fewest else ("more_speakers", most)
    return (Notice(code, f"{asked} speakers were asked for, and the vote has {found}"),)
