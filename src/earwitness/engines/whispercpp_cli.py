"""Whisper in a program of whisper.cpp's own, `whisper-cli`, as built for whatever card is there.

One process does a batch of clips and ends; it loads the model each time. Sound goes there as WAV files of a private
folder, tokens come back as JSON files in it, and so does what the program is told, because arguments of a process are
for everybody to read. Words are timed by its token times, which follow the token probabilities and are rougher than an
alignment. Gives no probability of silence and none of single languages, which the program does not print.

Source: whisper.cpp 1.8, examples/cli.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import calls, ggml
from earwitness.engines.whisper.decoded import Decoded, timed
from earwitness.engines.wire import leash, named, printed, wav
from earwitness.errors import EngineFailed
from earwitness.types import Ask, Audio, Clip, Device, Machine, ModelFiles, Segment

BATCH, MOST_S = 8, 3600.0

ALWAYS = "--output-json-full --best-of 1 --no-fallback --no-speech-thold 1 --logprob-thold -1e9 --entropy-thold -1e9"
"""Segments as the model has them; doubtful ones are judged by the stages."""


class Called:
    """The program, the model that it is to load, and the spelling of its tokens."""

    def __init__(self, program: Path, name: str, words: Sequence[str], tokens: ggml.Tokens, beam_size: int) -> None:
        self._program, self._name, self._tokens = program, name, tokens
        self._words = [*words, *ALWAYS.split()]
        self._beam_size = beam_size
        self._spelt = printed.Spelt(tokens)
        self.can = replace(calls.can(tokens, batch=BATCH, parallel=False), detects_language=False)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments by the model's own time stamps. See `Engine.transcribe`."""
        return calls.in_calls(clips, self.can, self._told, self._call)

    def close(self) -> None:
        """Nothing runs between calls."""

    def _told(self, ask: Ask) -> tuple[str, ...]:
        """What the program is told of an Ask."""
        prompt = " ".join(" ".join((*ask.hotwords, ask.prompt or "")).split())
        width = 1 if ask.temperature else self._beam_size
        language = ask.language or ("auto" if self._tokens.multilingual else "en")
        told = ["--language", language, "--beam-size", str(width), "--temperature", str(ask.temperature)]
        told += ["--translate"] if ask.task == "translate" else []
        return tuple([*told, "--prompt", prompt] if prompt else told)

    def _call(self, clips: Sequence[Clip], asks: Sequence[Ask]) -> list[tuple[Segment, ...]]:
        with tempfile.TemporaryDirectory(prefix="earwitness-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            sounds = [folder / f"{n}.wav" for n in range(len(clips))]
            for sound, clip in zip(sounds, clips, strict=True):
                sound.write_bytes(wav.packed(ggml.filled(clip.audio.samples)))
            self._run(folder, [*self._words, *self._told(asks[0]), *map(str, sounds)])
            found = [printed.read(Path(f"{sound}.json"), f"{self._program} for {self._name}") for sound in sounds]
            probs = printed.probabilities(_log(folder), len(clips))
        made = []
        for clip, ask, said, prob in zip(clips, asks, found, probs, strict=True):
            decoded = Decoded((), None, (), ask.language or said.result.language, prob, None, ask.temperature)
            made.append(timed(decoded, self._spelt.steps(said), clip, self._tokens, word_times=ask.word_times))
        return made

    def _run(self, folder: Path, words: Sequence[str]) -> None:
        (folder / "words").write_text("\n".join(words) + "\n", "utf-8")
        command = [sys.executable, "-I", "-S", leash.__file__, "--folder", str(folder), str(self._program)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the program that was set
                [*command, f"@{folder / 'words'}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # an interrupt at the terminal is for us
            )
            try:
                code = process.wait(MOST_S)
            except subprocess.TimeoutExpired:
                raise EngineFailed(f"{self._program} was not done with {self._name} after {MOST_S:g} s") from None
            finally:
                assert process.stdin is not None
                with contextlib.suppress(OSError):
                    process.stdin.close()  # the leash lets go of it
                process.wait()
        if code:
            why = next((f": {line[:200]}" for line in _log(folder).splitlines() if line.startswith("error")), "")
            raise EngineFailed(f"{self._program} ended with code {code} over {self._name}{why}", remedy=printed.REMEDY)


def _log(folder: Path) -> str:
    return (folder / "log").read_text("utf-8", "replace")


class _Spec:
    name = "whispercpp_cli"
    formats = ("ggml",)
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = calls.Options

    def program(self) -> Path | None:
        return named.program(self.name)

    def missing(self) -> str | None:
        return named.missing(self.name)

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        program, words, tokens, chosen = named.call(self.name, files, options)
        made = Called(program, files.name, words, tokens, chosen.beam_size)
        made.transcribe(
            [Clip(Audio(np.zeros(ggml.SHORTEST, np.float32)), Ask())]
        )  # what it lacks is told now, and the next Plan taken
        return made


spec = _Spec()
