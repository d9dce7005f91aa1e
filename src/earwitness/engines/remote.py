"""Another machine does the work: an Earwitness, or any server with OpenAI's transcription API.

A model is a small JSON file that says where it is. Each clip is a request, several are on their way at once. An
Earwitness tells what its model can and is taken at its word; of other servers the file tells it.

Source: OpenAI's API reference, `POST /audio/transcriptions` and `/audio/translations`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, ConfigDict

from earwitness.engines import Engine, honour
from earwitness.engines.whisper import calls
from earwitness.engines.wire import able, address, answer, wav
from earwitness.engines.wire.able import Able
from earwitness.engines.wire.address import Remote
from earwitness.engines.wire.line import Line
from earwitness.errors import ForeignSpeech, Missing, Unsupported
from earwitness.types import Ask, Can, Clip, Device, Machine, ModelFiles, Segment

UNTOLD = ("language", "languages", "hotwords", "word_times")
"""Wishes for which a request for a translation has no field."""


class RemoteModel:
    """A model on a server that was reached."""

    def __init__(self, line: Line, remote: Remote, known: Able | None) -> None:
        self._line, self._remote = line, remote
        self._threads = ThreadPoolExecutor(remote.at_once, thread_name_prefix="remote")
        told = known or Able(
            languages=remote.languages,
            tasks=remote.tasks,
            word_times=remote.word_times and remote.response_format == "verbose_json",
            prompt=True,
            hotwords=False,
            temperature=True,
            detects_language=False,
        )
        self.can = Can(**told.model_dump(), batch=remote.at_once, parallel=True)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments as the server cut them. See `Engine.transcribe`."""
        asks = [self._told(honour(clip.ask, self.can)[0]) for clip in clips]
        waiting = [self._threads.submit(self._one, clip, ask) for clip, ask in zip(clips, asks, strict=True)]
        try:
            return [future.result() for future in waiting]
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._line.close()

    def _told(self, ask: Ask) -> Ask:
        """The Ask, if the request has a field for all of it."""
        for name in UNTOLD if ask.task == "translate" else ():
            if getattr(ask, name) and name not in ask.optional:
                raise Unsupported(f"{self._line.name} can't be told {name} with a translation", param=name)
        return ask

    def _one(self, clip: Clip, ask: Ask) -> tuple[Segment, ...]:
        if not len(clip.audio.samples):
            return ()
        path = "translations" if ask.task == "translate" else "transcriptions"
        try:
            body = self._line.post(f"{self._remote.url}/audio/{path}", self._form(ask), wav.packed(clip.audio.samples))
        except ForeignSpeech:
            return ()  # it is one clip of many: the stages judge a recording of which nothing was understood
        return answer.segments(answer.read(body, self._line.name), clip, ask)

    def _form(self, ask: Ask) -> dict[str, str | Sequence[str]]:
        form: dict[str, str | Sequence[str]] = {
            "model": self._remote.model,
            "response_format": self._remote.response_format,
        }
        if ask.prompt:
            form["prompt"] = ask.prompt
        if ask.temperature > 0:
            form["temperature"] = str(ask.temperature)
        if ask.task == "translate":
            return form
        if ask.language:
            form["language"] = ask.language
        if ask.word_times:
            form["timestamp_granularities[]"] = ("word", "segment")
        return form | {k: v for k, v in (("languages[]", ask.languages), ("keywords[]", ask.hotwords)) if v}


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Spec:
    name = "remote"
    formats = ("remote",)
    libraries: tuple[str, ...] = ()
    Options: type[BaseModel] = _Options

    def missing(self) -> str | None:
        return calls.missing("remote", "httpx", "tenacity")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        remote = address.read(files.files["model"], files.name)
        line = Line(files.name, remote)
        try:
            return RemoteModel(line, remote, able.ask(line, remote))
        except Exception:
            line.close()
            raise


spec = _Spec()
