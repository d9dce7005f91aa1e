"""The one crossing between the event loop and the synchronous core: a run in a thread, and the clients that watch it.

A `Work` runs `batch.run` once. Its watchers get the segments as they come and the transcript at the end; identical
requests share one. When the last watcher goes away the work is stopped, after a grace that grows with what is already
done, so that a client that timed out and sends the same again finds it.
"""

import asyncio
import contextlib
import contextvars
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from earwitness import gathering, traces
from earwitness.errors import Busy, Cancelled, EarwitnessError, EngineFailed
from earwitness.types import Segment, Transcript

R = TypeVar("R")
Tell = Callable[[tuple[Segment, ...]], None]
Note = Callable[[gathering.Progress], None]
Run = Callable[[Tell, Note, gathering.Stop], Transcript]
"""A run, waiting for its three hooks: new segments, progress, and the switch that stops it."""

GRACE_SHARE, MOST_GRACE_S = 0.1, 30.0


class Work:
    """One run and its watchers. Everything but the run itself happens on the event loop."""

    def __init__(self, run: Run, finished: Callable[["Work"], None]) -> None:
        self.stop = gathering.Stop()
        self.began = time.monotonic()
        self.progress: gathering.Progress | None = None
        self._run, self._finished = run, finished
        self._segments: list[Segment] = []
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Transcript] = self._loop.create_future()
        self._changed = asyncio.Event()
        self._watchers = 0
        self._goodbye: asyncio.TimerHandle | None = None

    def start(self, pool: ThreadPoolExecutor) -> None:
        """Begin in a thread of the pool."""
        self._loop.run_in_executor(pool, contextvars.copy_context().run, self._work)

    @contextlib.contextmanager
    def watched(self) -> Iterator["Work"]:
        """Hold the work while a client waits for it."""
        self._watchers += 1
        if self._goodbye is not None:
            self._goodbye.cancel()
            self._goodbye = None
        try:
            yield self
        finally:
            self._watchers -= 1
            if not self._watchers and not self._done.done():
                grace_s = min(MOST_GRACE_S, GRACE_SHARE * (time.monotonic() - self.began))
                self._goodbye = self._loop.call_later(grace_s, self.stop.set)

    async def transcript(self) -> Transcript:
        """The finished transcript. Raises what the run raised."""
        return await asyncio.shield(self._done)

    async def segments(self) -> AsyncIterator[Segment]:
        """The segments as they come, from the first, then the run's error if it failed."""
        given = 0
        while True:
            changed, finished = self._changed, self._done.done()
            for segment in self._segments[given:]:
                given += 1
                yield segment
            if finished and given == len(self._segments):
                self._done.result()
                return
            if given == len(self._segments):
                await changed.wait()

    def _work(self) -> None:
        """Runs in the thread; hands everything over to the loop."""
        try:
            with traces.span("recording"):
                found = self._run(self._tell, self._note, self.stop)
            if not found.complete:
                raise Cancelled("the work was stopped")
        except Exception as error:  # noqa: BLE001 - the request boundary: whatever it is, the clients are told
            known = isinstance(error, EarwitnessError)
            failure = error if known else EngineFailed(f"an unexpected {type(error).__name__} stopped the work")
            failure.__cause__ = None if known else error
            self._hand(self._fail, failure)
        else:
            self._hand(self._succeed, found)

    def _tell(self, fresh: tuple[Segment, ...]) -> None:
        self._hand(self._add, fresh)

    def _note(self, progress: gathering.Progress) -> None:
        self.progress = progress

    def _hand(self, function: Callable[[R], None], value: R) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(function, value)

    def _add(self, fresh: tuple[Segment, ...]) -> None:
        self._segments += fresh
        self._wake()

    def _succeed(self, found: Transcript) -> None:
        self._done.set_result(found)
        self._end()

    def _fail(self, error: Exception) -> None:
        self._done.set_exception(error)
        self._done.exception()  # mark as seen: the last watcher may have gone
        self._end()

    def _end(self) -> None:
        self._finished(self)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Works:
    """The runs of a server by what they do, at most `places` at once."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._pool = ThreadPoolExecutor(places, thread_name_prefix="run")
        self._open: dict[object, Work] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self) -> None:
        """Raise Busy when every place is taken, before a client sends its megabytes."""
        if len(self._open) >= self._places:
            raise Busy(f"all {self._places} places are taken", retry_after_s=self._relief())

    def join(self, key: object, run: Run, dispose: Callable[[], None]) -> tuple[Work, bool]:
        """The work of that key and whether it was there already; `dispose` is called when its upload is done with.

        Raises Busy when every place is taken.
        """
        found = self._open.get(key)
        if found is not None and not found.stop:
            dispose()
            return found, True
        try:
            self.admit()
        except Busy:
            dispose()
            raise

        def finished(work: Work) -> None:
            if self._open.get(key) is work:
                del self._open[key]
            dispose()

        work = self._open[key] = Work(run, finished)
        work.start(self._pool)
        return work, False

    def close(self) -> None:
        """Stop everything and wait for the threads."""
        for work in self._open.values():
            work.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _relief(self) -> float:
        """Seconds until the first of the runs will be through, between 1 and 60."""
        left = [w.progress.eta_s for w in self._open.values() if w.progress and w.progress.eta_s is not None]
        return min(60.0, max(1.0, min(left, default=5.0)))


async def in_thread(function: Callable[[], R]) -> R:
    """A blocking call, off the event loop."""
    return await asyncio.to_thread(function)
