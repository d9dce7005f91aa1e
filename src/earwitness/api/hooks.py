"""The doors of hooks: addresses that are told what happens, by Standard Webhooks, and what was sent to them."""

import time

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from earwitness import addresses
from earwitness.api import house
from earwitness.api.bridge import in_thread
from earwitness.api.house import House
from earwitness.api.job_schemas import DeliveryTold, HookChange, HookTold, HookWanted, SecretWanted
from earwitness.api.jobs import ERRORS
from earwitness.api.viewing import viewer
from earwitness.archive.hooks import Delivery, Hook

router = APIRouter(tags=["Hooks"], prefix="/api/hooks", responses=ERRORS)  # type: ignore[arg-type]


@router.get("", summary="Hooks")
async def listed(request: Request) -> list[HookTold]:
    """All hooks, oldest first."""
    found = await in_thread(lambda: house.of(request).archive.hooks.all(viewer(request)))
    return [_told(hook) for hook in found]


@router.post("", status_code=201, summary="Tell an address what happens")
async def add(request: Request, wanted: HookWanted) -> HookTold:
    """A new hook. Its secret is told in this answer and never again."""
    home, who = house.of(request), viewer(request)
    await _check(home, wanted.url)
    made = await in_thread(lambda: home.archive.hooks.add(who, wanted.url, wanted.topics, wanted.name))
    return _with_secret(made)


@router.get("/{hook}", summary="A hook")
async def one(request: Request, hook: str) -> HookTold:
    """One hook."""
    return _told(await in_thread(lambda: house.of(request).archive.hooks.one(viewer(request), hook)))


@router.patch("/{hook}", summary="Change a hook")
async def change(request: Request, hook: str, new: HookChange) -> HookTold:
    """Another address, other topics, another name; switch it off, or on again."""
    home, who = house.of(request), viewer(request)
    if new.url is not None:
        await _check(home, new.url)
    given = {"address": new.url, "topics": new.topics, "enabled": new.enabled, "name": new.name}
    return _told(await in_thread(lambda: home.archive.hooks.change(who, hook, **given)))  # type: ignore[arg-type]


@router.post("/{hook}/secret", summary="Give a hook a new secret")
async def rotate(request: Request, hook: str, wanted: SecretWanted | None = None) -> HookTold:
    """The new secret, once. The one before signs beside it for a day, or for `grace_s`, so that nothing is missed."""
    home, who, grace_s = house.of(request), viewer(request), (wanted or SecretWanted()).grace_s
    return _with_secret(await in_thread(lambda: home.archive.hooks.rotate(who, hook, grace_s)))


@router.delete("/{hook}", status_code=204, summary="Forget a hook")
async def remove(request: Request, hook: str) -> Response:
    """Tell it nothing any more."""
    await in_thread(lambda: house.of(request).archive.hooks.remove(viewer(request), hook))
    return Response(status_code=204)


@router.post("/{hook}/test", status_code=202, summary="Send a message that tells of nothing")
async def test(request: Request, hook: str) -> DeliveryTold:
    """Try a hook once; the deliveries tell what came of it."""
    home, who = house.of(request), viewer(request)
    made = await in_thread(lambda: home.archive.hooks.test(who, hook))
    home.sender.wake()
    return _sent(made)


@router.get("/{hook}/deliveries", summary="What was sent to a hook")
async def deliveries(request: Request, hook: str, limit: int = Query(50, ge=1, le=200)) -> list[DeliveryTold]:
    """The messages to a hook, newest first, with what was answered."""
    home, who = house.of(request), viewer(request)
    return [_sent(d) for d in await in_thread(lambda: home.archive.hooks.deliveries(who, hook, limit=limit))]


async def _check(home: House, url: str) -> None:
    await addresses.check(url, private=home.settings.allow_private_urls)


def _with_secret(hook: Hook) -> HookTold:
    return _told(hook).model_copy(update={"secret": hook.secret})


def _told(hook: Hook) -> HookTold:
    return HookTold(
        id=hook.id,
        name=hook.name,
        url=hook.address,
        topics=list(hook.topics),
        enabled=hook.enabled,
        why=hook.why,
        made_s=hook.made_s,
        earlier_until_s=max((until_s for _, until_s in hook.earlier if until_s > time.time()), default=None),
    )


def _sent(found: Delivery) -> DeliveryTold:
    return DeliveryTold.model_validate(found, from_attributes=True)
