"""PocketSphinx as an engine that recognises while one speaks: the proof that such a one fits. It is no engine of ours.

Its acoustic model, dictionary and language model are in its wheel. `installed` puts it beside the package's engines.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from earwitness.engines import Engine, Stream
from earwitness.types import Ask, Audio, Can, Clip, Device, Machine, ModelFiles, Segment, Word

if TYPE_CHECKING:
    from pocketsphinx import Decoder

FRAME_S = 0.01


class Options(BaseModel):
    """None."""

    model_config = ConfigDict(extra="forbid")


class Sphinx:
    """The engine: decoders that nobody uses now, and how many streams were opened and utterances ended by them."""

    can = Can(languages=("en",), word_times=True, max_clip_s=30.0, streams=True)

    def __init__(self) -> None:
        self.idle, self.opened, self.ended = [_decoder()], 0, 0

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        return [self._one(clip) for clip in clips]

    def open(self, ask: Ask) -> Stream:
        self.opened += 1
        return _Stream(self)

    def close(self) -> None:
        self.idle.clear()

    def _one(self, clip: Clip) -> tuple[Segment, ...]:
        stream = _Stream(self)
        try:
            stream.hear(clip.audio)
            return stream.end()
        finally:
            self.ended -= 1
            stream.close()


class _Stream:
    def __init__(self, engine: Sphinx) -> None:
        self._engine = engine
        self._decoder = engine.idle.pop() if engine.idle else _decoder()
        self._begun: Audio | None = None
        self._end = 0

    def hear(self, audio: Audio) -> tuple[Segment, ...]:
        if self._begun is None:
            self._begun = audio
            self._decoder.reinit_feat()  # nothing of the utterance before may be left in it
            self._decoder.start_utt()
        else:
            assert audio.start == self._end, "sound is missing, or comes twice"
        self._end = audio.end
        self._decoder.process_raw((np.clip(audio.samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
        return self._text()

    def end(self) -> tuple[Segment, ...]:
        self._engine.ended += 1
        self._decoder.end_utt()
        found, self._begun = self._text(), None
        return found

    def close(self) -> None:
        if self._begun is not None:
            self._decoder.end_utt()
            self._begun = None
        self._engine.idle.append(self._decoder)

    def _text(self) -> tuple[Segment, ...]:
        assert self._begun is not None
        at_s, end_s = self._begun.start_s, self._end / 16_000
        words = tuple(
            Word(piece.word.split("(")[0], min(at_s + FRAME_S * piece.start_frame, end_s),
                 min(at_s + FRAME_S * (piece.end_frame + 1), end_s))
            for piece in self._decoder.seg() or ()
            if piece.word[0] not in "<["
        )  # fmt: skip
        if not words:
            return ()
        text = " ".join(w.text for w in words)
        return (Segment(words[0].start_s, words[-1].end_s, text, words=words, language="en"),)


def _decoder() -> "Decoder":
    from pocketsphinx import Decoder

    return Decoder(samprate=16_000, loglevel="FATAL")


class _Spec:
    name = "a-sphinx"
    formats: tuple[str, ...] = ("fake",)
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return None

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return machine.devices

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        return Sphinx()


spec = _Spec()


def installed(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have the engine found by its entry point; it reads the model `fake`, of which it takes nothing."""
    about = folder / "a_sphinx-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: a-sphinx\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[earwitness.engines]\na-sphinx = support.sphinx:spec\n")
    patch.syspath_prepend(str(folder))
