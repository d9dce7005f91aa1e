"""What is known of an account: users, what they are logged in with, keys, grants, and what they did. Plain values.

A role says which doors are open; what a user sees of what was heard is a matter of `Viewer` and grants.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from earwitness.archive.viewer import VERBS, Viewer
from earwitness.errors import BadInput
from earwitness.types import Json

Role = Literal["admin", "operator", "viewer"]

ROLES: tuple[Role, ...] = ("admin", "operator", "viewer")
"""The highest first."""

Way = Literal["password", "oidc"]
"""How somebody logged in."""

SCOPES = (
    "transcribe", "archive:read", "archive:write", "sources:read", "sources:write", "people:read", "people:write",
    "alerts", "metrics", "admin",
)  # fmt: skip
"""What a key may be for."""

OVERSEERS: tuple[Role, ...] = ("admin", "operator")
"""Roles that see and change everything that was heard, whoever's it is."""

LONGEST_NAME = 100

SHAPE = re.compile(r"[a-z]{1,2}_[0-9a-f]{16}|[0-9a-f]{8}")
"""Ids of users, logins and keys."""


def scopes_of(role: Role) -> frozenset[str]:
    """What a role may do at all. Voices of people belong to nobody, so viewers are not shown them."""
    if role == "admin":
        return frozenset(SCOPES)
    if role == "operator":
        return frozenset(SCOPES) - {"admin"}
    return frozenset({"transcribe", "archive:read", "archive:write", "sources:read"})


@dataclass(frozen=True, slots=True)
class By:
    """Who does something: an id, and the address they do it from."""

    id: str = "house"
    address: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account. Times are seconds of the Unix clock."""

    id: str
    name: str
    role: Role
    enabled: bool
    made_s: float
    seen_s: float | None
    subject: str | None = None
    """By what a provider or a proxy knows them."""

    @property
    def viewer(self) -> Viewer:
        """Whose eyes the archive is seen with."""
        return Viewer(self.id, everything=self.role in OVERSEERS)


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is logged in."""

    id: str
    user_id: str
    agent: str
    address: str
    way: Way
    made_s: float
    seen_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without its secret."""

    id: str
    user_id: str
    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None = None
    """The only sources that it reaches."""
    recording: str | None = None
    """The only recording that it reads: it follows captions, and opens nothing else."""
    day_s: float | None = None
    """Seconds of audio that it may have transcribed in a day."""
    made_s: float = 0.0
    ends_s: float | None = None
    seen_s: float | None = None

    def viewer(self, user: User) -> Viewer:
        """Whose eyes the archive is seen with: those of its user, on its sources or its recording alone."""
        whole = user.viewer
        if self.sources is None and self.recording is None:
            return whole
        return Viewer(user.id, sources=self.sources, recording=self.recording, every=whole.everything)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user may do with one source or one recording."""

    id: int
    user_id: str
    verb: str
    source_id: str | None = None
    recording_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done: a row of the audit."""

    id: int
    at_s: float
    by: str
    address: str
    what: str
    about: dict[str, Json]


def named(name: str) -> str:
    """A name as it is kept. Raises BadInput for an empty or long one, or control characters in it."""
    found = unicodedata.normalize("NFC", " ".join(name.split()))
    if not 0 < len(found) <= LONGEST_NAME or not found.isprintable():
        raise BadInput(f"a name has 1 to {LONGEST_NAME} printable characters, and this one does not", param="name")
    return found


def folded(name: str) -> str:
    """A name as the names of users are compared: two that look alike in another width or case are one."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()[: 2 * LONGEST_NAME]


def role_of(role: str) -> Role:
    """A role by its name. Raises BadInput."""
    for known in ROLES:
        if role == known:
            return known
    raise BadInput(f"there is no role {role[:40]!r}", remedy=f"The roles are {', '.join(ROLES)}.", param="role")


def verb_of(verb: str) -> str:
    """What may be granted, by its name. Raises BadInput."""
    if verb not in VERBS:
        raise BadInput(f"{verb[:40]!r} can't be granted", remedy=f"There are {', '.join(VERBS)}.", param="verb")
    return verb


def scopes_among(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of a key, in order. Raises BadInput for none, and for one that is none."""
    for scope in scopes:
        if scope not in SCOPES:
            told = f"There are {', '.join(SCOPES)}."
            raise BadInput(f"there is no scope {scope[:40]!r}", remedy=told, param="scopes")
    if not scopes:
        raise BadInput("a key without scopes opens nothing", remedy="Name what it is for: transcribe.", param="scopes")
    return tuple(scope for scope in SCOPES if scope in scopes)
