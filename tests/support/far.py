"""A scripted server, and the remote engine on it."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.engines import Engine
from earwitness.engines.remote import spec
from earwitness.engines.wire import address
from earwitness.engines.wire.line import Line
from earwitness.hardware import probe
from earwitness.models import bring
from support.scripted import Script, say

KEY = "sk-very-secret-4711"
PATH, TRANSLATED, LISTED = "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/models"
SAID = {"task": "transcribe", "language": "english", "duration": 1.0, "text": "hello"}


@dataclass
class Far:
    """A scripted server, and what speaks with it. Waits between tries are noted and not waited for."""

    script: Script
    url: str
    waits: list[float] = field(default_factory=list)
    now: float = 0.0
    held: ExitStack = field(default_factory=ExitStack)

    def line(self, **told: object) -> Line:
        """A line to it."""
        made = Line("office/remote", self.remote(**told), clock=lambda: self.now, sleep=self.waits.append)
        self.held.callback(made.close)
        return made

    def remote(self, **told: object) -> address.Remote:
        """The description of its model."""
        return address.told(**{"url": f"{self.url}/v1", "model": "whisper-1"} | told)

    def engine(self, folder: Path, **told: object) -> Engine:
        """The engine on it, loaded."""
        files = bring.pointed(folder, "office", self.remote(**told), replace=True).files
        made = spec.load(files, probe.machine().devices[0], spec.Options())
        self.held.callback(made.close)
        return made

    def send(self, made: Line) -> bytes:
        """What comes back for a clip."""
        return made.post(f"{self.url}{PATH}", {"model": "whisper-1"}, b"RIFF")


def well() -> Script:
    """What a server answers when it is well."""
    return Script({LISTED: [say({"object": "list", "data": []})], PATH: [say(SAID)], TRANSLATED: [say(SAID)]})
