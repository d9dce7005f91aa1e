"""A container that comes in pieces, such as Opus in Ogg or WebM from a browser, decoded while it comes.

FFmpeg reads it in a thread of its own from what was fed so far, until the end or `stop`. The locks of `container` hold
here too. What can't be decoded is left out and counted; a stream that is no container at all is an error. Knows no
session and no socket.
"""

import threading
from collections.abc import Callable
from contextlib import closing

import av
import av.error

from earwitness.audio import container
from earwitness.audio.mono import Mono
from earwitness.errors import EarwitnessError, NotAudio, TooLarge
from earwitness.types import Samples

MOST_WAITING = 8_000_000
"""Bytes that may wait for the decoder: a client that sends faster than FFmpeg decodes is no live one."""

HEAD = 16
"""Bytes that are there before FFmpeg is asked what it is."""


class Flow:
    """One stream. `give` gets 16 kHz mono float32 samples, shape (n,), in the decoder's thread."""

    def __init__(self, give: Callable[[Samples], None], *, channel: int | None = None) -> None:
        """`channel` picks one, None takes the mean."""
        self.damaged = self.non_finite = 0
        self._give, self._channel = give, channel
        self._pieces, self._ended, self._starved = bytearray(), False, False
        self._changed = threading.Condition()
        self._failure: EarwitnessError | None = None
        self._thread = threading.Thread(target=self._work, name="flow", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Bytes that the decoder has not taken yet."""
        return len(self._pieces)

    @property
    def done(self) -> bool:
        """Whether nothing more is given."""
        return not self._thread.is_alive()

    @property
    def idle(self) -> bool:
        """Whether all that was fed has been decoded, as far as that can be done before more comes."""
        with self._changed:
            return self.done or self._starved

    def feed(self, data: bytes) -> None:
        """Go on by some bytes. Raises what broke the stream before, and TooLarge where too much waits."""
        self.check()
        with self._changed:
            if len(self._pieces) + len(data) > MOST_WAITING:
                raise TooLarge(f"more than {MOST_WAITING // 10**6} MB wait to be decoded", remedy="Send sound slower.")
            self._pieces += data
            self._starved = False
            self._changed.notify()

    def close(self) -> None:
        """No more bytes come; what came is still decoded."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def end(self) -> None:
        """No more bytes come; waits until all is given. Raises what broke the stream."""
        self.close()
        self._thread.join()
        self.check()

    def stop(self) -> None:
        """No more bytes come, and nobody waits for what has not been decoded yet."""
        with self._changed:
            self._pieces.clear()
        self.close()

    def read(self, size: int) -> bytes:
        """What FFmpeg calls: some bytes, as soon as there are any; none at the end."""
        with self._changed:
            self._wait_for(1)
            found = bytes(self._pieces[:size])
            del self._pieces[:size]
            return found

    def check(self) -> None:
        """Raise what broke the stream."""
        if self._failure is not None:
            raise self._failure

    def _wait_for(self, size: int) -> None:
        while len(self._pieces) < size and not self._ended:
            self._starved = True
            self._changed.wait()
        self._starved = False

    def _work(self) -> None:
        try:
            self._decode()
            if self._pieces:
                self._failure = NotAudio("the stream has ended, and more came after it")
        except EarwitnessError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - the boundary of a thread: whatever it is, whoever feeds it is told
            self._failure = NotAudio(f"the stream can't be decoded: {error}")

    def _decode(self) -> None:
        with self._changed:
            self._wait_for(HEAD)
            head = bytes(self._pieces[:HEAD])
        if not head:
            return
        with closing(container.opened_flow(self, head)) as found:
            track = container.audio_stream(found)
            mono = Mono(self._channel, self)
            for packet in found.demux(track):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    self.damaged += 1
                    continue
                for frame in frames:
                    if mono.must_restart(frame):
                        self._out(mono.flush())
                    self._out(mono.push(frame))
            self._out(mono.flush())

    def _out(self, samples: Samples | None) -> None:
        if samples is not None and len(samples):
            self._give(samples)
