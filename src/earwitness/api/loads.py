"""Clients that wait for a model: for a short while, and then they are told when to come back. The load goes on."""

import asyncio
from collections.abc import Callable

from earwitness.api.bridge import in_thread
from earwitness.errors import Busy
from earwitness.kit import Kit
from earwitness.types import Can

PATIENCE_S = 10.0
"""How long a request waits for a model that is loading."""

KEPT_S = 60.0
"""How long a failure that nobody waited for is kept for whoever comes back."""


class Loads:
    """The loads that requests wait for, one for each name of a model. Used on the event loop."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._open: dict[str, asyncio.Task[Can]] = {}
        self._waiting: dict[str, int] = {}

    async def can(self, model: str) -> Can:
        """What a model can do, loaded if need be.

        Raises Busy with the time to come back when it takes longer than `PATIENCE_S`, and whatever the load raises.
        """
        task = self._open.get(model)
        if task is None:
            task = self._open[model] = asyncio.create_task(in_thread(lambda: self._kit.can(model)))
            task.add_done_callback(self._ended(model))
        self._waiting[model] = self._waiting.get(model, 0) + 1
        try:
            await asyncio.wait({task}, timeout=PATIENCE_S)
        finally:
            self._waiting[model] -= 1
            if not self._waiting[model]:
                del self._waiting[model]
        if not task.done():
            raise Busy(f"{model} is loading", retry_after_s=self._left_s())
        self._forget(model, task)
        return task.result()

    def _ended(self, model: str) -> Callable[[asyncio.Task[Can]], None]:
        def ended(task: asyncio.Task[Can]) -> None:
            if task.cancelled() or task.exception() is None or model in self._waiting:
                self._forget(model, task)
            else:
                asyncio.get_running_loop().call_later(KEPT_S, self._forget, model, task)

        return ended

    def _forget(self, model: str, task: asyncio.Task[Can]) -> None:
        if self._open.get(model) is task:
            del self._open[model]

    def _left_s(self) -> float:
        """Seconds until the loads in work are through, as far as their last ones tell; between 1 and 600."""
        loading = self._kit.pool.loading()
        left = [load.expected_s - load.elapsed_s for load in loading if load.expected_s is not None]
        return min(600.0, max(1.0, max(left, default=PATIENCE_S)))
