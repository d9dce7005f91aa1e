"""An engine's own stream in a live session, where the engine recognises while one speaks: drafts and first looks.

Its steps take their turn in the lane, as clips do. The stream hears the very clip that the stages ask about, piece by
piece, and promises the text of that clip in one piece; so what is final is that of a recording. Where the utterance is
not the clip that was heard, because it was cut elsewhere or given up, a new stream hears it from its beginning.
"""

from concurrent.futures import Future
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Self

from earwitness.audio import timebase
from earwitness.engines import Engine, Stream, Streaming
from earwitness.errors import EngineFailed
from earwitness.models.lane import Seat, Urgency
from earwitness.types import Audio, Clip, Segment

Segments = tuple[Segment, ...]


class Own:
    """The stream of one session; a context manager that closes it."""

    def __init__(self, seat: Seat) -> None:
        self._seat, self._lock = seat, Lock()
        self._stream: Stream | None = None
        self._start: int | None = None
        """Where the clip begins that the stream is at."""
        self._heard = 0
        """Position up to which the stream has heard it."""
        self._past = -timebase.RATE
        """Where the last clip began that is done with."""
        self._closed = False

    def look(self, clip: Clip, end: int, urgency: Urgency) -> Future[Segments]:
        """The text so far of a clip that has sound up to the position `end`, and silence behind it."""
        return self._seat.step(clip, partial(self._step, clip, end, whole=False), urgency)

    def finish(self, clip: Clip, end: int, urgency: Urgency = Urgency.LIVE_FINAL) -> Future[Segments]:
        """The text of such a clip when it is whole."""
        return self._seat.step(clip, partial(self._step, clip, end, whole=True), urgency)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            self._drop()

    # ── in the lane ──
    def _step(self, clip: Clip, end: int, engine: Engine, *, whole: bool) -> Segments:
        """Steps of one stream wait for each other; a look that comes too late does nothing.

        Several workers may take them up in another order than they were asked for; the stream begins anew then.
        """
        with self._lock:
            stale = clip.audio.start <= self._past or (self._start == clip.audio.start and self._heard > end)
            if self._closed or (stale and not whole):
                return ()
            try:
                return self._heard_on(clip, end, whole=whole, engine=engine)
            except BaseException:
                self._drop()
                raise

    def _heard_on(self, clip: Clip, end: int, *, whole: bool, engine: Engine) -> Segments:
        if self._start is not None and (self._start != clip.audio.start or self._heard > end):
            self._drop()
        stream = self._stream = self._stream or _opened(engine, clip)
        if self._start is None:
            self._start = self._heard = clip.audio.start
        upto = clip.audio.end if whole else end
        fresh = clip.audio.samples[self._heard - clip.audio.start : upto - clip.audio.start]
        found = stream.hear(Audio(fresh, self._heard)) if len(fresh) else ()
        self._heard = upto
        if whole:
            self._past, self._start = max(self._past, clip.audio.start), None
            found = stream.end()
        return found

    def _drop(self) -> None:
        stream, self._stream, self._start = self._stream, None, None
        if stream is not None:
            stream.close()


def _opened(engine: Engine, clip: Clip) -> Stream:
    if not isinstance(engine, Streaming):
        raise EngineFailed("this engine says that it has streams, and has none", remedy="Mend its `can`.")
    return engine.open(clip.ask)
