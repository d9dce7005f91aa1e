"""Client secrets of OpenAI's Realtime API: keys for browsers, by OpenAI's own client."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import NotFoundError, OpenAI
from openai.types.beta.realtime.transcription_session import TranscriptionSession
from openai.types.realtime.realtime_transcription_session_create_response import (
    RealtimeTranscriptionSessionCreateResponse,
)
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from earwitness import config
from earwitness.api import passes
from support.server import running

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")

INTENT = {"intent": "transcription"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a key."""
    settings = config.load(home=tmp_path_factory.mktemp("guarded"), api_key="sesame", log_level="error")
    with running(settings) as address:
        yield address


def greeted(address: str, key: str) -> ClientConnection:
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
    return connect(address.replace("http", "ws") + "/v1/realtime", subprotocols=offered, open_timeout=30)


def test_client_secrets_open_a_session_and_nothing_else_until_they_end(
    guarded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAI(base_url=f"{guarded}/v1", api_key="sesame", max_retries=0) as owner:
        made = owner.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 20},
            session={
                "type": "transcription",
                "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 700}}},
            },
        )
    assert made.value.startswith("ek_")
    assert 10 < made.expires_at - time.time() <= 20
    assert isinstance(made.session, RealtimeTranscriptionSessionCreateResponse)
    with OpenAI(base_url=f"{guarded}/v1", api_key=made.value, max_retries=0) as guest:
        with guest.realtime.connect(extra_query=INTENT) as opened:
            session = json.loads(opened.recv_bytes())["session"]
            assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 700
        with pytest.raises(Exception, match="401"):
            guest.models.list()
        with pytest.raises(Exception, match="401"):
            guest.realtime.client_secrets.create()
    with greeted(guarded, made.value) as socket:
        assert socket.subprotocol == "realtime"
        assert json.loads(socket.recv(30))["type"] == "session.created"
        now = time.time()
        monkeypatch.setattr(passes, "time", lambda: now + 21)
        socket.send('{"type": "session.update", "session": {"type": "transcription"}}')
        assert json.loads(socket.recv(30))["type"] == "session.updated", "who is in may stay"
    with pytest.raises(InvalidStatus, match="401"), greeted(guarded, made.value):
        pass


def test_client_secrets_of_the_older_kind(guarded: str) -> None:
    with OpenAI(base_url=f"{guarded}/v1", api_key="sesame", max_retries=0) as owner:
        made = owner.beta.realtime.transcription_sessions.create(
            input_audio_format="g711_alaw", input_audio_transcription={"model": "whisper-1", "language": "en"}
        )
        unknown = {"input_audio_transcription": {"model": "nobody"}}
        with pytest.raises(NotFoundError):
            owner.post("/realtime/transcription_sessions", body=unknown, cast_to=object)
    TranscriptionSession.model_validate(made.model_dump())
    sockets = f"{guarded.replace('http', 'ws')}/v1"  # the older part speaks to secure sockets alone unless it is told
    guest = OpenAI(base_url=f"{guarded}/v1", websocket_base_url=sockets, api_key=made.client_secret.value)
    with guest, guest.beta.realtime.connect(model="whisper-1") as opened:
        session = json.loads(opened.recv_bytes())["session"]
    assert session["input_audio_format"] == "g711_alaw"
    assert session["input_audio_transcription"] == {"model": "whisper-1", "language": "en"}


def test_a_secret_nobody_made_opens_nothing_even_where_no_key_is_wanted(server: str) -> None:
    with pytest.raises(InvalidStatus, match="401"), greeted(server, "ek_made_up"):
        pass


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("client_secrets", {"session": {"type": "realtime"}}),
        ("client_secrets", {"expires_after": {"anchor": "created_at", "seconds": 5}}),
        ("client_secrets", {"colour": "red"}),
        ("transcription_sessions", {"colour": "red"}),
        ("transcription_sessions", {"client_secret": {"expires_at": {"seconds": "soon"}}}),
        ("transcription_sessions", {"client_secret": 5}),
    ],
)
def test_secrets_that_make_no_sense_are_refused(client: OpenAI, path: str, body: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="400"):
        client.post(f"/realtime/{path}", body=body, cast_to=object)
