"""A connection to a hosted session, as the doors use it: sound in, events out."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from earwitness.errors import BadInput
from earwitness.events import Numbered
from earwitness.types import Notice, Samples

if TYPE_CHECKING:
    from earwitness.api.live.hosted import Hosted


class Line:
    """One connection to a session."""

    def __init__(self, hosted: "Hosted") -> None:
        self.hosted = hosted

    async def hear(self, samples: Samples) -> None:
        """Go on by some sound, 16 kHz mono float32, shape (n,); waits while the session is behind.

        What comes after the end is not heard. Raises Cancelled when another connection has taken the session over.
        """
        await self.hosted.hear(self, samples)

    async def hear_at(self, position: int, samples: Samples) -> None:
        """Likewise, of sound that begins at a position: what the session has heard of it is left out.

        Raises BadInput where sound is missing before it.
        """
        have = self.hosted.expected
        if position > have:
            raise BadInput(f"sound at sample {position} does not follow what ended at {have}", param="position")
        if len(fresh := samples[have - position :]):
            await self.hear(fresh)

    def flush(self, ident: str) -> None:
        """End the open utterance here; a `Flushed` of that id says when all before it was told. Raises Cancelled."""
        self.hosted.flush(self, ident)

    def note(self, notice: Notice) -> None:
        """Have something told that concerns what this client sends. Raises Cancelled."""
        self.hosted.note(self, notice)

    def touch(self) -> None:
        """The client is there, though it sends no sound. Raises Cancelled."""
        self.hosted.touch(self)

    def end(self) -> None:
        """No more sound comes; `Ended` says when everything was told. Raises Cancelled."""
        self.hosted.touch(self)
        if not self.hosted.ending:
            self.hosted.end()

    def events(self, after: int = 0) -> AsyncGenerator[Numbered, None]:
        """All events after that number, then those to come; ends with the session, or when another line is joined.

        Of drafts only the newest is told. Raises Cancelled where what was not read is forgotten, as happens without a
        journal after thousands of events.
        """
        return self.hosted.events(self, after)

    def leave(self) -> None:
        """The client is gone; the session stays for another connection."""
        self.hosted.leave(self)
