"""Who sent a request: found at the edge, once, and looked up by the doors."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

from earwitness.archive.account import SCOPES, By, Key, User, scopes_of
from earwitness.archive.viewer import HOUSE, Viewer


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls: whose eyes they see with, what they may do, and how they came in."""

    viewer: Viewer
    scopes: frozenset[str]
    way: Literal["house", "login", "proxy", "key", "stranger"]
    address: str = ""
    user: User | None = None
    key: Key | None = None
    login: str | None = None
    """Id of the login."""

    @property
    def id(self) -> str:
        """What limits and shared work go by."""
        return self.viewer.id if self.key is None else self.key.id

    @property
    def by(self) -> By:
        """Who the audit says it was."""
        return By(self.id if self.way != "stranger" else "stranger", self.address)

    def may(self, need: str) -> bool:
        """Whether a route that needs this is theirs: a scope, `self` for one's own account, or `anybody`."""
        if need == "self":
            return self.way in {"login", "proxy"} or "admin" in self.scopes
        return need == "anybody" or need in self.scopes


def the_house(address: str = "") -> Caller:
    """Whoever is on this machine where there are no accounts, or has the installation's key."""
    return Caller(HOUSE, frozenset(SCOPES), "house", address)


def stranger(address: str = "") -> Caller:
    """Whoever calls what is open to all."""
    return Caller(Viewer("stranger"), frozenset(), "stranger", address)


def with_login(user: User, login: str, address: str) -> Caller:
    """Whoever came with a cookie."""
    return Caller(user.viewer, scopes_of(user.role), "login", address, user, None, login)


def through_proxy(user: User, address: str) -> Caller:
    """Whoever a proxy vouches for."""
    return Caller(user.viewer, scopes_of(user.role), "proxy", address, user)


def with_key(user: User, key: Key, address: str) -> Caller:
    """Whoever came with a key: it does what it is for and its user may."""
    return Caller(key.viewer(user), scopes_of(user.role) & frozenset(key.scopes), "key", address, user, key)


CALLER: ContextVar[Caller] = ContextVar("CALLER", default=the_house())  # noqa: B039 - frozen
"""Who is being served, set by the edge. The house itself where nobody called: Wyoming's port, the server's own work."""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who sent a request or opened a socket."""
    found = scope.get("caller")
    return found if isinstance(found, Caller) else stranger()
