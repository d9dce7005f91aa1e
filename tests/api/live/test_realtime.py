"""OpenAI's Realtime API for transcription, by OpenAI's own client, in both dialects."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import av
import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.beta.realtime import realtime_server_event as old_events
from openai.types.beta.realtime.transcription_session_updated_event import TranscriptionSessionUpdatedEvent
from openai.types.realtime import realtime_server_event as new_events
from pydantic import BaseModel
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from earwitness import batch, config
from earwitness.audio import pcm
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from support.server import running

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
"""OpenAI's client uses its own sockets in a way that their package is about to give up."""

ROOT = Path(__file__).parents[3]
Told = dict[str, Any]
RATE = 24_000
INTENT = {"intent": "transcription"}
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest.fixture(scope="module")
def talk(sample: Path) -> bytes:
    """The sample conversation as clients of this API send it."""
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(sample)) as opened:
        frames = [*opened.decode(audio=0), None]
        return b"".join(f.to_ndarray().tobytes() for frame in frames for f in resampler.resample(frame))


@pytest.fixture(scope="module")
def recording(talk: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.frombuffer(talk, "<i2").reshape(1, -1), "s16", "mono")
        frame.sample_rate = RATE
        made.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def kinds(union: Any) -> dict[str, type[BaseModel]]:
    """The classes of the client's union of events, by the type each is for."""
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(get_args(union)[0])}


NEW, OLD = kinds(new_events.RealtimeServerEvent), kinds(old_events.RealtimeServerEvent)


class Peer:
    """Either client's connection; keeps all it was told, each checked against the client's own types."""

    def __init__(self, opened: Any, known: dict[str, type[BaseModel]] = NEW) -> None:
        self.opened, self._known = opened, known
        self.told = list[Told]()

    def say(self, kind: str, **fields: object) -> None:
        self.opened.send({"type": kind, **fields})

    def sound(self, data: bytes, piece: int = 48_000) -> None:
        for low in range(0, len(data), piece):
            self.say("input_audio_buffer.append", audio=base64.b64encode(data[low : low + piece]).decode())

    def next(self) -> Told:
        found: Told = json.loads(self.opened.recv_bytes())
        self.told.append(found)
        if found["type"] != "transcription_session.updated":
            self._known[found["type"]].model_validate(found)
        return found

    def until(self, kind: str) -> Told:
        while (found := self.next())["type"] != kind:
            assert found["type"] != "error", found
        return found

    def of(self, kind: str) -> list[Told]:
        return [body for body in self.told if body["type"] == kind]

    def texts(self) -> list[str]:
        """The transcripts, once the deltas of each are found to make them up."""
        for done in self.of(f"{TRANSCRIPTION}.completed"):
            deltas = [d for d in self.of(f"{TRANSCRIPTION}.delta") if d["item_id"] == done["item_id"]]
            assert "".join(d["delta"] for d in deltas) == done["transcript"]
        return [done["transcript"] for done in self.of(f"{TRANSCRIPTION}.completed")]


@contextmanager
def joined(client: OpenAI, **audio_input: object) -> Iterator[Peer]:
    """A transcription session in today's dialect, with such settings."""
    with client.realtime.connect(extra_query=INTENT) as opened:
        peer = Peer(opened)
        peer.until("session.created")
        peer.say("session.update", session={"type": "transcription", "audio": {"input": audio_input}})
        peer.until("session.updated")
        yield peer


def test_turns_are_found_and_their_text_is_that_of_the_file(
    client: OpenAI, kit: Kit, talk: bytes, recording: Path
) -> None:
    with joined(client, turn_detection={"type": "server_vad", "silence_duration_ms": 500}) as peer:
        peer.sound(talk)
        peer.say("input_audio_buffer.commit")
        segments = batch.run(recording, live(Recipe()), kit).segments
        while " ".join(peer.texts()) != " ".join(s.text for s in segments):
            peer.until(f"{TRANSCRIPTION}.completed")
    items = [body["item_id"] for body in peer.of("input_audio_buffer.committed")]
    before = [body["previous_item_id"] for body in peer.of("input_audio_buffer.committed")]
    assert before == [None, *items[:-1]]
    for item in items:
        mine = [b for b in peer.told if item in (b.get("item_id"), b.get("item", {}).get("id"))]
        names = [b["type"].removeprefix("input_audio_buffer.").removeprefix("conversation.item.") for b in mine]
        assert names[:5] == ["speech_started", "speech_stopped", "committed", "added", "done"]
        assert names[-1] == "input_audio_transcription.completed"
        assert mine[0]["audio_start_ms"] < mine[1]["audio_end_ms"]
        assert {b["content_index"] for b in mine if "content_index" in b} == {0}
    starts = [body["audio_start_ms"] for body in peer.of("input_audio_buffer.speech_started")]
    assert all(a < b for a, b in pairwise(starts))
    assert len({body["event_id"] for body in peer.told}) == len(peer.told)


def test_without_turn_detection_commits_end_items_and_the_tail_is_told(server: str, talk: bytes) -> None:
    async def converse() -> list[Any]:
        client = AsyncOpenAI(base_url=f"{server}/v1", api_key="none")
        async with client, client.realtime.connect(model="gpt-realtime", extra_query=INTENT) as opened:
            assert (await opened.recv()).type == "session.created"
            await opened.session.update(
                session={
                    "type": "transcription",
                    "audio": {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}},
                    "include": ["item.input_audio_transcription.logprobs"],
                }
            )
            for piece in (talk[: RATE * 2 * 4], talk[RATE * 2 * 4 : RATE * 2 * 8]):
                await opened.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
                await opened.input_audio_buffer.commit()
            told = [await opened.recv()]
            while sum(event.type == f"{TRANSCRIPTION}.completed" for event in told) < 2:
                told.append(await opened.recv())
            return told

    told = asyncio.run(converse())
    assert [e.type for e in told if "speech" in e.type or e.type == "error"] == []
    done = [event for event in told if event.type == f"{TRANSCRIPTION}.completed"]
    assert [e.item_id for e in told if e.type == "input_audio_buffer.committed"] == [e.item_id for e in done]
    assert "hear me" in done[0].transcript.lower()
    assert "resource" in done[1].transcript.lower(), "cut in the middle of a word or not, the last one is told"
    for item in done:
        deltas = [e for e in told if e.type == f"{TRANSCRIPTION}.delta" and e.item_id == item.item_id]
        assert "".join(d.delta for d in deltas) == item.transcript
        assert [step for d in deltas for step in d.logprobs] == item.logprobs
        assert b"".join(bytes(step.bytes) for step in item.logprobs).decode().split() == item.transcript.split()
        assert item.usage.type == "duration"
        assert item.usage.seconds == pytest.approx(4.0, abs=0.01)


def test_all_that_is_said_up_to_a_commit_is_the_text_of_the_file(
    client: OpenAI, kit: Kit, talk: bytes, recording: Path
) -> None:
    with joined(client, turn_detection=None) as peer:
        peer.sound(talk, 99_999)
        peer.say("input_audio_buffer.commit")
        peer.until(f"{TRANSCRIPTION}.completed")
    assert peer.texts() == [batch.run(recording, Recipe(), kit).text]


def test_settings_may_change_in_the_middle_and_nothing_is_lost(client: OpenAI, talk: bytes) -> None:
    with joined(client, turn_detection=None) as peer:
        peer.sound(talk[: RATE * 2 * 4])
        update = {"type": "transcription", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
        peer.say("session.update", session=update)
        peer.until("session.updated")
        assert "hear me" in peer.texts()[0].lower(), "what was said before is told before"
        peer.sound(talk[RATE * 2 * 4 : RATE * 2 * 8])
        assert peer.until("input_audio_buffer.speech_started")["audio_start_ms"] >= 4_000
        peer.say("input_audio_buffer.commit")
        while "resource" not in " ".join(peer.texts()).lower():
            peer.until(f"{TRANSCRIPTION}.completed")


def test_what_is_cleared_is_forgotten(client: OpenAI, talk: bytes) -> None:
    with joined(client, turn_detection=None) as peer:
        peer.sound(talk[: RATE * 2 * 4])
        peer.say("input_audio_buffer.clear")
        peer.until("input_audio_buffer.cleared")
        peer.say("input_audio_buffer.commit", event_id="mine")
        while (error := peer.next())["type"] != "error":
            pass
        assert error["error"]["code"] == "input_audio_buffer_commit_empty"
        assert error["error"]["event_id"] == "mine"
        peer.sound(talk[round(RATE * 4.5) * 2 : RATE * 2 * 8])
        peer.say("input_audio_buffer.commit")
        peer.until(f"{TRANSCRIPTION}.completed")
        assert "hear me" not in peer.texts()[-1].lower()
        assert "resource" in peer.texts()[-1].lower()


def test_hints_without_effect_are_named_in_the_session(client: OpenAI) -> None:
    asked = {
        "noise_reduction": {"type": "near_field"},
        "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "sailing", "delay": "low"},
        "turn_detection": {"type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 100, "create_response": True},
    }
    with joined(client, **asked) as peer:
        session = peer.of("session.updated")[0]["session"]
    assert session["not_honoured"] == ["create_response", "delay", "noise_reduction", "prompt"]
    told = session["audio"]["input"]
    assert told["noise_reduction"] is None
    assert told["transcription"] == {"model": "gpt-4o-transcribe", "language": "en"}
    assert told["turn_detection"] == {
        "type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 300, "silence_duration_ms": 500,
    }  # fmt: skip


def wants(**audio_input: object) -> Told:
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": audio_input}}}


@pytest.mark.parametrize(
    ("said", "param", "says"),
    [
        ({"type": "colour"}, "type", "no event of type"),
        ({"type": "response.create"}, "type", "transcribes"),
        ({"type": "conversation.item.create", "item": {}}, "type", "transcribes"),
        ({"type": "input_audio_buffer.append"}, "audio", "base64"),
        ({"type": "input_audio_buffer.append", "audio": "*** no base64"}, "audio", "base64"),
        ({"type": "input_audio_buffer.append", "audio": "A" * (15 * 2**20 + 4)}, "audio", "15 MiB"),
        ({"type": "session.update"}, "session", "object"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "session.type", "transcribes"),
        (wants(colour="red"), "session.audio.input.colour", "not known"),
        (wants(format={"type": "audio/pcm", "rate": 16_000}), "session.audio.input.format.rate", "24000"),
        (wants(format={"type": "audio/opus"}), "session.audio.input.format", "audio/pcm"),
        (wants(turn_detection={"type": "semantic_vad"}), "session.audio.input.turn_detection.type", "server_vad"),
        (wants(turn_detection={"silence_duration_ms": 5}), None, "greater than or equal to 100"),
        (wants(transcription=None), "session.audio.input.transcription", "valid"),
        (wants(transcription={"model": "nobody"}), None, "nobody"),
        (wants(transcription={"language": "de"}), "language", "does not know the language"),
        ({"type": "transcription_session.update", "session": {"input_audio_format": "opus"}}, None, "pcm16"),
        ({"type": "transcription_session.update", "session": {"colour": 1}}, "session.colour", "not known"),
    ],
)
def test_what_is_wrong_is_told_and_the_socket_stays(server: str, said: Told, param: str | None, says: str) -> None:
    with connect(server.replace("http", "ws") + "/v1/realtime?intent=transcription", max_size=None) as socket:
        created = json.loads(socket.recv(30))
        socket.send(json.dumps(said | {"event_id": "mine"}))
        error = json.loads(socket.recv(30))
        NEW["error"].model_validate(error)
        assert error["error"]["event_id"] == "mine"
        assert error["error"]["type"] == "invalid_request_error"
        assert says in error["error"]["message"]
        assert param is None or error["error"]["param"] == param
        socket.send(json.dumps(wants()))
        updated = json.loads(socket.recv(30))
        assert updated["session"] == created["session"], "what is wrong changes nothing"


@pytest.mark.parametrize("said", ["no json", "[]", "{}", '{"type": 1}', "[" * 100_000, b"\0\0" * 100])
def test_what_is_no_event_is_told_and_the_socket_stays(server: str, said: str | bytes) -> None:
    with connect(server.replace("http", "ws") + "/v1/realtime") as socket:
        socket.recv(30)
        socket.send(said)
        assert "no JSON object" in json.loads(socket.recv(30))["error"]["message"]
        socket.send(json.dumps(wants()))
        assert json.loads(socket.recv(30))["type"] == "session.updated"


@pytest.mark.parametrize("query", ["model=nobody", "intent=conversation"])
def test_another_kind_of_session_is_refused(server: str, query: str) -> None:
    with connect(f"{server.replace('http', 'ws')}/v1/realtime?{query}") as socket:
        assert json.loads(socket.recv(30))["type"] == "error"
        with pytest.raises(ConnectionClosed):
            socket.recv(30)


def test_the_older_dialect_by_its_own_client(server: str, talk: bytes) -> None:
    narrow = (np.frombuffer(talk, "<i2")[:: RATE // 8_000][: 8_000 * 4] / 2.0**15).astype(np.float32)
    table = pcm.mulaw()
    order = np.argsort(table)
    coded = order[np.clip(np.searchsorted(table[order], narrow), 0, 255)].astype(np.uint8).tobytes()
    sockets = f"{server.replace('http', 'ws')}/v1"  # the older part speaks to secure sockets alone unless it is told
    client = OpenAI(base_url=f"{server}/v1", websocket_base_url=sockets, api_key="none")
    with client, client.beta.realtime.connect(model="gpt-4o-realtime-preview", extra_query=INTENT) as opened:
        peer = Peer(opened, OLD)
        created = peer.until("session.created")
        assert created["session"]["not_honoured"] == ["model"]
        opened.transcription_session.update(
            session={
                "input_audio_format": "g711_ulaw",
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
            }
        )
        updated = peer.until("transcription_session.updated")
        updated["session"]["client_secret"] = {"value": "", "expires_at": 0}  # none is told on a socket
        TranscriptionSessionUpdatedEvent.model_validate(updated)
        assert updated["session"]["input_audio_format"] == "g711_ulaw"
        peer.sound(coded, 8_000)
        opened.input_audio_buffer.commit()
        while sum("hear me" in text.lower() for text in peer.texts()) < 2:
            peer.until(f"{TRANSCRIPTION}.completed")
    assert peer.of("conversation.item.created")
    assert not peer.of("conversation.item.added")


def test_a_full_server_says_so_and_closes(tmp_path: Path) -> None:
    full = running(config.load(home=tmp_path, live_sessions=0, log_level="error"))
    with full as address, connect(address.replace("http", "ws") + "/v1/realtime") as socket:
        assert json.loads(socket.recv(30))["error"]["code"] == "busy"
        with pytest.raises(ConnectionClosed, match="1013"):
            socket.recv(30)


def test_a_place_is_taken_by_whoever_speaks_and_free_when_he_leaves(tmp_path: Path, talk: bytes) -> None:
    with (
        running(config.load(home=tmp_path, live_sessions=1, log_level="error")) as address,
        OpenAI(base_url=f"{address}/v1", api_key="none") as client,
        joined(client) as one,
        joined(client) as other,
    ):
        one.sound(talk[: RATE * 2])
        one.until("input_audio_buffer.speech_started")
        other.sound(talk[: RATE * 2])
        assert other.next()["error"]["code"] == "busy"
        one.opened.close()
        other.sound(talk[: RATE * 4], RATE * 4)
        deadline = time.monotonic() + 30
        while other.next()["type"] == "error":
            assert time.monotonic() < deadline, "the place is not given back"
            other.sound(talk[: RATE * 4], RATE * 4)
        other.say("input_audio_buffer.commit")
        other.until(f"{TRANSCRIPTION}.completed")


def test_the_model_that_tells_speakers_apart_does_so_after_the_text(client: OpenAI, talk: bytes) -> None:
    with joined(client, transcription={"model": "gpt-4o-transcribe-diarize"}) as peer:
        peer.sound(talk[: RATE * 2 * 16])
        peer.say("input_audio_buffer.commit")
        segment = peer.until(f"{TRANSCRIPTION}.segment")
        done = next(d for d in peer.of(f"{TRANSCRIPTION}.completed") if d["item_id"] == segment["item_id"])
        assert segment["text"] in done["transcript"]
        assert segment["speaker"].startswith("S")
        assert 0 <= segment["start"] < segment["end"] <= 16


def test_a_silent_client_is_let_go_and_told_what_was_said(tmp_path: Path, talk: bytes) -> None:
    with (
        running(config.load(home=tmp_path, live_idle_s=2, log_level="error")) as address,
        OpenAI(base_url=f"{address}/v1", api_key="none") as client,
        joined(client, turn_detection=None) as peer,
    ):
        peer.sound(talk[: RATE * 2 * 4])
        peer.until(f"{TRANSCRIPTION}.completed")
        assert "hear me" in peer.texts()[0].lower()
        assert peer.next()["error"]["code"] == "session_expired"
        with pytest.raises(ConnectionClosed):
            peer.next()


def test_the_example_of_the_page_runs(server: str, talk: bytes) -> None:
    (example,) = re.findall(r"```py\n(import base64.*?)```", (ROOT / "docs" / "live.md").read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(example.replace("http://127.0.0.1:8000", server), found)
    pieces = (talk[low : low + 48_000] for low in range(0, RATE * 2 * 4, 48_000))
    assert "hear me" in next(found["listen"](pieces)).lower()
