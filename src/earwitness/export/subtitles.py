"""Transcripts as subtitles: SubRip and WebVTT, broken by the usual rules of the trade.

At most 42 characters a line and two lines a cue, read at no more than 20 characters a second where the pauses allow it,
on screen for 5/6 to 7 seconds, never overlapping. Breaks fall after punctuation first, and never part an article or a
preposition from its noun if that can be helped. Where a segment has no word times, words share its time by their
letters. A cue is said by one speaker: SubRip names them where they change, WebVTT in the voice of each cue.

Source of the rules: the BBC and Netflix timed-text guides (42 characters, two lines, 5/6 s to 7 s, 20 characters a
second).
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from earwitness.audio import timebase
from earwitness.export import labels
from earwitness.export.layout import Layout
from earwitness.noted import Note
from earwitness.spread import timed_words
from earwitness.types import Transcript, Word

WEAK = frozenset(
    (
        "a an the and or but of to in on at by for from with as is are was were be i you he she it we they "
        "his her my your our their this that not no very had has have will would"
    ).split()
)
"""Words that lean on the next one: a break after them reads badly."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: its times, its lines, and the id of who says it."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    speaker: str | None = None


def srt(transcript: Transcript, layout: Layout) -> str:
    """SubRip; empty for a recording without speech."""
    cues = enumerate(cut(transcript, layout, named=True), 1)
    return "".join(
        f"{n}\n{timebase.clock(c.start_s, mark=',')} --> {timebase.clock(c.end_s, mark=',')}\n{_joined(c)}\n\n"
        for n, c in cues
    )


def vtt(transcript: Transcript, layout: Layout) -> str:
    """WebVTT with its header; text and names are escaped. Notes are comments before the cue at which they begin."""
    names = labels.names(transcript)

    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def voice(cue: Cue) -> str:
        return "" if cue.speaker is None else f"<v {escaped(names[cue.speaker])}>"

    body, left = "", [note for note in layout.notes if note.text]
    for c in cut(transcript, layout):
        while left and left[0].start_s < c.end_s:
            body += _comment(left.pop(0))
        body += f"{timebase.clock(c.start_s)} --> {timebase.clock(c.end_s)}\n{voice(c)}{escaped(_joined(c))}\n\n"
    return "WEBVTT\n\n" + body + "".join(map(_comment, left))


def cut(transcript: Transcript, layout: Layout, *, named: bool = False) -> list[Cue]:
    """The cues of a transcript, in order, not overlapping; with `named`, those where the speaker changes begin so."""
    names, before, raw = labels.names(transcript), None, list[Cue]()
    for segment in transcript.segments:
        who, words = segment.speaker, timed_words(segment)
        if named and who != before and words:
            label = names[who] if who is not None else labels.UNKNOWN
            words = (replace(words[0], text=f"{label}: {words[0].text}"), *words[1:])
        before = who
        raw += _cues(words, layout, who)
    found = []
    for i, cue in enumerate(raw):
        limit = raw[i + 1].start_s - layout.gap_s if i + 1 < len(raw) else transcript.duration_s
        letters = sum(map(len, cue.lines))
        wanted = cue.start_s + min(layout.longest_s, max(layout.shortest_s, letters / layout.chars_per_s))
        end_s = max(cue.end_s, min(wanted, limit))
        if i + 1 < len(raw):
            end_s = min(end_s, max(raw[i + 1].start_s, cue.start_s))
        found.append(replace(cue, end_s=end_s))
    return found


def _cues(words: tuple[Word, ...], layout: Layout, who: str | None) -> Iterator[Cue]:
    first = 0
    for last in _breaks(words, layout):
        group = words[first:last]
        yield Cue(group[0].start_s, group[-1].end_s, _lines([w.text for w in group], layout), who)
        first = last


def _breaks(words: tuple[Word, ...], layout: Layout) -> list[int]:
    """Where cues end, as word indices, the last being len(words): the partition of least cost (dynamic programming)."""
    count = len(words)
    cost, back = [0.0] + [math.inf] * count, [0] * (count + 1)
    room = layout.line_chars * layout.lines
    for end in range(1, count + 1):
        letters = -1
        for start in range(end - 1, -1, -1):
            letters += len(words[start].text) + 1
            spread = words[end - 1].end_s - words[start].start_s
            if start < end - 1 and (letters > room or spread > layout.longest_s or not _fits(words[start:end], layout)):
                break
            emptiness = max(0, room - letters) / room
            total = cost[start] + 1 + emptiness**2 + (0 if end == count else _awkward(words[end - 1].text))
            if total < cost[end]:
                cost[end], back[end] = total, start
    found, at = [], count
    while at:
        found.append(at)
        at = back[at]
    return found[::-1]


def _fits(words: tuple[Word, ...], layout: Layout) -> bool:
    return len(_filled([w.text for w in words], layout.line_chars)) <= layout.lines


def _filled(texts: list[str], width: int) -> list[str]:
    """Lines filled greedily; a word longer than the line stands alone."""
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += " " + text
        else:
            lines.append(text)
    return lines


def _lines(texts: list[str], layout: Layout) -> tuple[str, ...]:
    """The lines of a cue: one if it fits, two of like length broken at the best place, else filled greedily."""
    whole = " ".join(texts)
    if len(whole) <= layout.line_chars:
        return (whole,)
    filled = _filled(texts, layout.line_chars)
    if len(filled) != 2:
        return tuple(filled)
    options = [(" ".join(texts[:i]), " ".join(texts[i:])) for i in range(1, len(texts))]
    fitting = [o for o in options if max(map(len, o)) <= layout.line_chars]

    def cost(pair: Sequence[str]) -> float:
        return abs(len(pair[0]) - len(pair[1])) / layout.line_chars + _awkward(pair[0].split()[-1])

    return min(fitting, key=cost) if fitting else tuple(filled)


def _awkward(word: str) -> float:
    """How badly a break after this word reads, 0 to 1."""
    if re.search(r"[.!?…][\"')\]”’]*$", word):
        return 0.0
    if re.search(r"[,;:–—][\"')\]”’]*$", word):
        return 0.2
    return 1.0 if word.lower().strip("\"'([“‘") in WEAK else 0.6


def _comment(note: Note) -> str:
    """A comment block: it ends at an empty line, and may not hold the arrow of a cue's times."""
    lines = (line for line in note.text.replace("-->", "->").splitlines() if line.strip())
    return f"NOTE {timebase.clock(note.start_s)}\n" + "".join(f"{line}\n" for line in lines) + "\n"


def _joined(cue: Cue) -> str:
    return "\n".join(cue.lines)
