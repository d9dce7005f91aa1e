"""Deepgram's socket, by its official client."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.listen.v1.types import ListenV1Finalize, ListenV1Metadata, ListenV1Results
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from earwitness import batch, config
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support import sounds
from support.deepgrams import client, environment, linear16, streaming
from support.server import running

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


@pytest.fixture(scope="module")
def expected(talk: Samples, kit: Kit) -> str:
    """What is said in it, heard as a file by the same recipe, of the very samples that go over the wire."""
    return " ".join(s.text for s in batch.run(sounds.wav(talk), live(Recipe()), kit).segments)


def until_closed(socket: ClientConnection) -> Iterator[str]:
    """The types of all messages."""
    with suppress(ConnectionClosed):
        while True:
            yield json.loads(socket.recv(60))["type"]


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_the_text_is_that_of_the_file_and_the_stream_closes_in_order(server: str, talk: Samples, expected: str) -> None:
    with streaming(server, interim_results="true", vad_events="true", punctuate="true", smart_format="true") as stream:
        stream.sound(linear16(talk))
        stream.end()
    assert stream.text() == expected
    assert stream.closed == (1000, "")
    assert isinstance(stream.told[-1], ListenV1Metadata)
    assert stream.metadata.duration == pytest.approx(len(talk) / 16_000, abs=0.01)
    assert stream.metadata.channels == 1
    assert len(stream.metadata.sha256) == 64
    finals = stream.results()
    assert finals[-1].speech_final
    starts = [r.start for r in finals]
    assert starts == sorted(starts)
    assert finals[0].metadata.model_info.name == "moonshine-tiny-en"
    assert finals[0].metadata.request_id == stream.metadata.request_id
    assert {m.type for m in stream.told} >= {"SpeechStarted", "Results", "Metadata"}
    began = next(m for m in stream.told if m.type == "SpeechStarted")
    assert began.channel == [0, 1]
    assert began.timestamp == pytest.approx(finals[0].start, abs=0.3)


def test_words_have_times_and_confidence(server: str, talk: Samples) -> None:
    with streaming(server) as stream:
        stream.sound(linear16(talk[: 16_000 * 5]))
        stream.end()
    words = [w for r in stream.results() for w in r.channel.alternatives[0].words]
    assert " ".join(str(w.punctuated_word) for w in words) == stream.text()
    assert all(w.word == w.word.lower() and not re.search(r"[.,?!]$", w.word) for w in words)
    assert all(0 <= w.start <= w.end <= 5.1 and 0 < w.confidence <= 1 for w in words)
    assert [w.start for w in words] == sorted(w.start for w in words)
    assert not stream.results(final=False), "drafts come only where they are asked for"


def test_a_draft_comes_before_its_final_at_the_pace_of_speech(server: str, talk: Samples) -> None:
    with streaming(server, interim_results="true") as stream:
        data = linear16(talk[: 16_000 * 4])
        for low in range(0, len(data), 6_400):
            stream.sound(data[low : low + 6_400])
            time.sleep(0.1)
        stream.until("Results", is_final=False)
        stream.end()
    kinds = [r.is_final for r in stream.told if isinstance(r, ListenV1Results)]
    assert kinds.index(False) < kinds.index(True)
    draft = stream.results(final=False)[-1]
    assert not draft.speech_final
    assert draft.channel.alternatives[0].transcript
    assert draft.channel.alternatives[0].words


def test_finalize_is_answered_with_the_open_utterance_and_with_nothing(server: str, talk: Samples) -> None:
    with streaming(server) as stream:
        stream.sound(linear16(talk[: 16_000 * 3]))
        stream.socket.send_finalize()
        answered = stream.until("Results", from_finalize=True)
        assert answered.is_final
        assert answered.channel.alternatives[0].transcript, "what was open is in it"
        before = len(stream.told)
        stream.socket.send_keep_alive()
        stream.socket.send_finalize()
        deadline = time.monotonic() + 30
        while len(stream.told) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        again = stream.told[before]
        assert again.from_finalize
        assert again.channel.alternatives[0].transcript == ""
        stream.sound(linear16(talk[16_000 * 3 : 16_000 * 6]))
        stream.end()
    late = [r for r in stream.results() if r.start > 2.8 and r.channel.alternatives[0].transcript]
    assert late, "the stream goes on after it"
    assert sum(bool(r.from_finalize) for r in stream.results()) == 2


def test_utterance_ends_are_told_after_the_last_word(server: str, talk: Samples) -> None:
    quiet = np.zeros(16_000 * 3, np.float32)
    with streaming(server, utterance_end_ms="1000", interim_results="true") as stream:
        stream.sound(linear16(np.concatenate([talk[: 16_000 * 3], quiet])))
        ended = stream.until("UtteranceEnd")
        stream.end()
    assert ended.channel == [0, 1]
    last = stream.results()[-1].channel.alternatives[0].words[-1]
    assert ended.last_word_end == pytest.approx(last.end, abs=0.001)


def test_without_endpointing_no_result_is_the_end_of_speech(server: str, talk: Samples) -> None:
    with streaming(server, endpointing="false") as stream:
        stream.sound(linear16(talk[: 16_000 * 6]))
        stream.end()
    assert stream.text()
    assert not any(r.speech_final for r in stream.results())


def test_opus_in_ogg_is_read_by_its_own_header(server: str, talk: Samples) -> None:
    opus = sounds.encoded(talk[: 16_000 * 8], "ogg", "libopus")
    with streaming(server) as plainly:
        plainly.sound(linear16(talk[: 16_000 * 8]))
        plainly.end()
    for asked in ({"encoding": "opus", "sample_rate": 16_000}, {"encoding": None}):
        with streaming(server, **asked) as stream:
            stream.sound(opus, 1_500)
            stream.end()
        assert plain(stream.text())[:6] == plain(plainly.text())[:6]
        assert stream.closed[0] == 1000


def test_each_channel_is_heard_for_itself(server: str, talk: Samples) -> None:
    left, right = (
        talk[: 16_000 * 6],
        np.concatenate([np.zeros(16_000 * 2, np.float32), talk[16_000 * 18 : 16_000 * 22]]),
    )
    with streaming(server, multichannel="true", channels=2) as stream:
        stream.sound(linear16(np.stack([left, right], axis=1)))
        stream.socket.send_finalize(ListenV1Finalize.model_construct(type="Finalize", channel=1))
        finalized = stream.until("Results", from_finalize=True)
        stream.end()
    assert finalized.channel_index == [1, 2]
    assert stream.metadata.channels == 2
    assert stream.text(0)
    assert stream.text(1)
    assert set(plain(stream.text(0))) != set(plain(stream.text(1)))
    assert all(r.start >= 1.5 for r in stream.results(1) if r.channel.alternatives[0].transcript)
    assert {tuple(r.channel_index) for r in stream.results(0) + stream.results(1)} == {(0, 2), (1, 2)}


def test_words_have_their_speakers(server: str, talk: Samples) -> None:
    with streaming(server, diarize="true") as stream:
        stream.sound(linear16(talk))
        stream.end()
    words = [w for r in stream.results() for w in r.channel.alternatives[0].words]
    assert {0, 1} <= {w.speaker for w in words}
    assert sum(w.speaker is not None for w in words) > 0.8 * len(words)


def test_an_empty_message_ends_the_stream_too_and_loses_nothing(server: str, talk: Samples) -> None:
    with streaming(server) as stream:
        stream.sound(linear16(talk[: 16_000 * 3]))
        stream.socket.send_media(b"")
        stream.rest()
    assert stream.text()
    assert stream.closed[0] == 1000
    assert stream.metadata.duration == 3.0


def test_the_asynchronous_client_hears_the_same(server: str, talk: Samples, expected: str) -> None:
    async def whole() -> list[str]:
        deepgram = AsyncDeepgramClient(
            api_key="none", environment=environment(server), httpx_client=httpx.AsyncClient()
        )
        async with deepgram.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16_000) as socket:
            data = linear16(talk)
            for low in range(0, len(data), 32_000):
                await socket.send_media(data[low : low + 32_000])
            await socket.send_close_stream()
            return [
                message.channel.alternatives[0].transcript
                async for message in socket
                if isinstance(message, ListenV1Results) and message.is_final
            ]

    assert " ".join(t for t in asyncio.run(whole()) if t) == expected


def test_the_example_of_the_page_runs(server: str, talk: Samples, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "live.md").read_text(), re.DOTALL)
    (example,) = (block for block in blocks if "listen.v1.connect" in block)
    found: dict[str, object] = {}
    exec(example.replace("127.0.0.1:8000", server.removeprefix("http://")), found)
    whole = linear16(talk[: 16_000 * 6])
    found["caption"](whole[low : low + 3_200] for low in range(0, len(whole), 3_200))  # type: ignore[operator]
    assert "hear me" in capsys.readouterr().out.lower()


# ── what is wrong ──
def test_what_has_no_effect_is_a_warning_and_nothing_else(server: str) -> None:
    asked = {"encoding": "linear16", "sample_rate": 16_000, "keyterm": "Nagg", "endpointing": 10, "tag": "a"}
    with streaming(server, search="x", numerals="true", profanity_filter="false", **asked) as stream:
        stream.end()
    warned = {w["parameter"] for w in stream.metadata.warnings}  # type: ignore[attr-defined]
    assert {"search", "numerals", "endpointing", "not_honoured"} <= warned
    assert "profanity_filter" not in warned
    assert stream.metadata.tags == ["a"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("encoding=linear16", 400, "sample_rate"),
        ("encoding=g729&sample_rate=8000", 400, "g729"),
        ("encoding=linear16&sample_rate=3", 400, "samples a second"),
        ("model=whisper-giant", 404, "whisper-giant"),
        ("language=de", 400, "de"),
        ("language=klingon!", 400, "language"),
        ("interim_results=perhaps", 400, "interim_results"),
        ("endpointing=soon", 400, "endpointing"),
        ("multichannel=true", 400, "channels"),
        ("multichannel=true&channels=99", 400, "channels"),
        ("redact=pci", 400, "redact"),
        ("callback=http://127.0.0.1/", 400, "callback"),
    ],
)
def test_a_request_that_is_wrong_is_refused_in_the_handshake(server: str, query: str, status: int, says: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"{server.replace('http', 'ws')}/v1/listen?{query}"):
        pass
    response = refused.value.response
    body = json.loads(response.body or b"")
    assert response.status_code == status
    assert says in body["err_msg"].lower()
    assert says in response.headers["dg-error"].lower()
    assert body["err_code"]
    assert body["request_id"] == response.headers["dg-request-id"]


def test_what_is_no_sound_closes_the_stream_with_their_code(server: str) -> None:
    with streaming(server, encoding=None) as stream:
        stream.sound(b"this is no recording at all, only text " * 4_000)
        stream.end()
    assert stream.closed[0] == 1008
    assert stream.closed[1].startswith("DATA-0000")
    assert any(m.type == "Error" and m.description for m in stream.told)


def test_sound_that_breaks_is_told_up_to_there_first(server: str, talk: Samples) -> None:
    opus = sounds.encoded(talk[: 16_000 * 8], "ogg", "libopus")
    with streaming(server, encoding="opus") as stream:
        stream.sound(opus[: len(opus) * 3 // 4] + bytes(200_000), 50_000)
        stream.end()
    assert "hear me" in stream.text()
    assert [m.type for m in stream.told][-2:] == ["Metadata", "Error"]
    assert stream.closed[0] == 1008
    assert stream.closed[1].startswith("DATA-0000")


def test_a_message_that_is_none_is_told_and_the_stream_goes_on(server: str, talk: Samples) -> None:
    url = f"{server.replace('http', 'ws')}/v1/listen?encoding=linear16&sample_rate=16000"
    with connect(url) as socket:
        for wrong in ("no json", "[]", '{"type": "Dance"}', '{"type": "Finalize", "channel": 7}', "{" * 100_000):
            socket.send(wrong)
            told = json.loads(socket.recv(30))
            assert (told["type"], told["variant"]) == ("Error", "SchemaError")
        socket.send('{"type": "Configure", "keyterms": ["Nagg"]}')
        assert json.loads(socket.recv(30))["type"] == "ConfigureFailure"
        socket.send(linear16(talk[: 16_000 * 3]))
        socket.send('{"type": "CloseStream"}')
        told = json.loads(socket.recv(60))
        assert told["channel"]["alternatives"][0]["transcript"]


def test_a_client_that_vanishes_leaves_nothing_behind(server: str, talk: Samples) -> None:
    def here() -> float:
        text = httpx.get(f"{server}/metrics").text
        return float(re.findall(r"^earwitness_live_sessions (\S+)", text, re.MULTILINE)[0])

    opus, before = sounds.encoded(talk[: 16_000 * 3], "ogg", "libopus"), here()
    for _ in range(3):
        with streaming(server, encoding="opus") as stream:
            stream.sound(opus[:4_000])
    deadline = time.monotonic() + 30
    while (here() > before or any(t.name == "flow" for t in threading.enumerate())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert here() <= before
    assert not any(t.name == "flow" for t in threading.enumerate()), "no decoder waits for a client that is gone"


def test_keys_and_places(tmp_path: Path, talk: Samples) -> None:
    limited = config.load(home=tmp_path, api_key="sesame", live_sessions=1, live_idle_s=2.0, log_level="error")
    with running(limited) as address:
        url = f"{address.replace('http', 'ws')}/v1/listen?encoding=linear16&sample_rate=16000"
        refusal = pytest.raises((ApiError, InvalidStatus), match="401")  # which of them depends on websockets' version
        with refusal, client(address, "wrong") as stranger, stranger.listen.v1.connect(model="nova-3"):
            pass
        with pytest.raises(InvalidStatus) as refused, connect(url):
            pass
        assert json.loads(refused.value.response.body or b"")["err_code"] == "INVALID_AUTH"
        with connect(url, subprotocols=[Subprotocol("token"), Subprotocol("sesame")]) as socket:
            assert socket.subprotocol == "token"
            with (
                pytest.raises(InvalidStatus) as full,
                connect(url, additional_headers={"Authorization": "Token sesame"}),
            ):
                pass
            assert full.value.response.status_code == 503
            assert "live session" in json.loads(full.value.response.body or b"")["err_msg"]
            socket.send(linear16(talk[: 16_000 * 2]))
            kinds = list(until_closed(socket))  # nothing more comes: it ends by itself
        assert kinds[-1] == "Metadata"
        assert "Results" in kinds
        assert socket.close_code == 1011
        assert str(socket.close_reason).startswith("NET-0001")
