"""The tokens of a Whisper model: their bytes, the special ones, the prompt that starts a decoder, and words."""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

from earwitness.engines.whisper import MOST_TOKENS
from earwitness.errors import EngineFailed
from earwitness.types import Ask

MULTILINGUAL = 51_865
"""From this size of the vocabulary on there are tokens for languages and tasks."""

UNSPACED = frozenset(("zh", "ja", "th", "lo", "my", "yue"))
"""Languages written without spaces: there a word of ours is a character."""


class Spelling(Protocol):
    """What is needed to read decoded tokens."""

    @property
    def first_stamp(self) -> int:
        """Id of the time stamp of 0.00 s; those of later times follow it."""
        ...

    def raw(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        ...


class Vocabulary:
    """The tokens of a model, from its tokenizer.json. `size` is the number of tokens the model knows.

    Raises EngineFailed where the file is no Whisper's.
    """

    def __init__(self, path: Path, size: int) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_file(str(path))
            self._ids: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
            self.end, self.start = self._ids["<|endoftext|>"], self._ids["<|startoftranscript|>"]
            self.before, self.unstamped = self._ids["<|startofprev|>"], self._ids["<|notimestamps|>"]
            self._tasks = {task: self._ids[f"<|{task}|>"] for task in ("transcribe", "translate")}
        except Exception as error:
            raise EngineFailed(f"{path.parent.name}: {path.name} is no Whisper's: {error}") from error
        self.silent, self.first_stamp, self.size = self.unstamped - 1, self.unstamped + 1, size
        self.multilingual = size >= MULTILINGUAL

    @cached_property
    def languages(self) -> dict[str, int]:
        """Token ids by language code, in the model's order."""
        inside = sorted((i, t) for t, i in self._ids.items() if self.start < i < self._tasks["translate"])
        return {token[2:-2]: i for i, token in inside} if self.multilingual else {}

    @cached_property
    def _raw(self) -> Mapping[int, bytes]:
        return {i: bytes_of(token) for token, i in self._ids.items() if i < self.end}

    def raw(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        return self._raw.get(token, b"")

    def prompt(self, ask: Ask, language: str | None) -> list[int]:
        """What the decoder is given to go on from: hotwords and prompt as earlier text, then language and task."""
        told = " ".join((*ask.hotwords, ask.prompt or "")).strip()
        before = self._tokenizer.encode(f" {told}", add_special_tokens=False).ids if told else []
        start = [self.start]
        if self.multilingual:
            start += [self.languages[language or "en"], self._tasks[ask.task]]
        return [self.before, *before[-(MOST_TOKENS - 1 - len(start)) :], *start] if before else start


def split(ids: Sequence[int], words: Spelling, language: str | None) -> list[list[int]]:
    """Tokens by words: one begins at a space, or in unspaced languages at each character; never inside a character."""
    found, held, open_ = list[list[int]](), list[int](), b""
    for token in ids:
        held.append(token)
        open_ += words.raw(token)
        try:
            text = open_.decode()
        except UnicodeDecodeError:
            continue
        if not found or text.startswith(" ") or language in UNSPACED:
            found.append(held)
        else:
            found[-1] += held
        held, open_ = [], b""
    return [*found, held] if held else found


def bytes_of(token: str) -> bytes:
    """The bytes that a token of a byte-level vocabulary spells."""
    return bytes(map(_bytes_by_character().__getitem__, token))


@cache
def _bytes_by_character() -> Mapping[str, int]:
    """GPT-2's spelling of bytes: printable ones stand for themselves, the others for characters from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(others)}
