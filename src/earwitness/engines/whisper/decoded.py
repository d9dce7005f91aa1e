"""Decoded tokens become segments: time stamps, loops, log-probabilities, and the times of words."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from earwitness.engines.greedy import repeated
from earwitness.engines.whisper import MOST_TOKENS, STAMP_S
from earwitness.engines.whisper.vocabulary import Spelling, split
from earwitness.types import Clip, Segment, Token, Word


@dataclass(slots=True)
class Decoded:
    """What a runtime gave for one clip. `ids` are without prompt and end mark; `logprobs` are theirs, where known."""

    ids: Sequence[int] = ()
    avg_logprob: float | None = None
    logprobs: Sequence[float] = ()
    language: str | None = None
    language_prob: float | None = None
    no_speech_prob: float | None = None
    temperature: float = 0.0


@dataclass(slots=True)
class Piece:
    """One segment's tokens and times, in seconds from the clip's start."""

    start_s: float
    end_s: float
    at: int
    ids: list[int] = field(default_factory=list)


def pieces(ids: Sequence[int], first_stamp: int, clip_s: float) -> Iterator[Piece]:
    """The segments in a sequence with time stamps; `at` is where a piece's text begins. Text without stamps is one.

    Stamps are held in order and inside the clip, which is what a decoder that errs may break.
    """
    now = Piece(0.0, clip_s, 0)
    for at, token in enumerate(ids):
        if token < first_stamp:
            now.at = now.at if now.ids else at
            now.ids.append(token)
            continue
        time_s = min(clip_s, max(now.start_s, (token - first_stamp) * STAMP_S))
        if now.ids:
            now.end_s = time_s
            yield now
        now = Piece(time_s, clip_s, at)
    if now.ids:
        yield now


def segments(found: Decoded, clip: Clip, words: Spelling) -> tuple[Segment, ...]:
    """The segments that a decoded clip says, with absolute times; a loop at its end is cut and marked."""
    surplus = repeated(found.ids)
    ids = found.ids[: len(found.ids) - surplus]
    marks = ["loop_cut"] if surplus else ["token_cap"] if len(ids) >= MOST_TOKENS - 1 else []
    made = []
    for piece in pieces(ids, words.first_stamp, clip.audio.duration_s):
        raw = [words.raw(i) for i in piece.ids]
        text = b"".join(raw).decode("utf-8", "replace").strip()
        if not text:
            continue
        logprobs = found.logprobs[piece.at : piece.at + len(piece.ids)]
        mean = sum(logprobs) / len(logprobs) if logprobs else found.avg_logprob
        made.append(
            Segment(
                clip.audio.start_s + piece.start_s,
                clip.audio.start_s + piece.end_s,
                text,
                language=found.language,
                language_prob=found.language_prob,
                tokens=tuple(map(Token, piece.ids, raw, logprobs)),
                token_ids=tuple(piece.ids),
                avg_logprob=mean,
                no_speech_prob=found.no_speech_prob,
                temperature=found.temperature,
                marks=tuple(marks),
            )
        )
    return tuple(made)


def logprob(logits: NDArray[np.float32], token: int) -> float:
    """Natural log-probability of a token at one step; `logits` has shape (vocabulary,)."""
    top = logits.max()
    return min(0.0, float(logits[token] - top - np.log(np.exp(logits - top).sum())))


def worded(
    of_clip: Sequence[Segment], clip: Clip, starts_s: Sequence[float], probs: Sequence[float], words: Spelling
) -> tuple[Segment, ...]:
    """A clip's segments with their words.

    `starts_s` are the seconds into the clip at which each token of all its segments begins, and the end of the last
    one; `probs` are the tokens' probabilities.
    """
    made, at = [], 0
    for segment in of_clip:
        spoken = []
        for group in split(segment.token_ids, words, segment.language):
            text = b"".join(map(words.raw, group)).decode("utf-8", "replace").strip()
            low, high = (float(starts_s[min(i, len(starts_s) - 1)]) for i in (at, at + len(group)))
            if text:
                sure = min(1.0, float(np.mean(probs[at : at + len(group)])))
                spoken.append(Word(text, clip.audio.start_s + low, clip.audio.start_s + high, sure))
            at += len(group)
        made.append(replace(segment, words=held(spoken, segment)))
    return tuple(made)


def timed(
    found: Decoded, steps: Sequence[tuple[int, float, float]], clip: Clip, words: Spelling, *, word_times: bool
) -> tuple[Segment, ...]:
    """Segments, with words if wanted, of whisper.cpp's tokens: id, log-probability, end in seconds into the clip."""
    said = replace(found, ids=[step[0] for step in steps], logprobs=[step[1] for step in steps])
    made = segments(said, clip, words)
    if not word_times:
        return made
    text = [step for step in steps if step[0] < words.first_stamp]
    return worded(made, clip, [0.0, *(end_s for *_, end_s in text)], [math.exp(p) for _, p, _ in text], words)


def held(spoken: Sequence[Word], segment: Segment) -> tuple[Word, ...]:
    """Words in order and inside their segment; the cross-attention gives the first one the silence before it."""
    made, at_s = list[Word](), segment.start_s
    for word in spoken:
        low = min(max(at_s, word.start_s), segment.end_s)
        at_s = min(max(low, word.end_s), segment.end_s)
        made.append(replace(word, start_s=low, end_s=at_s))
    return tuple(made)
