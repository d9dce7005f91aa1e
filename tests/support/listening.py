"""Drives a live session by hand: pushes sound in pieces, steps when the lane wakes it, keeps what it tells."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from earwitness.events import Ended, Event, Final, Flushed, Gap, Settled
from earwitness.live.own import Own
from earwitness.live.session import Session
from earwitness.models.lane import Seat
from earwitness.parts import Vad
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples, Segment

PATIENCE_S = 60.0


@dataclass
class Listener:
    """A session and all it told."""

    recipe: Recipe
    seat: Seat
    vad: Vad
    now: float | None = None
    """The clock, where a test sets it."""
    relief: Seat | None = None
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.woken = threading.Event()
        self.session = Session(
            live(self.recipe),
            self.seat,
            self.vad,
            relief=self.relief,
            own=Own(self.seat) if self.seat.can.streams else None,
            wake=self.woken.set,
            clock=self._clock,
        )

    def _clock(self) -> float:
        return time.monotonic() if self.now is None else self.now

    def push(self, *pieces: Samples) -> None:
        for piece in pieces:
            self.told += self.session.push(piece)

    def flush(self, ident: str) -> None:
        self.told += self.session.flush(ident)
        self.until(Flushed)

    def end(self) -> "Listener":
        self.told += self.session.end()
        self.until(Ended)
        return self

    def until(self, kind: type, count: int = 1) -> None:
        """Step until so many events of a kind were told."""
        while sum(isinstance(e, kind) for e in self.told) < count:
            assert self.woken.wait(PATIENCE_S), self.told[-5:]
            self.woken.clear()
            self.told += self.session.step()

    def of(self, *kinds: type) -> list[Event]:
        return [e for e in self.told if isinstance(e, kinds)]

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(e.segment for e in self.told if isinstance(e, Final))

    @property
    def text(self) -> str:
        return " ".join(s.text for s in self.segments)

    @property
    def settled(self) -> list[Settled]:
        return [e for e in self.told if isinstance(e, Settled)]

    @property
    def gaps(self) -> list[Gap]:
        return [e for e in self.told if isinstance(e, Gap)]


def pieces(sound: Samples, edges: Iterable[int]) -> list[Samples]:
    """A sound in pieces, cut at these samples, whatever they are."""
    cuts = [0, *sorted(e % (len(sound) + 1) for e in edges), len(sound)]
    return [sound[a:b] for a, b in pairwise(cuts)]
