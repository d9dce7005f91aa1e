"""Requests that nobody would send: made from the API's own document, and broken multipart bodies."""

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from earwitness import config
from earwitness.api import accounts, administration, oidc
from earwitness.api.app import DOORS
from earwitness.api.needs import opens
from earwitness.archive.account import SCOPES, By
from earwitness.archive.whole import Archive
from support import sounds
from support.server import running

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")  # as tus sends bytes

FEW = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
ACCOUNTS = (accounts, oidc, administration)
"""Doors that are tried on a server of their own: who makes the first account closes it to all others."""


def _routes(doors: Iterable[ModuleType]) -> list[tuple[str, str]]:
    """Method and template of what stands in the document."""
    found = [route for door in doors for route in door.router.routes]
    shown = [route for route in found if isinstance(route, APIRoute) and route.include_in_schema]
    return [(method, route.path) for route in shown for method in sorted(route.methods or ())]


ENDLESS = ("GET", "/api/events")
"""An answer without an end: a client reads what it has of it, in test_events.py."""


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of strange names are looked for on this machine, not in the world."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


ROUTES = [route for route in _routes(door for door in DOORS if door not in ACCOUNTS) if route != ENDLESS]
OWN = _routes(ACCOUNTS)


@pytest.fixture(scope="session")
def document(server: str) -> BaseSchema:
    """The running server's OpenAPI document."""
    return schemathesis.openapi.from_url(f"{server}/openapi.json")


def test_nothing_of_the_document_is_left_out(server: str) -> None:
    paths = httpx.get(f"{server}/openapi.json").json()["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert told == {(method, path.replace(":path", "")) for method, path in (*ROUTES, *OWN, ENDLESS)}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_keeps_its_document(document: BaseSchema, method: str, path: str) -> None:
    @FEW
    @given(case=document[path.replace(":path", "")][method].as_strategy())
    def check(case: Case[Any]) -> None:
        # random bytes are no recording: that they are refused is right
        case.call_and_validate(timeout=30, excluded_checks=[positive_data_acceptance])

    check()


# ── a server with accounts ──
@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BaseSchema, str]]:
    """The document of a server with an account, and the key of its administrator."""
    own = config.load(home=tmp_path_factory.mktemp("locked"), preload=False, log_level="error")
    archive = Archive(own.archive, own.kept)
    user = archive.accounts.begin("Anna", "tall ships over quiet water", By())
    key = archive.accounts.keys.make(user, "all", SCOPES, By())[1]
    archive.close()
    with running(own) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json"), key


@pytest.mark.parametrize(("method", "path"), OWN)
def test_the_routes_of_accounts_keep_their_document(locked: tuple[BaseSchema, str], method: str, path: str) -> None:
    document, key = locked

    @FEW
    @given(case=document[path][method].as_strategy())
    def check(case: Case[Any]) -> None:
        # that a name is taken, an id unknown or a password everybody's stands in no document
        headers = {"authorization": f"Bearer {key}"}
        case.call_and_validate(timeout=30, headers=headers, excluded_checks=[positive_data_acceptance])

    check()


@pytest.mark.parametrize(("method", "path"), [row for row in (*ROUTES, *OWN) if not opens(row[1], row[0])])
def test_whatever_a_stranger_sends_is_refused(locked: tuple[BaseSchema, str], method: str, path: str) -> None:
    @settings(FEW, max_examples=4)
    @given(case=locked[0][path.replace(":path", "")][method].as_strategy())
    def check(case: Case[Any]) -> None:
        assert case.call(timeout=30).status_code == 401

    check()


NAMES = ("language", "response_format", "stream", "include[]", "temperature", "chunking_strategy", "x" * 50)
WHOLE = httpx.Request(
    "POST",
    "http://localhost/",
    files={"file": ("a.wav", sounds.wav(sounds.tone(0.3)))},
    data={"model": "whisper-1", "language": "en"},
).read()


@FEW
@given(data=st.data())
def test_a_form_that_is_cut_bent_or_spliced_is_answered(http: httpx.Client, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, len(WHOLE)))
    body = WHOLE[:start] + data.draw(st.binary(max_size=60)) + WHOLE[end:]
    boundary = WHOLE.split(b"\r\n", 1)[0].removeprefix(b"--").decode()
    found = http.post(
        "/v1/audio/transcriptions",
        content=body,
        headers={"content-type": f"multipart/form-data; boundary={boundary}"},
    )
    assert found.status_code in {200, 400, 404}
    assert found.status_code == 200 or found.json()["error"]["code"] != "engine_failed"
    assert http.get("/livez").status_code == 200


@FEW
@given(
    value=st.text(max_size=40), name=st.sampled_from(["language", "response_format", "stream", "include[]", "x" * 50])
)
def test_any_value_of_a_field_is_answered(http: httpx.Client, name: str, value: str) -> None:
    quiet = sounds.wav(sounds.silence(0.2))
    found = http.post(
        "/v1/audio/transcriptions", files={"file": ("a.wav", quiet)}, data={"model": "whisper-1", name: value}
    )
    assert found.status_code in {200, 400}
