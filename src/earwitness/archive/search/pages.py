"""Where a page of hits begins, as clients are told and tell it again."""

import re
from dataclasses import dataclass
from typing import Literal

from earwitness.errors import BadInput

Order = Literal["n", "r", "m", "b"]
"""Newest first; by relevance; by meaning; by both."""

CURSOR = re.compile(r"(t?)(?:n(\d{1,18})|([rmb])(\d{1,18})(?:\.(\d{1,18}))?-(\d{1,12})-(\d{1,18}))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A page begins behind the hit `id`; but for the newest also its score, and the newest hit that was sorted."""

    typos: bool
    order: Order
    id: int
    score: int = 0
    top: int = 0
    reach: int | None = None
    """The newest passage that was sorted."""

    def told(self) -> str:
        """As clients have it."""
        reach = "" if self.reach is None else f".{self.reach}"
        where = f"n{self.id}" if self.order == "n" else f"{self.order}{self.top}{reach}-{self.score}-{self.id}"
        return f"t{where}" if self.typos else where


def place(page: str | None, order: Order) -> Place | None:
    """Where a page begins; None for the first. Raises BadInput for one of another order, or that nobody gave out."""
    if page is None:
        return None
    match = CURSOR.fullmatch(page)
    found = match and (match[3] or "n")
    if match is None or found != order or (match[5] is None) != (order in {"n", "r"}):
        raise BadInput("this page was not given out for this search", remedy="Begin at the first page.", param="page")
    wide, newest, _, top, reach, score, ident = match.groups()
    if newest:
        return Place(bool(wide), order, int(newest))
    return Place(bool(wide), order, int(ident), int(score), int(top), int(reach) if reach else None)
