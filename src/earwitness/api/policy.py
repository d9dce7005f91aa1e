"""The door of what is kept here and for how long: settings that whoever is heard should know. No secrets, no paths."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from earwitness.api import house
from earwitness.api.accounts import ERRORS
from earwitness.api.bridge import in_thread
from earwitness.api.viewing import viewer
from earwitness.archive.hooks import KEPT_S
from earwitness.archive.logins import IDLE_S, LONGEST_S
from earwitness.archive.sweeping import PLURAL
from earwitness.archive.upkeep import sizes
from earwitness.config import KEPT

router = APIRouter(tags=["Accounts"])

DAY_S = 86_400.0


class PolicyCard(BaseModel):
    """What is kept and for how long; 0 days, and 0 megabytes, are no limit. All but the last three are settings."""

    keep_live: bool
    keep_audio: bool
    keep_days: Annotated[dict[str, float], Field(description="Days, by what is kept; `text` is the whole recording.")]
    archive_mb: float
    min_free_mb: float
    keep_unfinished_days: float
    live_keep_s: float
    enable_speaker_diarization: bool
    allow_private_urls: bool
    login_days: Annotated[dict[str, float], Field(description="Days after which a login ends: `idle`, `longest`.")]
    delivery_days: Annotated[float, Field(description="Days for which it is kept what was sent to hooks.")]
    bytes: Annotated[dict[str, float] | None, Field(description="What is there by kind; for those who see everything.")]


@router.get("/api/policy", summary="What is kept here, and for how long", responses=ERRORS)
async def policy(request: Request) -> PolicyCard:
    """The settings of what is kept, which are changed in the environment or the settings file of the server."""
    home = house.of(request)
    told = home.settings
    there = None
    if viewer(request).everything:
        there = {PLURAL.get(kind, kind): size for kind, size in (await in_thread(lambda: sizes(home.archive))).items()}
    return PolicyCard(
        keep_live=told.keep_live, keep_audio=told.keep_audio, archive_mb=told.archive_mb, min_free_mb=told.min_free_mb,
        keep_days={kind: told.keep_days.get(kind, 0.0) for kind in KEPT},
        keep_unfinished_days=told.keep_unfinished_days, live_keep_s=told.live_keep_s,
        enable_speaker_diarization=told.enable_speaker_diarization, allow_private_urls=told.allow_private_urls,
        login_days={"idle": IDLE_S / DAY_S, "longest": LONGEST_S / DAY_S},
        delivery_days=KEPT_S / DAY_S, bytes=there,
    )  # fmt: skip
