"""Opens live sessions on the kit's models: the lane, a seat in it, the parts that the recipe wants.

Closing what was opened gives the seat back. Knows no socket.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

from earwitness.engines import honour
from earwitness.errors import Unsupported
from earwitness.gathering import fallen
from earwitness.kit import Kit
from earwitness.live.following import Following, Watching
from earwitness.live.own import Own
from earwitness.live.session import Session, Since
from earwitness.live.speaking import Speaking
from earwitness.models.lane import Seat, Urgency
from earwitness.parts import Ear
from earwitness.stages import align
from earwitness.stages.recipe import CHANNELS, Recipe, live
from earwitness.stages.spot import spot
from earwitness.types import Ask, Can, Notice, Plan, Speaker


@contextmanager
def opened(
    recipe: Recipe,
    kit: Kit,
    wake: Callable[[], None] = lambda: None,
    since: Since = Since(),  # noqa: B008 - frozen
) -> Iterator[tuple[Plan, Session]]:
    """A session by a recipe, as long as the context lasts; `wake` is called from other threads, see `Session`.

    `since` is where it goes on after another process.

    Raises what the kit's lane raises, Busy where no seat is free, and Unsupported for what can't be done live.
    """
    recipe = live(kit.settled(recipe))
    with ExitStack() as held:
        plan, lane = held.enter_context(kit.lane(recipe.model))
        seat = held.enter_context(lane.seat(urgency=Urgency.LIVE_FINAL))
        aligners = kit.aligners() if recipe.ask.word_times else {}  # looking at all parts takes seconds, once
        ask, timer = align.shared(recipe, lane.can, aligners, kit.aligner)
        ask, left_out = honour(ask, lane.can)
        following: list[Following] = [*_speaking(recipe, kit, held, wake, since.labels), *_watching(recipe)]
        relief = held.enter_context(_relief(recipe, kit, lane.can, ask))
        own = held.enter_context(Own(seat)) if lane.can.streams else None
        noticed = (*fallen(plan), *_not_honoured(left_out), *_forgotten(since))
        yield (
            plan,
            Session(
                recipe,
                seat,
                kit.vad,
                ask=ask,
                timer=timer,
                following=following,
                relief=relief,
                own=own,
                noticed=noticed,
                since=since,
                wake=wake,
            ),
        )


@contextmanager
def _relief(recipe: Recipe, kit: Kit, can: Can, ask: Ask) -> Iterator[Seat | None]:
    """A seat at the recipe's smaller model. Raises Unsupported where it can't take the other's place."""
    name = recipe.captioning.relief if recipe.captioning else None
    if name is None:
        yield None
        return
    with kit.lane(name) as (plan, lane):
        _, left_out = honour(ask, lane.can)
        known = lane.can.languages is None or set(can.languages or (ask.language,)) <= set(lane.can.languages)
        if left_out or not known or lane.can.max_clip_s < can.max_clip_s:
            lacks = ", ".join(left_out) or ("languages" if not known else "long clips")
            raise Unsupported(f"{plan.model} can't take part of this: it lacks {lacks}", param="relief")
        with lane.seat(urgency=Urgency.LIVE_FINAL) as seat:
            yield seat


def _forgotten(since: Since) -> tuple[Notice, ...]:
    told = "the server began anew and has forgotten the voices heard before: who speaks from here on has new labels"
    return (Notice("voices_forgotten", told),) if since.labels else ()


def _not_honoured(left_out: tuple[str, ...]) -> tuple[Notice, ...]:
    told = f"{', '.join(left_out)}: this model can't do it, and it was left out"
    return (Notice("not_honoured", told),) if left_out else ()


def _speaking(recipe: Recipe, kit: Kit, held: ExitStack, wake: Callable[[], None], labels: int) -> tuple[Speaking, ...]:
    """What tells the speakers, if that is asked for."""
    how = recipe.diarizing
    if how is None:
        return ()
    if how.part == CHANNELS or how.known:
        raise Unsupported("a live session tells speakers apart by their voices, as S1, S2 and so on")
    ear = kit.diarizer(how.part)
    if not isinstance(ear, Ear):
        raise Unsupported(f"{how.part} can't follow a live session", remedy="Leave the diarizer out: auto can.")
    pool = held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="voices"))
    held.callback(pool.shutdown, wait=False, cancel_futures=True)
    recognise = partial(kit.recognised, model=ear.embeds) if how.people else _as_they_are
    return (Speaking(ear, how.crowd, pool, wake, recognise, labels),)


def _watching(recipe: Recipe) -> tuple[Watching, ...]:
    phrases = recipe.captioning.watch if recipe.captioning else ()
    return (Watching(partial(spot, phrases)),) if phrases else ()


def _as_they_are(speakers: tuple[Speaker, ...]) -> tuple[tuple[Speaker, ...], tuple[Notice, ...]]:
    return speakers, ()
