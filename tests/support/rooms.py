"""All live sessions of a server, over sessions that are doubles."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from earwitness import config
from earwitness.api.live.sessions import Sessions
from earwitness.live.session import Since
from earwitness.stages.recipe import Recipe
from support.hosting import Double

if TYPE_CHECKING:
    from earwitness.kit import Kit


class Desk:
    """Opens doubles; shut its gate to let an opening wait."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.gate = threading.Event()
        self.gate.set()
        self.breaks: Exception | None = None
        self.doubles = list[Double]()

    @contextmanager
    def __call__(
        self, recipe: Recipe, kit: "Kit", wake: Callable[[], None], since: Since
    ) -> Iterator[tuple[None, Double]]:
        self.gate.wait(20.0)
        if self.breaks:
            raise self.breaks
        self.opened += 1
        self.doubles.append(Double(since.position))
        try:
            yield None, self.doubles[-1]
        finally:
            self.closed += 1


class Room:
    """Sessions over doubles, and how each ended."""

    def __init__(self, home: Path, **settings: Any) -> None:
        machine = type("Machine", (), {"cores": 2})()
        kit = cast("Kit", type("Kit", (), {"machine": machine})())
        self.ended = list[str]()
        self.settings = config.load(home=home, **settings)
        self.sessions = Sessions(kit, self.settings, count=lambda how, _: self.ended.append(how))

    @property
    def folders(self) -> list[Path]:
        return sorted(self.settings.sessions.glob("*"))


def recipe(_: object) -> Recipe:
    return Recipe()


async def hold(room: Room, about: dict[str, str] | None = None) -> None:
    async with room.sessions.line(Recipe(), about):
        await asyncio.sleep(20)
