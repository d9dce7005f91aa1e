"""Opens live sessions on the kit's models: the lane, a seat in it, the parts that the recipe wants.

Closing what was opened gives the seat back. Knows no socket.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

from earwitness.engines import honour
from earwitness.errors import StorageFailed, Unsupported
from earwitness.kit import Kit
from earwitness.live.session import Session
from earwitness.live.speaking import Speaking
from earwitness.models.lane import Urgency
from earwitness.parts import Ear
from earwitness.stages import align
from earwitness.stages.recipe import CHANNELS, Recipe, live
from earwitness.types import Plan, Speaker


@contextmanager
def opened(recipe: Recipe, kit: Kit, wake: Callable[[], None] = lambda: None) -> Iterator[tuple[Plan, Session]]:
    """A session by a recipe, as long as the context lasts; `wake` is called from other threads, see `Session`.

    Raises what the kit's lane raises, Busy where no seat is free, and Unsupported for what can't be done live.
    """
    recipe = live(kit.settled(recipe))
    with ExitStack() as held:
        plan, lane = held.enter_context(kit.lane(recipe.model))
        seat = held.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL))
        aligners = kit.aligners()
        ask = align.asked(recipe, lane.can, aligners)
        timer = align.timer(recipe, ask, lane.can, aligners, kit.aligner)
        ask, _ = honour(ask, lane.can)
        speaking = _speaking(recipe, kit, held, wake)
        yield plan, Session(recipe, seat, kit.vad, ask=ask, timer=timer, speaking=speaking, wake=wake)


def _speaking(recipe: Recipe, kit: Kit, held: ExitStack, wake: Callable[[], None]) -> Speaking | None:
    """What tells the speakers, if that is asked for."""
    how = recipe.diarizing
    if how is None:
        return None
    if how.part == CHANNELS or how.known:
        raise Unsupported("a live session tells speakers apart by their voices, as S1, S2 and so on")
    ear = kit.diarizer(how.part)
    if not isinstance(ear, Ear):
        raise Unsupported(f"{how.part} can't follow a live session", remedy="Leave the diarizer out: auto can.")
    pool = held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="voices"))
    held.callback(pool.shutdown, wait=False, cancel_futures=True)
    return Speaking(ear, how.crowd, pool, wake, partial(_recognised, kit, ear.embeds) if how.people else _as_they_are)


def _as_they_are(speakers: tuple[Speaker, ...]) -> tuple[Speaker, ...]:
    return speakers


def _recognised(kit: Kit, model: str, speakers: tuple[Speaker, ...]) -> tuple[Speaker, ...]:
    """The speakers with the names of the people they are; nobody is named where the people can't be read."""
    try:
        people = kit.people()
    except StorageFailed:
        return speakers
    if not people:
        return speakers
    from earwitness.archive.naming import recognised

    return recognised(speakers, people, model)
