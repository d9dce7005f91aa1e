"""Whisper in a program of whisper.cpp's own, `whisper-server`, as built for whatever card is there.

The program is started with the model on a loopback port, one call at a time, and started anew once where it ends over a
clip. Tokens are read from its answers and spelt by the vocabulary in the model's file. Words are timed by its token
times, which follow the token probabilities and are rougher than an alignment.

Source: whisper.cpp 1.8, examples/server.
"""

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, calls, ggml
from earwitness.engines.whisper.decoded import Decoded, segments, worded
from earwitness.engines.whisper.languages import LANGUAGES
from earwitness.engines.whisper.vocabulary import MULTILINGUAL
from earwitness.engines.wire import answer, wav
from earwitness.engines.wire.local import Ended, Local
from earwitness.errors import EarwitnessError, EngineFailed, Missing
from earwitness.types import Ask, Clip, Device, Machine, ModelFiles, Segment

SHORTEST = 16_000
"""Samples; what is shorter gives nothing, so it gets silence after it."""

STAMPS = 1501
"""Time stamps are the last tokens, from 0.00 to 30.00 s."""

ALWAYS = {
    "response_format": "verbose_json", "no_language_probabilities": "true", "max_len": "1000000", "best_of": "1",
    "temperature_inc": "0", "no_speech_thold": "1", "logprob_thold": "-1e9", "entropy_thold": "-1e9",
}  # fmt: skip
"""Segments as the model has them; doubtful ones are judged by the stages."""


class Options(calls.Options):
    """All `workers` and `threads` go into one call."""

    whispercpp_server: Path | None = None


class Served:
    """The running program with its model."""

    def __init__(self, server: Local, header: ggml.Header, spelling: Sequence[bytes], options: Options) -> None:
        self._server, self._spelling, self._options = server, spelling, options
        self.first_stamp = header.vocabulary - STAMPS
        self.multilingual = header.vocabulary >= MULTILINGUAL
        self.languages = tuple(LANGUAGES)[: header.vocabulary - MULTILINGUAL + 99] if self.multilingual else ()
        self.can = calls.can(self, batch=1, parallel=False)

    def raw(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        return self._spelling[token] if token < len(self._spelling) else b""

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments by the model's own time stamps. See `Engine.transcribe`."""
        return calls.in_calls(clips, self.can, lambda _: None, lambda *of: list(map(self._one, *of)))

    def close(self) -> None:
        """End the program."""
        self._server.close()

    def _one(self, clip: Clip, ask: Ask) -> tuple[Segment, ...]:
        silence = max(0, SHORTEST - len(clip.audio.samples))
        sound = wav.packed(np.pad(clip.audio.samples, (0, silence)))
        language, prob = ask.language, None
        if ask.languages and not language:
            heard = self._post({"detect_language": "true", "no_language_probabilities": "false"}, sound)
            language, prob = calls.language(ask, (heard.language_probabilities or {}).items())
        told = {
            "language": language or ("auto" if self.multilingual else "en"),
            "translate": str(ask.task == "translate").lower(),
            "prompt": " ".join((*ask.hotwords, ask.prompt or "")).strip(),
            "temperature": str(ask.temperature),
            "beam_size": str(1 if ask.temperature else self._options.beam_size),
        }
        found = self._post(told, sound)
        steps = [step for piece in found.segments or () for step in self._steps(piece)]
        quiet = next((piece.no_speech_prob for piece in found.segments or ()), None)
        said = language or answer.code(found.language)
        ids, logprobs = [i for i, _, _ in steps], [p for _, p, _ in steps]
        made = segments(Decoded(ids, None, logprobs, said, prob, quiet, ask.temperature), clip, self)
        if not ask.word_times:
            return made
        text = [step for step in steps if step[0] < self.first_stamp]
        return worded(made, clip, [0.0, *(end_s for *_, end_s in text)], [math.exp(p) for _, p, _ in text], self)

    def _steps(self, piece: answer.Piece) -> Iterator[tuple[int, float, float]]:
        """Tokens with log-probabilities and ends in seconds, between the time stamps of their segment."""
        tokens, spoken = piece.tokens or (), piece.words or ()
        for edge_s, inside in ((piece.start, zip(tokens, spoken, strict=True)), (piece.end, ())):
            yield self.first_stamp + min(STAMPS - 1, max(0, round(edge_s * 50))), 0.0, 0.0
            for token, word in inside:
                yield token, math.log(min(1.0, max(1e-9, word.probability or 0.0))), word.end

    def _post(self, told: dict[str, str], sound: bytes) -> answer.Answer:
        try:
            body = self._server.post("/inference", ALWAYS | told, sound)
        except Ended:
            self._server.start()
            body = self._server.post("/inference", ALWAYS | told, sound)
        return answer.read(body, "whisper.cpp's server")


class _Spec:
    name = "whispercpp_server"
    formats = ("ggml",)
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = Options

    def program(self) -> Path | None:
        from earwitness import config

        return config.load().whispercpp_server

    def missing(self) -> str | None:
        program = self.program()
        if program is None:
            return "no program is named: EARWITNESS_WHISPERCPP_SERVER=/path/to/whisper-server"
        if not program.is_file() or not os.access(program, os.X_OK):
            return f"EARWITNESS_WHISPERCPP_SERVER is {program}, and that is no program"
        if program.stem == "whisper-cli":
            return f"{program} would load the model for each clip: name the whisper-server that is built with it"
        return calls.missing("remote", "httpx", "tenacity")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        chosen = options if isinstance(options, Options) else Options()
        program = chosen.whispercpp_server or self.program()
        why = calls.missing("remote", "httpx", "tenacity") or (self.missing() if program is None else None)
        if why or program is None:
            raise Missing(why or "no program is named")
        path = files.files["model"].resolve()
        try:
            header, spelling = ggml.look(path), ggml.words(path)
        except EarwitnessError as error:
            raise EngineFailed(f"{files.name} does not load: {error}", remedy=AGAIN) from error
        words = ("--model", str(path), "--threads", str(chosen.workers * chosen.threads))
        return Served(Local(files.name, program.resolve(), words), header, spelling, chosen)


spec = _Spec()
