"""What whisper.cpp's `whisper-cli` prints of a clip with `--output-json-full`, checked, and its tokens.

Source: whisper.cpp 1.8, examples/cli, `output_json`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from earwitness.engines.whisper import ggml
from earwitness.errors import EngineFailed

HEARD = re.compile(r"auto-detected language: \w+ \(p = ([01]\.\d+)\)")
REMEDY = "Run it by hand with the same model and a recording, or take the engine whispercpp."


class _Said(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)


class _Span(_Said):
    start: int = Field(alias="from")
    end: int = Field(alias="to")


class _Token(_Said):
    text: str
    id: Annotated[int, Field(ge=0, lt=2**31)]
    p: float
    offsets: _Span | None = None


class _Piece(_Said):
    offsets: _Span
    tokens: tuple[_Token, ...]


class _Result(_Said):
    language: str | None = None


class Printed(_Said):
    """What it printed of a clip."""

    result: _Result
    transcription: tuple[_Piece, ...]


def read(path: Path, whose: str) -> Printed:
    """What a file says. Raises EngineFailed where there is none, or it makes no sense; `whose` tells whose it is."""
    try:
        # Latin-1 keeps every byte: a token may be part of a letter. Control characters stand in it as they are.
        return Printed.model_validate(json.loads(path.read_text("latin-1"), strict=False))
    except (OSError, ValueError) as error:
        why = "gave no answer" if isinstance(error, OSError) else "gave an answer that makes no sense"
        raise EngineFailed(f"{whose} {why}", remedy=REMEDY) from error


def probabilities(log: str, clips: int) -> list[float | None]:
    """Of the language of each clip, where it was found out; nothing else tells it."""
    found = HEARD.findall(log)
    return [min(1.0, float(p)) for p in found] if len(found) == clips else [None] * clips


class Spelt:
    """Reads tokens by the vocabulary in the model's file."""

    def __init__(self, tokens: ggml.Tokens) -> None:
        self._tokens = tokens
        self._ids = {raw: token for token, raw in enumerate(tokens.spelling) if raw}

    def steps(self, said: Printed) -> list[tuple[int, float, float]]:
        """Tokens with log-probabilities and ends in seconds, between the time stamps of their segments."""
        made = list[tuple[int, float, float]]()
        for piece in said.transcription:
            made.append((self._tokens.stamp(piece.offsets.start / 1000), 0.0, 0.0))
            for token in piece.tokens:
                end_s, logprob = (token.offsets or piece.offsets).end / 1000, ggml.logprob(token.p)
                made += [(i, logprob, end_s) for i in self._spelt(token) if i < self._tokens.first_stamp]
            made.append((self._tokens.stamp(piece.offsets.end / 1000), 0.0, 0.0))
        return made

    def _spelt(self, token: _Token) -> Iterator[int]:
        """A token's id, and those of more where the program put several together, so that a letter is whole."""
        yield token.id
        first, rest = self._tokens.raw(token.id), token.text.encode("latin-1")
        rest = rest[len(first) :] if first and rest.startswith(first) else b""
        while size := next((n for n in range(len(rest), 0, -1) if rest[:n] in self._ids), 0):
            yield self._ids[rest[:size]]
            rest = rest[size:]
