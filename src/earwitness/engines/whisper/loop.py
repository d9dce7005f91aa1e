"""The decoding loop of runtimes that only run networks: from clips to segments, several clips at a time.

A runtime gives a `Network`; prompts, languages, the rules of time stamps, silence, log-probabilities, loops and the
times of words are the same for all. Greedy, or sampled at an Ask's temperature: with chances that depend on the clip
alone, so the same clip gives the same text.
"""

import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from earwitness.audio import features
from earwitness.engines.whisper import calls, follow
from earwitness.engines.whisper.decoded import Decoded, segments, worded
from earwitness.engines.whisper.rules import Logits, Row, Rules
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.types import Ask, Clip, Segment

Tokens = NDArray[np.int64]
Out = Sequence[int]
LAST = (-1,)


@dataclass(frozen=True, slots=True)
class Step:
    """What a decoder gives: `logits`, shape (clips, tokens asked for, vocabulary), and what it needs to go on.

    `attention` is that of the heads that follow the sound, shape (clips, heads, tokens, positions), where it was asked.
    """

    logits: Logits
    past: Any
    attention: NDArray[np.float32] | None = None


class Network(Protocol):
    """A Whisper's encoder and decoder. What was heard and what is past are the runtime's own."""

    bands: int
    places: int
    """Positions of the encoder: 1500 for 30 s."""

    def hear(self, mels: NDArray[np.float32]) -> Any:
        """What the decoder needs of the sound; `mels` have shape (clips, bands, 2 * places)."""
        ...

    def step(self, heard: Any, past: Any | None, tokens: Tokens, out: Out = LAST, *, attention: bool = False) -> Step:
        """Go on by some tokens, shape (clips, new); from the start where nothing is past. Logits are of `out`."""
        ...

    def only(self, heard: Any, past: Any, rows: list[int]) -> tuple[Any, Any]:
        """Both without the clips that are not named."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


class Looped:
    """An engine around a network. `suppressed` are tokens the model's makers never want written."""

    def __init__(
        self, network: Network, words: Vocabulary, suppressed: Sequence[int], *, batch: int, parallel: bool
    ) -> None:
        self._network, self._words = network, words
        self._rules = Rules(words.size, words.end, words.first_stamp, suppressed)
        self._window_s = network.places * follow.POSITION_S
        self.can = calls.can(words, batch=batch, parallel=parallel, max_clip_s=self._window_s)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments by the model's own time stamps. See `Engine.transcribe`."""

        def alike(ask: Ask) -> Hashable:
            return len(self._words.prompt(ask, None))

        return calls.in_calls(clips, self.can, alike, self._call)

    def close(self) -> None:
        """Give the memory back."""
        self._network.close()

    def _call(self, clips: Sequence[Clip], asks: Sequence[Ask]) -> list[tuple[Segment, ...]]:
        mels = np.stack([features.log_mel(clip.audio.samples, self._network.bands, self._window_s) for clip in clips])
        heard = self._network.hear(mels)
        languages = self._languages(heard, asks)
        told = [self._words.prompt(ask, code) for ask, (code, _) in zip(asks, languages, strict=True)]
        start = told[0].index(self._words.start)
        first = self._network.step(heard, None, np.array(told, np.int64), (start, -1))
        silent = [_softmax(row)[self._words.silent] for row in first.logits[:, 0]]
        rows = self._written(heard, first, asks, clips)
        found = []
        for row, (code, prob), quiet, clip in zip(rows, languages, silent, clips, strict=True):
            decoded = Decoded(row.ids, None, row.logprobs, code, prob, float(quiet), row.temperature)
            found.append(segments(decoded, clip, self._words))
        if any(ask.word_times and of_clip for ask, of_clip in zip(asks, found, strict=True)):
            return self._timed(heard, found, rows, clips, asks)
        return found

    def _languages(self, heard: Any, asks: Sequence[Ask]) -> list[calls.Language]:
        """Those that were told, else by the token that follows the start where nothing stands before it."""
        if not self._words.multilingual or all(ask.language for ask in asks):
            return [(ask.language or "en", None) for ask in asks]
        first = self._network.step(heard, None, np.full((len(asks), 1), self._words.start, np.int64))
        codes, ids = zip(*self._words.languages.items(), strict=True)
        probs = [_softmax(row[list(ids)]).tolist() for row in first.logits[:, -1]]
        return [calls.language(ask, zip(codes, of_clip, strict=True)) for ask, of_clip in zip(asks, probs, strict=True)]

    def _written(self, heard: Any, at: Step, asks: Sequence[Ask], clips: Sequence[Clip]) -> list[Row]:
        rows = [Row(self._rules, ask.temperature, _chance(clip)) for ask, clip in zip(asks, clips, strict=True)]
        going = rows
        while True:
            for row, logits in zip(going, at.logits[:, -1], strict=True):
                if not row.done:
                    row.add(logits)
            left = [i for i, row in enumerate(going) if not row.done]
            if not left:
                return rows
            past = at.past
            if len(left) <= len(going) // 2:  # leaving clips out copies what was heard of the others
                heard, past = self._network.only(heard, past, left)
                going = [going[i] for i in left]
            at = self._network.step(heard, past, np.array([[row.ids[-1]] for row in going], np.int64))

    def _timed(
        self,
        heard: Any,
        found: Sequence[tuple[Segment, ...]],
        rows: Sequence[Row],
        clips: Sequence[Clip],
        asks: Sequence[Ask],
    ) -> list[tuple[Segment, ...]]:
        """The segments with their words' times: the text goes through the decoder once more, without time stamps."""
        texts = [[i for segment in of_clip for i in segment.token_ids] for of_clip in found]
        width = max(map(len, texts))
        fed = []
        for ask, text, of_clip in zip(asks, texts, found, strict=True):
            code = of_clip[0].language if of_clip else ask.language
            before = [*self._words.prompt(Ask(task=ask.task), code), self._words.unstamped]
            fed.append([*before, *text, *[self._words.end] * (width - len(text))])
        attention = self._network.step(heard, None, np.array(fed, np.int64), attention=True).attention
        assert attention is not None
        made, skip = list(found), len(fed[0]) - width - 1
        for n, (text, row, clip) in enumerate(zip(texts, rows, clips, strict=True)):
            if text and asks[n].word_times:
                starts = follow.starts_s(attention[n, :, skip : skip + len(text) + 1], clip.audio.duration_s)
                probs = [
                    float(np.exp(p)) for i, p in zip(row.ids, row.logprobs, strict=True) if i < self._words.first_stamp
                ]
                made[n] = worded(found[n], clip, starts, probs, self._words)
        return made


def _softmax(logits: Logits) -> Logits:
    """Probabilities of one row."""
    weights = np.exp(logits - logits.max())
    probs: Logits = weights / weights.sum()
    return probs


def _chance(clip: Clip) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(np.ascontiguousarray(clip.audio.samples).tobytes()))
