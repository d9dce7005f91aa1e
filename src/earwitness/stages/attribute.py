"""Gives every word its speaker, parts segments where the speaker changes, and finds known voices among the speakers.

Words take the speaker whose turn they lie in. A change of speaker is cheap after a sentence or a pause and dear inside
a sentence, so that a word or two at the edge of a turn do not go to the wrong side. Not a letter is lost or moved.
Pure functions; knows no model.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import BadInput
from earwitness.spread import timed_words
from earwitness.stages.phrase import share_tokens
from earwitness.stages.recipe import Known
from earwitness.types import Diarization, Notice, Segment, Speaker, Turn, Word

SAME_VOICE = 0.45
"""Cosine of two embeddings from which on they may be one voice; below it a known name is not given.

By `benchmarks/voices.py`: of 2523 pairs of clips of two people none reaches 0.41, and 95 % of those of one reach 0.44.
"""

NEAR_S = 0.5
"""A word that lies in nobody's turn belongs to the nearest one within this."""

INSIDE_S, INSIDE_GUESSED_S = 0.5, 0.8
"""Seconds of speech that a change of speaker inside a sentence must explain; more where word times are guesses."""

AFTER_COMMA_S = 0.15
"""The same after a comma or a pause."""

PAUSE_S = 0.3

ALIKE, LEAST_ALIKE = 0.8, 3
"""Two channels with this share of words and time in common hold the same; fewer words than this say nothing."""

LEAST_WORD_S = 0.05
"""A word counts as at least this long."""

SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")
CLAUSE_END = re.compile(r"[,;:–—、，][\"'”’)\]]*$")

Who = str | None


def attribute(segments: Sequence[Segment], diarization: Diarization) -> tuple[Segment, ...]:
    """The segments with their speakers, each said by one; joined, their text is what it was.

    Words without times of their own share their segment's by their letters. None is said by nobody in reach.
    """
    told = diarization.exclusive or diarization.turns
    if not told:
        return tuple(segments)
    ordered = tuple(sorted(told, key=lambda t: (t.start_s, t.end_s)))
    turns = _Turns(ordered, tuple(accumulate((t.end_s for t in ordered), max)))
    return tuple(piece for segment in segments for piece in _parted(segment, turns))


def by_channel(channels: Sequence[Sequence[Segment]]) -> tuple[tuple[Segment, ...], Diarization]:
    """The segments of all channels in the order of time, each channel said by one speaker, and who spoke when."""
    spoken = sorted((c for c in range(len(channels)) if channels[c]), key=lambda c: channels[c][0].start_s)
    segments, turns, speakers = list[Segment](), list[Turn](), list[Speaker]()
    for number, channel in enumerate(spoken, 1):
        who, own = f"S{number}", list[Turn]()
        for s in channels[channel]:
            segments.append(replace(s, speaker=who, words=tuple(replace(w, speaker=who) for w in s.words)))
            if own and s.start_s - own[-1].end_s < NEAR_S:
                own[-1] = Turn(own[-1].start_s, max(s.end_s, own[-1].end_s), who)
            else:
                own.append(Turn(s.start_s, s.end_s, who))
        turns += own
        speakers.append(Speaker(who, sum(t.end_s - t.start_s for t in own)))
    method = ", ".join(f"S{n} is channel {c + 1}" for n, c in enumerate(spoken, 1))
    ordered = tuple(sorted(turns, key=lambda t: (t.start_s, t.speaker)))
    told = Diarization(ordered, speakers=tuple(speakers), method=f"channels: {method or 'nobody speaks'}")
    return tuple(sorted(segments, key=lambda s: s.start_s)), told


def alike(one: Sequence[Segment], other: Sequence[Segment]) -> bool:
    """Whether two channels hold the same conversation: most words are in both, and are said at the same times."""
    words = [Counter(w.strip(".,?!").lower() for s in channel for w in s.text.split()) for channel in (one, other)]
    if min(w.total() for w in words) < LEAST_ALIKE:
        return False
    shared_s, at = 0.0, 0
    for s in one:
        while at < len(other) and other[at].end_s <= s.start_s:
            at += 1
        for n in range(at, len(other)):
            if other[n].start_s >= s.end_s:
                break
            shared_s += min(s.end_s, other[n].end_s) - max(s.start_s, other[n].start_s)
    spoken_s = min(sum(s.duration_s for s in channel) for channel in (one, other))
    return (words[0] & words[1]).total() >= ALIKE * (words[0] | words[1]).total() and shared_s >= ALIKE * spoken_s


def name_known(diarization: Diarization, known: Sequence[Known], threshold: float = SAME_VOICE) -> Diarization:
    """The speakers with the names of the known voices that they are: each name once, a stranger gets none.

    Of all ways to give the names, the one with the most likeness over the threshold. A name that fits nobody stands in
    a notice. Raises BadInput where the embeddings were made by different parts.
    """
    heard = [s for s in diarization.speakers if s.voice]
    names = dict[str, str]()
    if heard and known:
        if len({len(v) for v in (*(s.voice for s in heard), *(k.voice for k in known))}) > 1:
            raise BadInput("the known voices were taken by another part than the one that tells speakers apart")
        likeness = _units([k.voice for k in known]) @ _units([s.voice for s in heard]).T
        for row, column in enumerate(_matched(np.maximum(likeness - threshold, 0.0))):
            if column is not None and likeness[row, column] >= threshold:
                names[heard[column].id] = known[row].name
    missed = [k.name for k in known if k.name not in names.values()]
    notices = diarization.notices
    if missed:
        notices += (Notice("known_speaker_not_heard", f"no voice is like that of: {', '.join(missed)}"),)
    speakers = tuple(replace(s, name=names.get(s.id, s.name)) for s in diarization.speakers)
    return replace(diarization, speakers=speakers, notices=notices)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class _Turns:
    """Turns in order, and where those up to each have ended."""

    all: tuple[Turn, ...]
    ends: tuple[float, ...]

    def around(self, start_s: float, end_s: float) -> Iterator[Turn]:
        """Those that touch a stretch, or are near it."""
        for i in range(bisect_left(self.ends, start_s - NEAR_S), len(self.all)):
            if self.all[i].start_s > end_s + NEAR_S:
                return
            yield self.all[i]


@dataclass(frozen=True, slots=True)
class _Costs:
    """Seconds of a word that are left unexplained where it is said by those in reach, by another, or by nobody."""

    reach: Mapping[str, float]
    other: float
    nobody: float

    def of(self, who: Who) -> float:
        return self.nobody if who is None else self.reach.get(who, self.other)


def _speakers(words: Sequence[Word], turns: _Turns) -> list[Who]:
    """Who says each word: the way through the words that leaves the least unexplained (dynamic programming)."""
    costs = [_costs(word, turns) for word in words]
    states: list[Who] = [*dict.fromkeys(who for cost in costs for who in cost.reach), None]
    total, back = dict.fromkeys(states, 0.0), list[dict[Who, Who]]()
    for i, cost in enumerate(costs):
        change = _change(words[i - 1], words[i]) if i else 0.0
        best = min(states, key=lambda who: total[who])
        came = {who: who if total[who] <= total[best] + change else best for who in states}
        total = {w: total[came[w]] + (0.0 if came[w] == w else change) + cost.of(w) for w in states}
        back.append(came)
    who = min(states, key=lambda who: total[who])
    found = list[Who]()
    for came in reversed(back):
        found.append(who)
        who = came[who]
    return found[::-1]


def _costs(word: Word, turns: _Turns) -> _Costs:
    length_s = max(word.end_s - word.start_s, LEAST_WORD_S)
    heard, near = dict[str, float](), dict[str, float]()
    for turn in turns.around(word.start_s, word.end_s):
        shared_s = min(turn.end_s, word.end_s) - max(turn.start_s, word.start_s)
        if shared_s > 0:
            heard[turn.speaker] = heard.get(turn.speaker, 0.0) + shared_s
        elif -shared_s <= NEAR_S:
            near[turn.speaker] = min(near.get(turn.speaker, NEAR_S), -shared_s)
    if heard:
        return _Costs({who: max(0.0, length_s - s) for who, s in heard.items()}, length_s, length_s)
    return _Costs({who: length_s * s / NEAR_S for who, s in near.items()}, length_s, length_s if near else 0.0)


def _change(before: Word, after: Word) -> float:
    """What a change of speaker between two words costs, in seconds."""
    if SENTENCE_END.search(before.text):
        return 0.0
    if CLAUSE_END.search(before.text) or after.start_s - before.end_s >= PAUSE_S:
        return AFTER_COMMA_S
    return INSIDE_S if before.aligned and after.aligned else INSIDE_GUESSED_S


# ── segments ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _parted(segment: Segment, turns: _Turns) -> tuple[Segment, ...]:
    """A segment in pieces of one speaker each; whole where its words are not those of its text."""
    words = timed_words(segment)
    who = _speakers(words, turns)
    told = tuple(replace(w, speaker=s) for w, s in zip(words, who, strict=True)) if segment.words else ()
    firsts = [i for i in range(len(words)) if not i or who[i] != who[i - 1]]
    if len(firsts) < 2:
        return (replace(segment, words=told, speaker=who[0] if who else None),)
    texts = _texts(segment.text, words, firsts)
    if texts is None:
        return (replace(segment, words=told, speaker=_most(words, who)),)
    steps = share_tokens(segment, texts) if segment.tokens else [((), (), segment.avg_logprob)] * len(texts)
    found = []
    for n, (first, last) in enumerate(pairwise([*firsts, len(words)])):
        ids, tokens, logprob = steps[n]
        start_s = words[first].start_s if n else segment.start_s
        end_s = words[last - 1].end_s if last < len(words) else segment.end_s
        found.append(
            replace(
                segment,
                start_s=start_s,
                end_s=max(start_s, end_s),
                text=texts[n],
                words=told[first:last],
                tokens=tokens,
                token_ids=ids,
                avg_logprob=logprob,
                speaker=who[first],
            )
        )
    return tuple(found)


def _texts(text: str, words: Sequence[Word], firsts: Sequence[int]) -> tuple[str, ...] | None:
    """The text cut before the words `firsts`; None where that can't be done."""
    at, starts = 0, list[int]()
    for word in words:
        at = text.find(word.text.strip(), at)
        if at < 0:
            return None
        starts.append(at)
        at += len(word.text.strip())
    cuts = [0, *(starts[i] for i in firsts[1:]), len(text)]
    pieces = tuple(text[low:high].strip() for low, high in pairwise(cuts))
    return pieces if all(pieces) else None


def _most(words: Sequence[Word], who: Sequence[Who]) -> Who:
    """Who speaks the longest."""
    said = dict.fromkeys(who, 0.0)
    for word, speaker in zip(words, who, strict=True):
        said[speaker] += word.end_s - word.start_s
    return max(said, key=lambda speaker: said[speaker])


# ── known voices ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _units(voices: Sequence[tuple[float, ...]]) -> NDArray[np.float64]:
    """Embeddings as rows of length one."""
    rows = np.array(voices, np.float64)
    units: NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units


def _matched(gain: NDArray[np.float64]) -> list[int | None]:
    """The column of each row, none twice, with the greatest sum; None for rows that are left over."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gain, maximize=True)
    found: list[int | None] = [None] * len(gain)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        found[row] = column
    return found
