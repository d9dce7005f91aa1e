"""Client secrets of OpenAI's Realtime API: short-lived keys to `/v1/realtime`, each with a session's settings."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from earwitness.api import house
from earwitness.api.live.realtime_session import Terms, Wanted, agreed, shown, updated
from earwitness.api.passes import REALTIME
from earwitness.api.schemas import ErrorBody
from earwitness.errors import BadInput

router = APIRouter(
    prefix=REALTIME,
    tags=["OpenAI"],
    responses={s: {"model": ErrorBody, "description": "An error"} for s in (400, 401, 404, 500, 503)},
)

BETA_S = 60
"""How long a key of the older kind is good, unless it is asked for longer."""


class Expiry(BaseModel):
    """When a key ends."""

    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=600, ge=10, le=7_200)


class SecretForm(BaseModel):
    """`POST /v1/realtime/client_secrets`."""

    model_config = ConfigDict(extra="forbid")

    expires_after: Expiry = Expiry()
    session: Annotated[dict[str, JsonValue], Field(description="As in `session.update`.")] = {"type": "transcription"}


class Secret(BaseModel):
    """A key and the session that it opens."""

    value: str
    expires_at: int
    session: dict[str, JsonValue]


@router.post("/client_secrets", summary="A short-lived key for a browser")
async def client_secrets(request: Request, form: SecretForm) -> Secret:
    """A key that opens `/v1/realtime`, for transcription with these settings, until it expires."""
    terms = updated(Wanted(), form.session, beta=False)
    value, until, session = await _issued(request, terms, form.expires_after.seconds, beta=False)
    return Secret(value=value, expires_at=until, session=session)


@router.post("/transcription_sessions", summary="A short-lived key for a browser, as older clients ask for it")
async def transcription_sessions(
    request: Request, form: Annotated[dict[str, JsonValue], Body(description="As in `transcription_session.update`.")]
) -> dict[str, JsonValue]:
    """Likewise, in the shape of the API's first version; without a wish the key is good for a minute."""
    given: dict[str, Any] = dict(form)
    seconds = _seconds(given.pop("client_secret", None))
    value, until, session = await _issued(request, updated(Wanted(), given, beta=True), seconds, beta=True)
    return session | {"client_secret": {"value": value, "expires_at": until}}


async def _issued(request: Request, terms: Terms, seconds: int, *, beta: bool) -> tuple[str, int, dict[str, Any]]:
    """The key, when it ends, and the session as it is told."""
    home = house.of(request)
    terms = await agreed(home, terms)
    value, until = home.passes.issue(terms.wanted.model_dump(), seconds)
    return value, until, dict(shown(terms, f"sess_{uuid.uuid4().hex}", until, beta=beta))


def _seconds(given: object) -> int:
    """How long the older kind is to be good. Raises BadInput."""
    try:
        expires = given.get("expires_at") if isinstance(given, dict) else given
        return BETA_S if expires is None else Expiry.model_validate(expires).seconds
    except ValueError as error:
        raise BadInput("client_secret.expires_at is wrong", param="client_secret") from error
