"""From windows and speakers to turns: whose each window's voices are, and how many speak at each moment.

Every moment is judged by four windows. How many speak is the mean of what they say; who it is, the speakers that most
of them name. Works through the recording piece by piece, so memory does not grow with it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from earwitness.parts.voices.clusters import alike
from earwitness.parts.voices.frames import FRAME_S, FRAMES, LAG_S, Window, spells
from earwitness.parts.voices.library import Floats
from earwitness.types import Turn

GAP_S = 0.5
"""A pause of one speaker up to this stays inside a turn."""
HALF = 0.5
TWO, THREE = 1.3, 2.5
"""Means of how many speak from which two and three do: what a third of the windows hear of overlap is believed."""
PIECE = 240
"""Windows worked on at a time: 10 minutes."""

Frames = NDArray[np.bool_]
Named = tuple[tuple[int, int, int, int], ...]


def turns(
    windows: Sequence[Window], speakers: Floats, end_s: float
) -> tuple[list[tuple[int, Turn]], list[tuple[int, Turn]]]:
    """Turns that may overlap, and turns that do not, each with the number of its speaker, in order of time."""
    if not len(speakers) or not windows:
        return [], []
    all_, first = _Turns(len(speakers), end_s), _Turns(len(speakers), end_s)
    for at, active, leading in _pieces(windows, speakers):
        all_.add(at, active)
        first.add(at, leading)
    return all_.done(), parted(first.done())


def _pieces(windows: Sequence[Window], speakers: Floats) -> Iterator[tuple[int, Frames, Frames]]:
    """Frame, who is active and who leads from there on: both of shape (frames, speakers)."""
    starts = [round(w.start_s / FRAME_S) for w in windows]
    for begin in range(0, len(windows), PIECE):
        end = min(begin + PIECE, len(windows))
        low = starts[begin]
        high = starts[end] if end < len(windows) else starts[-1] + FRAMES
        votes = np.zeros((high - low, len(speakers)), np.float32)
        count, seen = np.zeros(high - low, np.float32), np.zeros(high - low, np.float32)
        for k in range(begin, -1, -1):  # windows before the piece that reach into it
            if starts[k] + FRAMES <= low:
                break
            _vote(windows[k], starts[k] - low, speakers, votes, count, seen)
        for k in range(begin + 1, end):
            _vote(windows[k], starts[k] - low, speakers, votes, count, seen)
        yield low, *_settled(votes, (count / np.maximum(seen, 1)).astype(np.float32))


def _vote(window: Window, at: int, speakers: Floats, votes: Floats, count: Floats, seen: Floats) -> None:
    """Add what a window says to the frames of a piece in which it begins at `at`, which may be before it."""
    active, whose = window.active, named(window, speakers)
    low, high = max(0, at), min(len(count), at + FRAMES)
    said = np.zeros((FRAMES, len(speakers)), np.float32)
    for local in range(active.shape[1]):
        on = np.nonzero(active[:, local])[0]
        said[on, whose[on, local]] = 1
    seen[low:high] += 1
    count[low:high] += active.sum(1)[low - at : high - at]
    votes[low:high] += said[low - at : high - at]


def named(window: Window, speakers: Floats) -> NDArray[np.int64]:
    """The speaker of each frame and voice of a window, shape (589, 3).

    A stretch with one voice is whose it sounds like. Where voices overlap, they are different speakers: those that fit
    the window's voices best, each taken once.
    """
    from scipy.optimize import linear_sum_assignment

    active = window.active
    scores = np.zeros((active.shape[1], len(speakers)))
    found = np.zeros(active.shape, np.int64)
    near = alike(np.array([s.voice for s in window.stretches], np.float32).reshape(-1, 256), speakers)
    for stretch, row in zip(window.stretches, near, strict=True):
        scores[stretch.local] += row * stretch.duration_s
    present = np.nonzero(active.any(0))[0]
    best = {int(local): int(scores[local].argmax()) for local in present}
    rows, columns = linear_sum_assignment(-scores[present])
    best |= {int(present[r]): int(c) for r, c in zip(rows, columns, strict=True)}
    for local, speaker in best.items():
        found[:, local] = speaker
    for stretch, row in zip(window.stretches, near, strict=True):
        found[stretch.first : stretch.last, stretch.local] = int(row.argmax())
    return found


def _settled(votes: Floats, mean: Floats) -> tuple[Frames, Frames]:
    """Who is active and who leads, from the votes and the mean number of voices."""
    order = np.argsort(-votes, axis=1, kind="stable")
    active, leading = np.zeros(votes.shape, bool), np.zeros(votes.shape, bool)
    for place, enough in enumerate((mean > HALF, mean >= TWO, mean >= THREE)):
        at = np.nonzero(enough)[0]
        if place < votes.shape[1] and len(at):
            who = order[at, place]
            heard = votes[at, who] > 0
            active[at[heard], who[heard]] = True
            if place == 0:
                leading[at[heard], who[heard]] = True
    return active, leading


class _Turns:
    """Turns in the making, for each speaker; short pauses are closed."""

    def __init__(self, speakers: int, end_s: float) -> None:
        self._end_s = end_s
        self._open: list[list[list[float]]] = [[] for _ in range(speakers)]

    def add(self, at: int, frames: Frames) -> None:
        for mine, on in zip(self._open, frames.T, strict=True):
            for first, last in spells(on):
                start_s, end_s = ((at + n) * FRAME_S + LAG_S for n in (first, last))
                if mine and start_s - mine[-1][1] < GAP_S:
                    mine[-1][1] = end_s
                else:
                    mine.append([start_s, end_s])

    def done(self) -> list[tuple[int, Turn]]:
        found = [
            (who, Turn(start_s, min(end_s, self._end_s), ""))
            for who, mine in enumerate(self._open)
            for start_s, end_s in mine
            if start_s < self._end_s
        ]
        return sorted(found, key=lambda t: (t[1].start_s, t[1].end_s))


def parted(found: Sequence[tuple[int, Turn]]) -> list[tuple[int, Turn]]:
    """The turns cut so that none overlaps: where pauses were closed over another's words, those words are another's."""
    made: list[tuple[int, Turn]] = []
    for who, turn in found:
        while made and made[-1][1].start_s >= turn.start_s:
            made.pop()
        if made and made[-1][1].end_s > turn.start_s:
            before, last = made.pop()
            made.append((before, Turn(last.start_s, turn.start_s, "")))
            made.append((who, turn))
            if last.end_s > turn.end_s:
                made.append((before, Turn(turn.end_s, last.end_s, "")))
        else:
            made.append((who, turn))
    return made
