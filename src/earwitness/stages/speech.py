"""Finds the speech in a recording and cuts it into stretches that an engine can take: at pauses, never inside a word.

A fold over Audio in any chunking: the stretches depend on the sound alone, not on how it was handed in. Memory is
bounded by the longest stretch. Knows nothing of what is said.

How it cuts: speech begins where the detector's probability rises over `threshold` and pauses where it stays under half
of that for `pause_s`. Pauses up to `join_s` stay inside a stretch, because a recogniser with more context makes fewer
mistakes. A stretch that grows to `longest_s` is cut at its longest pause; where there is none, at the least speech-like
32 ms of its second half, and marked `forced`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from earwitness.audio import timebase
from earwitness.parts import Vad, VadState
from earwitness.types import Audio, Samples, Span


@dataclass(frozen=True, slots=True)
class Listening:
    """How speech is found and cut. All times in seconds."""

    threshold: float = 0.3
    """Probability at which speech begins; it ends at half of it."""
    peak: float = 0.5
    """A stretch whose probability never reaches this is no speech."""
    pause_s: float = 0.1
    join_s: float = 1.5
    margin_s: float = 0.3
    """Sound kept before and after speech."""
    longest_s: float = 15.0
    shortest_s: float = 5.0
    """A stretch that must be cut keeps at least this much before the cut, unless there is no pause."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Sound with speech in it: `audio` has its margins, `spans` are the speech, in positions of the recording.

    `voice` is the mean probability of speech over the spans. `forced` says that a cut lies inside speech.
    """

    audio: Audio
    spans: tuple[Span, ...]
    voice: float
    peak: float
    forced: bool = False
    voices: tuple[float, ...] = ()
    """That of each span, where it is known."""
    goes_on: bool = False
    """Whether it was cut because it grew too long, and no pause ended it."""

    @property
    def span(self) -> Span:
        """From the first speech to the last."""
        return Span(self.spans[0].start, self.spans[-1].end)

    def under(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Seconds of speech between two times, and its mean probability, 0 where there is none."""
        each = zip(self.spans, self.voices or [self.voice] * len(self.spans), strict=True)
        heard = [(max(0.0, min(s.end_s, end_s) - max(s.start_s, start_s)), voice) for s, voice in each]
        total_s = sum(s for s, _ in heard)
        return total_s, sum(s * voice for s, voice in heard) / total_s if total_s else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The fold's state. Frames are counted from the first frame of the recording's range."""

    vad: VadState
    origin: int
    """Position of the first sample."""
    kept: Samples
    """Samples from frame `first` on, and a rest shorter than a frame."""
    first: int = 0
    frames: int = 0
    """Frames judged so far."""
    probs: tuple[float, ...] = ()
    """Probability of each frame from `first` to `frames`."""
    spans: tuple[tuple[int, int], ...] = ()
    """Closed spans of the open stretch, in frames."""
    since: int | None = None
    """Frame where the open span began."""
    voiced: int = 0
    """Frame after the last voiced one of the open span."""
    floor: int = 0
    """Frame before which no margin may reach: sound given out already."""


def begin(vad: Vad, origin: int = 0) -> Heard:
    """The state before a recording, or a range of it that starts at `origin`."""
    return Heard(vad.begin(), origin, np.zeros(0, np.float32))


def listen(state: Heard, audio: Audio, vad: Vad, how: Listening) -> tuple[Heard, tuple[Stretch, ...]]:
    """The state after `audio`, which must follow what came before, and the stretches that have become complete."""
    fold = _heard(state, audio.samples, vad, how)
    return fold.state(), tuple(fold.out)


def finish(state: Heard, vad: Vad, how: Listening) -> tuple[Stretch, ...]:
    """The stretches still open when the recording ends: everything up to its last sample."""
    length = len(state.kept)
    fold = _heard(state, np.zeros(-length % vad.frame, np.float32), vad, how, limit=length)
    fold.close_all()
    return tuple(fold.out)


def so_far(state: Heard, vad: Vad, how: Listening) -> Stretch | None:
    """The open stretch, as it would be if nothing came after what has been judged; None while nobody speaks.

    Once `margin_s` of silence follow the speech, this is the stretch that `listen` will give, unless speech goes on.
    """
    fold = _Fold(state, vad.frame, how)
    fold.close_all()
    return fold.out[0] if fold.out else None


def stretches(
    blocks: Iterable[Audio],
    vad: Vad,
    how: Listening,
    *,
    state: Heard | None = None,
    passed: Callable[[Heard, int], None] | None = None,
) -> Iterator[Stretch]:
    """The speech of a recording that comes in blocks, from a `state` on, or its beginning.

    `passed` is told the state after each block, and how many stretches came of it.
    """
    for block in blocks:
        state = state or begin(vad, block.start)
        state, found = listen(state, block, vad, how)
        yield from found
        if passed:
            passed(state, len(found))
    if state is not None:
        yield from finish(state, vad, how)


def _heard(state: Heard, samples: Samples, vad: Vad, how: Listening, limit: int | None = None) -> "_Fold":
    """The fold after all whole frames that `samples` complete."""
    kept = np.concatenate([state.kept, samples])
    judged = (state.frames - state.first) * vad.frame
    fresh = kept[judged : len(kept) - len(kept) % vad.frame]
    probs, memory = vad.probabilities(fresh, state.vad)
    fold = _Fold(replace(state, vad=memory, kept=kept), vad.frame, how, limit)
    for p in probs.tolist():
        fold.judge(p)
    return fold


@dataclass(slots=True)
class _Fold:
    """The state while frames are judged one by one; makes the next state when they are."""

    old: Heard
    frame: int
    how: Listening
    limit: int | None = None
    """Sample after the last one of the recording, counted from `first`, once it is known."""
    out: list[Stretch] = field(default_factory=list)
    probs: list[float] = field(init=False)
    spans: list[tuple[int, int]] = field(init=False)
    since: int | None = field(init=False)
    voiced: int = field(init=False)
    frames: int = field(init=False)
    floor: int = field(init=False)

    def __post_init__(self) -> None:
        self.probs, self.spans = list(self.old.probs), list(self.old.spans)
        self.since, self.voiced = self.old.since, self.old.voiced
        self.frames, self.floor = self.old.frames, self.old.floor

    def judge(self, p: float) -> None:
        """One more frame."""
        at, self.frames = self.frames, self.frames + 1
        self.probs.append(p)
        if self.since is None and p >= self.how.threshold:
            self.since, self.voiced = at, at + 1
        elif self.since is not None and p >= self.how.threshold / 2:
            self.voiced = at + 1
        elif self.since is not None and self.frames - self.voiced >= self._count(self.how.pause_s):
            self.spans.append((self.since, self.voiced))
            self.since = None
        if self.since is None and self.spans and self.frames - self.spans[-1][1] >= self._count(self.how.join_s):
            self._give(self.spans, self._margin_after(self.spans[-1][1], self.frames))
            self.spans = []
        start = self._start()
        if start is not None and self.since is not None and self.frames - start >= self._count(self.how.longest_s):
            self._cut(start)

    def close_all(self) -> None:
        """The recording has ended."""
        if self.since is not None:
            self.spans.append((self.since, self.voiced))
        if self.spans:
            self._give(self.spans, self._margin_after(self.spans[-1][1], self.frames))

    def state(self) -> Heard:
        start = self._start()
        margin = self._count(self.how.margin_s)
        first = max(self.old.first, self.floor, (self.frames if start is None else start) - margin)
        dropped = first - self.old.first
        return replace(
            self.old,
            kept=self.old.kept[dropped * self.frame :].copy(),
            first=first,
            frames=self.frames,
            probs=tuple(self.probs[dropped:]),
            spans=tuple(self.spans),
            since=self.since,
            voiced=self.voiced,
            floor=self.floor,
        )

    def _cut(self, start: int) -> None:
        """The open stretch is too long: give its first part."""
        assert self.since is not None
        ends = [*self.spans, (self.since, self.voiced)]
        pauses = [(b[0] - a[1], i + 1) for i, (a, b) in enumerate(pairwise(ends))]
        roomy = [p for p in pauses if ends[p[1] - 1][1] - start >= self._count(self.how.shortest_s)]
        best = max(roomy or pauses, default=None)
        if best is not None:
            gap, count = best
            self._give(ends[:count], min(self._count(self.how.margin_s), gap // 2), goes_on=True)
            self.spans = self.spans[count:]
            return
        middle = start + (self.frames - start) // 2
        last = max(middle + 1, min(self.frames - 2, self.voiced))  # not in a pause that may just have begun
        smooth = np.convolve(self.probs, [0.25, 0.5, 0.25], "same")[middle - self.old.first : last - self.old.first]
        at = middle + int(smooth.argmin())
        self._give([(start, at)], 0, forced=True, goes_on=True)
        self.spans, self.since = [], at

    def _give(self, spans: list[tuple[int, int]], after: int, *, forced: bool = False, goes_on: bool = False) -> None:
        base = self.old.first
        low = max(self.floor, spans[0][0] - self._count(self.how.margin_s), base)
        high = spans[-1][1] + after
        each = [self.probs[a - base : b - base] for a, b in spans]
        voices = np.concatenate(each)
        self.floor = high
        if voices.max() < self.how.peak:
            return
        end = (high - base) * self.frame if self.limit is None else min(self.limit, (high - base) * self.frame)
        audio = Audio(self.old.kept[(low - base) * self.frame : end].copy(), self._position(low))
        means = tuple(float(np.mean(probs)) for probs in each)
        inside = tuple(Span(self._position(a), min(self._position(b), audio.end)) for a, b in spans)
        self.out.append(Stretch(audio, inside, float(voices.mean()), float(voices.max()), forced, means, goes_on))

    def _start(self) -> int | None:
        return self.spans[0][0] if self.spans else self.since

    def _margin_after(self, end: int, now: int) -> int:
        return min(self._count(self.how.margin_s), now - end)

    def _position(self, frame: int) -> int:
        return self.old.origin + frame * self.frame

    def _count(self, seconds_: float) -> int:
        return max(1, round(timebase.samples(seconds_) / self.frame))
