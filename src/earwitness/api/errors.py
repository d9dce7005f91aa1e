"""What an error looks like on the wire: one table from class to HTTP status, and each door's shape."""

import math
import uuid
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from earwitness import errors as e

STATUS: dict[type[e.EarwitnessError], int] = {
    e.TooLarge: 413,
    e.BadInput: 400,
    e.UnknownModel: 404,
    e.NotFound: 404,
    e.Conflict: 409,
    e.Unsupported: 400,
    e.Missing: 501,
    e.Forbidden: 403,
    e.Unauthorized: 401,
    e.TooMany: 429,
    e.Busy: 503,
    e.HubFailed: 502,
    e.Unreachable: 502,
    e.TooLittleMemory: 507,
    e.StorageFailed: 507,
    e.Cancelled: 499,
    e.EngineFailed: 500,
    e.EarwitnessError: 500,
}
"""The first class in an error's line of descent that stands here decides."""

DEEPGRAM = "/v1/listen"
"""The path of Deepgram's door."""

SOON_S = 60.0
"""The OpenAI clients try again by themselves after waits up to this."""

KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def status_of(error: e.EarwitnessError) -> int:
    """HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: e.EarwitnessError) -> dict[str, str]:
    """Headers that tell a client whether and when to try again, as the OpenAI clients read them."""
    if isinstance(error, e.Busy):
        soon = not isinstance(error, e.TooMany) or error.retry_after_s <= SOON_S
        wait = {"retry-after": str(max(1, math.ceil(error.retry_after_s)))}
        return wait | {"x-should-retry": "true" if soon else "false"}
    scheme = {"www-authenticate": "Bearer"} if status_of(error) == HTTPStatus.UNAUTHORIZED else {}
    return scheme | {"x-should-retry": "true" if error.retry else "false"}


def sentence(error: e.EarwitnessError) -> str:
    """Message and remedy for a person."""
    message = error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."
    if not error.param or not message.startswith(error.param):  # names of fields stay as they are
        message = f"{message[0].upper()}{message[1:]}"
    return f"{message} {error.remedy}"


def openai_body(error: e.EarwitnessError, status: int | None = None) -> dict[str, Any]:
    """The error object of OpenAI's API."""
    status = status or status_of(error)
    kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": sentence(error), "type": kind, "param": error.param, "code": error.code}}


def plain_body(error: e.EarwitnessError) -> dict[str, Any]:
    """An error as whisper.cpp's server and the small doors say it, with our code beside."""
    return {"error": sentence(error), "code": error.code}


def deepgram_body(error: e.EarwitnessError, status: int) -> dict[str, Any]:
    """An error as Deepgram says it, with our code beside. Source: deepgram-sdk, ErrorResponseLegacyError."""
    phrase = next((known.phrase for known in HTTPStatus if known == status), "Client Closed Request")
    kind = "INVALID_AUTH" if status == HTTPStatus.UNAUTHORIZED else phrase
    return {"err_code": kind, "err_msg": sentence(error), "request_id": str(uuid.uuid4()), "code": error.code}


def _deepgram(error: e.EarwitnessError, status: int) -> JSONResponse:
    body = deepgram_body(error, status)
    plain = body["err_msg"].encode("ascii", "replace").decode()
    told = {"dg-error": " ".join(plain.split()), "dg-request-id": body["request_id"]}
    return JSONResponse(body, status, headers_of(error) | told)


def answer(error: e.EarwitnessError, path: str, status: int | None = None) -> JSONResponse:
    """An error in the shape of the door that the path belongs to; `status` goes before the table's."""
    status = status or status_of(error)
    if path == DEEPGRAM:
        return _deepgram(error, status)
    body = openai_body(error, status) if path.startswith("/v1/") else plain_body(error)
    return JSONResponse(body, status, headers_of(error))
