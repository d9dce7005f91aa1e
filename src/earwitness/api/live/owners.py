"""Whose a live session is: only they go on with it, and its sound is charged to them."""

from collections.abc import Callable, Mapping
from typing import Any

from earwitness.api.caller import CALLER, Caller
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.audio import timebase
from earwitness.errors import NotFound

FIELD = "owner"


def signed(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a session was begun with, and by whom."""
    return {**about, FIELD: CALLER.get().viewer.id}


def checked(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a session was begun with. Raises NotFound where it is somebody else's."""
    _check(about.get(FIELD, HOUSE.id))
    return {name: value for name, value in about.items() if name != FIELD}


class Owners:
    """The owners of the sessions that are open."""

    def __init__(self, charge: Callable[[Caller, float], None]) -> None:
        """`charge` is told how much was heard for whom."""
        self._charge = charge
        self._begun = dict[str, tuple[Caller, int]]()
        self._whose = dict[str, str]()

    def known(self, ident: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """What a session was begun with that an earlier process left; it stays whose it was. Raises NotFound."""
        found = checked(about)
        self._whose[ident] = about.get(FIELD, HOUSE.id)
        return found

    def begin(self, ident: str, position: int) -> None:
        """A session is opened by whoever is served now; it hears from this sample on."""
        self._begun[ident] = CALLER.get(), position
        self._whose.setdefault(ident, CALLER.get().viewer.id)

    def of(self, ident: str) -> str | None:
        """Id of the user whose an open session is; None for the installation's own."""
        return Viewer(self._whose[ident]).owner

    def check(self, ident: str) -> None:
        """Raise NotFound where an open session is not of whoever is served now."""
        _check(self._whose[ident])

    def end(self, ident: str, received: int) -> None:
        """It is over, and has heard up to this sample."""
        caller, position = self._begun.pop(ident)
        self._whose.pop(ident)
        self._charge(caller, timebase.seconds(received - position))


def _check(owner: str) -> None:
    """Whoever may not go on with a session is not told that it is there."""
    who = CALLER.get().viewer
    if not who.everything and who.id != owner:
        raise NotFound("there is no such session", remedy="Begin a new one.")
