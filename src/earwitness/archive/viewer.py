"""Who looks into the archive, and the part of it that they see. Every query goes through `sees`.

A recording is seen by its owner, by whoever was granted its source or itself, and by those who see everything.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select, true

from earwitness.archive.schema.accounts import GrantRow
from earwitness.archive.schema.heard import RecordingRow

VERBS = ("view", "listen", "control", "edit")
"""What may be granted: to read, to hear, to start and stop, to change."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks: the id of a user, and whether they see everything, whoever's it is."""

    id: str
    everything: bool = False

    @property
    def owner(self) -> str | None:
        """Whose it is what they make; what the installation makes is nobody's."""
        return None if self.id == "house" else self.id


HOUSE = Viewer("house", everything=True)
"""The installation itself: commands on its machine, and a server without accounts."""


def sees(viewer: Viewer, verb: str = "view") -> ColumnElement[bool]:
    """The condition on `recordings` that lets through what a viewer may do something with."""
    if viewer.everything:
        return true()
    mine = GrantRow.user_id == viewer.id, GrantRow.verb == verb
    return or_(
        RecordingRow.owner_id == viewer.id,
        RecordingRow.source_id.in_(select(GrantRow.source_id).where(*mine, GrantRow.source_id.is_not(None))),
        RecordingRow.id.in_(select(GrantRow.recording_id).where(*mine, GrantRow.recording_id.is_not(None))),
    )
