"""Whisper in a program of whisper.cpp's own, `whisper-server`, as built for whatever card is there.

The program is started with the model on a loopback port, one call at a time, and started anew once where it ends over a
clip. Tokens are read from its answers and spelt by the vocabulary in the model's file. Words are timed by its token
times, which follow the token probabilities and are rougher than an alignment.

Source: whisper.cpp 1.8, examples/server.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import calls, ggml
from earwitness.engines.whisper.decoded import Decoded, timed
from earwitness.engines.wire import answer, named, wav
from earwitness.engines.wire.local import Ended, Local
from earwitness.types import Ask, Clip, Device, Machine, ModelFiles, Segment

ALWAYS = {
    "response_format": "verbose_json", "no_language_probabilities": "true", "max_len": "1000000", "best_of": "1",
    "temperature_inc": "0", "no_speech_thold": "1", "logprob_thold": "-1e9", "entropy_thold": "-1e9",
}  # fmt: skip
"""Segments as the model has them; doubtful ones are judged by the stages."""


class Served:
    """The running program with its model. All `workers` and `threads` go into one call."""

    def __init__(self, server: Local, tokens: ggml.Tokens, beam_size: int) -> None:
        self._server, self._tokens, self._beam_size = server, tokens, beam_size
        self.can = calls.can(tokens, batch=1, parallel=False)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments by the model's own time stamps. See `Engine.transcribe`."""
        return calls.in_calls(clips, self.can, lambda _: None, lambda *of: list(map(self._one, *of)))

    def close(self) -> None:
        """End the program."""
        self._server.close()

    def _one(self, clip: Clip, ask: Ask) -> tuple[Segment, ...]:
        sound = wav.packed(ggml.filled(clip.audio.samples))
        language, prob = ask.language, None
        if ask.languages and not language:
            heard = self._post({"detect_language": "true", "no_language_probabilities": "false"}, sound)
            language, prob = calls.language(ask, (heard.language_probabilities or {}).items())
        told = {
            "language": language or ("auto" if self._tokens.multilingual else "en"),
            "translate": str(ask.task == "translate").lower(),
            "prompt": " ".join((*ask.hotwords, ask.prompt or "")).strip(),
            "temperature": str(ask.temperature),
            "beam_size": str(1 if ask.temperature else self._beam_size),
        }
        found = self._post(told, sound)
        steps = [step for piece in found.segments or () for step in self._steps(piece)]
        quiet = next((piece.no_speech_prob for piece in found.segments or ()), None)
        said = language or answer.code(found.language)
        decoded = Decoded((), None, (), said, prob, quiet, ask.temperature)
        return timed(decoded, steps, clip, self._tokens, word_times=ask.word_times)

    def _steps(self, piece: answer.Piece) -> Iterator[tuple[int, float, float]]:
        """Tokens with log-probabilities and ends in seconds, between the time stamps of their segment."""
        tokens, spoken = piece.tokens or (), piece.words or ()
        for edge_s, inside in ((piece.start, zip(tokens, spoken, strict=True)), (piece.end, ())):
            yield self._tokens.stamp(edge_s), 0.0, 0.0
            for token, word in inside:
                yield token, ggml.logprob(word.probability), word.end

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
    Options: type[BaseModel] = calls.Options

    def program(self) -> Path | None:
        return named.program(self.name)

    def missing(self) -> str | None:
        return named.missing(self.name) or calls.missing("remote", "httpx", "tenacity")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        program, words, tokens, chosen = named.call(self.name, files, options)
        return Served(Local(files.name, program, words), tokens, chosen.beam_size)


spec = _Spec()
