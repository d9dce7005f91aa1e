"""Who looks into the archive, and the part of it that they see. Every query goes through `sees`.

A recording is seen by its owner, by whoever was granted its source or itself, and by those who see everything.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select, true

from earwitness.archive.schema.accounts import GrantRow
from earwitness.archive.schema.heard import RecordingRow
from earwitness.archive.schema.work import EventRow

VERBS = ("view", "listen", "control", "edit")
"""What may be granted: to read, to hear, to start and stop, to change."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks: the id of a user, and whether they see everything, whoever's it is."""

    id: str
    everything: bool = False
    sources: tuple[str, ...] | None = None
    """Ids of the only sources whose recordings are seen, as with a key that was made for them."""
    recording: str | None = None
    """The only recording that is seen, as with a key that was made for its captions."""
    every: bool = False
    """With `sources` or `recording`: those, whoever's they are."""

    @property
    def owner(self) -> str | None:
        """Whose it is what they make; what the installation makes is nobody's."""
        return None if self.id == "house" else self.id


HOUSE = Viewer("house", everything=True)
"""The installation itself: commands on its machine, and a server without accounts."""


def sees(
    viewer: Viewer, verb: str = "view", of: type[RecordingRow] | type[EventRow] = RecordingRow
) -> ColumnElement[bool]:
    """The condition on `recordings`, or on events of recordings, that lets through what a viewer may do so with."""
    if viewer.everything:
        return true()
    mine = GrantRow.user_id == viewer.id, GrantRow.verb == verb
    recording = EventRow.recording_id if of is EventRow else RecordingRow.id
    may = or_(
        of.owner_id == viewer.id,
        of.source_id.in_(select(GrantRow.source_id).where(*mine, GrantRow.source_id.is_not(None))),
        recording.in_(select(GrantRow.recording_id).where(*mine, GrantRow.recording_id.is_not(None))),
    )
    within = true() if viewer.sources is None else of.source_id.in_(viewer.sources)
    alone = true() if viewer.recording is None else recording == viewer.recording
    return and_(within, alone) if viewer.every else and_(within, alone, may)
