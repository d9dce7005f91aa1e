"""Sound that arrives by itself, from a microphone or an address: read in a thread, handed over as it comes.

An address is opened only because a person named it; playlists may lead on to other addresses, and never to files of
this machine. Nothing is tried again here: a supervised source does that.
"""

import queue
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import av
import av.error
import numpy as np

from earwitness.audio.container import audio_stream
from earwitness.audio.mono import Mono
from earwitness.errors import BadInput, EarwitnessError, EngineFailed, Missing, NotAudio
from earwitness.types import Audio, Samples

PROTOCOLS = "http,https,tcp,tls,udp,rtp,rtsp,rtsps,rtmp,rtmps,srt,hls,crypto,httpproxy"
OPEN_S, READ_S = 15.0, 30.0
"""How long an address may take to answer, and to go on."""

WAITING = 600
"""Pieces that wait for the recogniser; an address that sends faster is read no faster."""

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)

Give = Callable[[Samples], None]


class Arrivals:
    """What has arrived. Iterating gives Audio, or None where a tenth of a second brought nothing; ends with the source.

    Raises, while iterating, what broke the source.
    """

    def __init__(self, room: int = 0) -> None:
        """At most `room` pieces wait; 0 is no limit."""
        self.non_finite = 0
        self.overflows = 0
        """How often the system had lost sound of a microphone before it was handed over."""
        self.broke_off = ""
        """Why the source ended, where it did not say that it was at its end."""
        self._pieces: queue.Queue[Samples | EarwitnessError | None] = queue.Queue(room)
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether nobody listens any more."""
        return self._stopped.is_set()

    def give(self, piece: Samples | EarwitnessError | None) -> None:
        """Some samples; what broke the source; or None for its end. Waits for room."""
        while not self.stopped:
            try:
                self._pieces.put(piece, timeout=0.2)
            except queue.Full:
                continue
            return

    def stop(self) -> None:
        """Nobody listens any more."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Audio | None]:
        position = 0
        while True:
            try:
                piece = self._pieces.get(timeout=0.1)
            except queue.Empty:
                yield None
                continue
            if piece is None:
                return
            if isinstance(piece, EarwitnessError):
                raise piece
            yield Audio(piece, position)
            position += len(piece)


def address(url: str) -> AbstractContextManager[Arrivals]:
    """The sound of an address, such as a radio stream or a camera, as long as the context lasts."""
    return _read(partial(_from_address, url))


@contextmanager
def microphone(device: str | None = None) -> Iterator[Arrivals]:
    """The sound of a microphone, by the system's name or number; None takes the usual one.

    Raises Missing without the package sounddevice or the library under it, BadInput where there is no such device.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise Missing(
            f"microphones can't be opened: {error}",
            remedy="pip install 'earwitness[microphone]'; on Linux the system's libportaudio2 too.",
        ) from error
    found = Arrivals()

    def take(data: Any, _frames: int, _time: object, status: Any) -> None:
        found.overflows += bool(status.input_overflow)
        found.give(np.array(data[:, 0], np.float32))

    number = int(device) if device is not None and device.isdecimal() else device
    try:
        with sounddevice.InputStream(samplerate=16_000, channels=1, dtype="float32", device=number, callback=take):
            yield found
    except (sounddevice.PortAudioError, ValueError) as error:
        raise BadInput(
            f"the microphone {device or ''} can't be opened: {error}".replace("  ", " "),
            remedy="`python -m sounddevice` lists what is there; name one with --device.",
        ) from error
    finally:
        found.stop()


@contextmanager
def _read(read: Callable[[Arrivals], None]) -> Iterator[Arrivals]:
    """What a thread reads."""
    found = Arrivals(WAITING)

    def work() -> None:
        try:
            read(found)
        except EarwitnessError as error:
            found.give(error)
        except Exception as error:  # noqa: BLE001 - of another thread: whoever listens is told
            found.give(EngineFailed(f"the source broke: {type(error).__name__}: {error}"))
        found.give(None)

    threading.Thread(target=work, name="arriving", daemon=True).start()
    try:
        yield found
    finally:
        found.stop()


def _from_address(url: str, found: Arrivals) -> None:
    host = urlsplit(url).hostname or "the address"  # never the whole of it: keys lie in there
    options = {"protocol_whitelist": PROTOCOLS, "rtsp_transport": "tcp"}
    mono = Mono(None, found)
    try:
        with av.open(url, container_options=options, timeout=(OPEN_S, READ_S), metadata_errors="replace") as opened:
            for frame in opened.decode(audio_stream(opened)):
                if found.stopped:
                    return
                if mono.must_restart(frame):
                    _hand(found, mono.flush())
                _hand(found, mono.push(frame))
    except av.error.FFmpegError as error:
        if not mono.position:
            raise NotAudio(
                f"{host} gives no sound: {error.strerror}", remedy="Check the address, and that it plays elsewhere."
            ) from error
        found.broke_off = f"{host} broke off: {error.strerror}"
    _hand(found, mono.flush())


def _hand(found: Arrivals, samples: Samples | None) -> None:
    if samples is not None and len(samples):
        found.give(samples)
