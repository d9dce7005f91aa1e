"""What an answer in OpenAI's `verbose_json` or `json` says, checked and held inside its clip.

Words come in one list, or within the segments as whisper.cpp has them. Source: the types of openai-python
(TranscriptionVerbose) and whisper.cpp's examples/server.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earwitness.engines.whisper.decoded import held
from earwitness.engines.whisper.languages import LANGUAGES
from earwitness.engines.wire.address import wrong
from earwitness.engines.wire.line import CONTROL
from earwitness.errors import EngineFailed, Unsupported
from earwitness.types import Ask, Clip, Segment, Word

CODES = {name: code for code, name in LANGUAGES.items()}

_Id = Annotated[int, Field(ge=0, lt=2**31)]


class _Said(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


class Spoken(_Said):
    """A word, or in whisper.cpp's answers a token."""

    word: str
    start: float
    end: float
    probability: float | None = None


class Piece(_Said):
    """A segment."""

    text: str
    start: float
    end: float
    tokens: tuple[_Id, ...] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    words: tuple[Spoken, ...] | None = None


class Answer(_Said):
    """The body of an answer."""

    text: str
    language: str | None = None
    segments: tuple[Piece, ...] | None = None
    words: tuple[Spoken, ...] | None = None
    language_probabilities: dict[str, float] | None = None
    """By code; whisper.cpp's server tells them."""


def read(body: bytes, name: str) -> Answer:
    """The answer in a body. Raises EngineFailed for one that makes no sense; `name` goes into the message."""
    try:
        return Answer.model_validate_json(body)
    except ValidationError as error:
        field, why = wrong(error)
        raise EngineFailed(
            f"{name} gave an answer that makes no sense: {field}: {why}",
            remedy="Look whether its address is that of a server with OpenAI's API.",
        ) from None


def segments(found: Answer, clip: Clip, ask: Ask) -> tuple[Segment, ...]:
    """The segments that an answer says, with absolute times, in order and inside the clip.

    Text without segments is one that spans the clip. Raises Unsupported where words' times are asked for and there are
    none.
    """
    language = ask.language if ask.task == "translate" else code(found.language) or ask.language
    made, at_s = list[Segment](), clip.audio.start_s
    for piece in found.segments or (Piece(text=found.text, start=0.0, end=clip.audio.duration_s),):
        if not (text := _clean(piece.text)):
            continue
        start_s = _inside(clip, piece.start, at_s)
        at_s = start_s
        made.append(
            Segment(
                start_s,
                _inside(clip, piece.end, start_s),
                text,
                language=language,
                token_ids=piece.tokens or (),
                avg_logprob=min(0.0, piece.avg_logprob) if piece.avg_logprob else None,  # 0 is said for "not known"
                no_speech_prob=_share(piece.no_speech_prob),
                temperature=max(0.0, piece.temperature or 0.0),
            )
        )
    if not ask.word_times:
        return tuple(made)
    words = found.words or [w for piece in found.segments or () for w in piece.words or ()]
    spoken = [_word(w, clip) for w in words if _clean(w.word)]
    if made and not spoken and "word_times" not in ask.optional:
        raise Unsupported("the server gave no times of single words", param="word_times")
    return tuple(
        replace(segment, words=held(_spelt(dealt, segment.text), segment))
        for segment, dealt in zip(made, _dealt(spoken, made), strict=True)
    )


def _dealt(words: Sequence[Word], made: Sequence[Segment]) -> Iterator[list[Word]]:
    """The words of each segment: by their letters where these are the segments' own, else by their times."""
    by_letters, left = list[list[Word]](), list(words)
    for segment in made:
        letters, dealt = "".join(segment.text.split()), list[Word]()
        while left and letters and letters.startswith(spelt := "".join(left[0].text.split())):
            letters = letters[len(spelt) :]
            dealt.append(left.pop(0))
        by_letters.append(dealt)
        if letters:
            break
    else:
        if not left:
            yield from by_letters
            return
    for n, segment in enumerate(made):
        low = segment.start_s if n else float("-inf")
        high = made[n + 1].start_s if n + 1 < len(made) else float("inf")
        yield [w for w in words if low <= (w.start_s + w.end_s) / 2 < high]


def _spelt(words: list[Word], text: str) -> list[Word]:
    """The words as the text spells them, where they are as many: OpenAI leaves the punctuation out of its words."""
    printed = text.split()
    if len(printed) != len(words) or any(_bare(w.text) != _bare(p) for w, p in zip(words, printed, strict=True)):
        return words
    return [replace(w, text=p) for w, p in zip(words, printed, strict=True)]


def _word(word: Spoken, clip: Clip) -> Word:
    start_s = _inside(clip, word.start, clip.audio.start_s)
    return Word(_clean(word.word), start_s, _inside(clip, word.end, start_s), _share(word.probability))


def _inside(clip: Clip, at_s: float, least_s: float) -> float:
    """A time in the clip as an absolute one, at least `least_s` and not after its end."""
    return min(max(clip.audio.start_s + at_s, least_s), clip.audio.end_s)


def _clean(text: str) -> str:
    return " ".join(CONTROL.sub(" ", text).split())


def _bare(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


def _share(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, value))


def code(language: str | None) -> str | None:
    """ISO 639-1 code of a language by code or full name; None for one that is not known."""
    told = (language or "").strip().lower()
    return CODES.get(told) or (told if re.fullmatch("[a-z]{2,3}", told) else None)
