"""Runs WhisperLive's own client as a program, because it waits in busy loops and writes where it stands.

python whisperlive_client.py stream PORT RAW   sends float32 sound in pieces, prints the committed segments as JSON
python whisperlive_client.py file PORT WAV     plays a file without sound, writes output.srt
"""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

PIECE = 16_384
STILL_S = 6.0
"""What its 15 s of waiting for further text are here."""


class NoMicrophone:
    """In place of PyAudio, which must be built against PortAudio, and is wanted for the import alone."""

    def open(self, **_: object) -> None:
        raise OSError("there is no microphone here")


def client() -> ModuleType:
    """The client's module."""
    try:
        importlib.import_module("pyaudio")
    except ImportError:
        shim = ModuleType("pyaudio")
        vars(shim).update(PyAudio=NoMicrophone, paInt16=8)
        sys.modules["pyaudio"] = shim
    return importlib.import_module("whisper_live.client")


def stream(port: int, source: Path) -> None:
    """Feed raw sound and print what was committed."""
    drafts = list[str]()
    fed = client().StreamingTranscriptionClient(
        "127.0.0.1", port, on_partial_transcript=lambda text, _: drafts.append(text)
    )
    with fed:
        data = source.read_bytes()
        for low in range(0, len(data), PIECE):
            fed.send(data[low : low + PIECE], pcm_format="float32")
    print(json.dumps({"committed": fed.transcript, "drafts": drafts}))


def file(port: int, source: Path) -> None:
    """Play a file; its transcript is written where this runs."""
    transcriber = client().TranscriptionClient(
        "127.0.0.1", port, lang="en", mute_audio_playback=True, log_transcription=False
    )
    transcriber.client.disconnect_if_no_response_for = STILL_S
    print(json.dumps({"text": transcriber(str(source))}))


if __name__ == "__main__":
    {"stream": stream, "file": file}[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
