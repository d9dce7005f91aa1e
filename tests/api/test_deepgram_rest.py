"""Deepgram's door for recordings, by its official client."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.errors import BadRequestError
from deepgram.types import ListenV1Response

from earwitness.audio import decode
from earwitness.config import Settings
from earwitness.types import Samples
from support import sounds
from support.deepgrams import client, environment, linear16


@pytest.fixture(scope="module")
def deepgram(server: str) -> Iterator[DeepgramClient]:
    with client(server) as found:
        yield found


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


def test_a_recording_becomes_text_and_words(deepgram: DeepgramClient, sample: Path) -> None:
    found = deepgram.listen.v1.media.transcribe_file(
        request=sample.read_bytes(), model="nova-3", smart_format=True, utterances=True, utt_split=0.5
    )
    assert isinstance(found, ListenV1Response)
    assert found.metadata.channels == 1
    assert found.metadata.duration == pytest.approx(28.3, abs=0.2)
    assert [info["name"] for info in found.metadata.model_info.values()] == ["moonshine-tiny-en"]
    (channel,) = found.results.channels
    (text,) = channel.alternatives or []
    assert "hear me" in str(text.transcript)
    words = text.words or []
    assert " ".join(w.model_dump()["punctuated_word"] for w in words) == text.transcript
    assert all(0 <= (w.start or 0) <= (w.end or 0) <= 28.5 and w.confidence for w in words)
    utterances = found.results.utterances or []
    assert len(utterances) > 3
    assert " ".join(str(u.transcript) for u in utterances) == text.transcript
    assert text.paragraphs is not None
    assert " ".join(str(text.paragraphs.transcript).split()) == text.transcript


def test_words_and_utterances_have_their_speakers(deepgram: DeepgramClient, sample: Path) -> None:
    found = deepgram.listen.v1.media.transcribe_file(
        request=sample.read_bytes(), model="nova-3", diarize=True, utterances=True, paragraphs=True
    )
    assert isinstance(found, ListenV1Response)
    text = (found.results.channels[0].alternatives or [])[0]
    assert {w.speaker for w in text.words or []} >= {0, 1}
    assert {u.speaker for u in found.results.utterances or []} >= {0, 1}
    assert "Speaker 1:" in str(text.paragraphs and text.paragraphs.transcript)


def test_the_asynchronous_client_hears_the_same(server: str, sample: Path) -> None:
    recording = sample.read_bytes()

    async def whole() -> object:
        async with httpx.AsyncClient(timeout=60) as kept:
            deepgram = AsyncDeepgramClient(api_key="none", environment=environment(server), httpx_client=kept)
            return await deepgram.listen.v1.media.transcribe_file(request=recording, detect_language=True)

    found = asyncio.run(whole())
    assert isinstance(found, ListenV1Response)
    channel = found.results.channels[0]
    assert channel.detected_language == "en"
    assert "hear me" in str((channel.alternatives or [])[0].transcript)


def test_each_channel_is_heard_for_itself_even_if_they_are_the_same(deepgram: DeepgramClient, talk: Samples) -> None:
    short = talk[: 16_000 * 6]
    for right, same in ((short, True), (np.zeros_like(short), False)):
        stereo = sounds.wav(np.stack([short, right], axis=1))
        found = deepgram.listen.v1.media.transcribe_file(request=stereo, multichannel=True, utterances=True)
        assert isinstance(found, ListenV1Response)
        assert found.metadata.channels == 2
        left_text, right_text = (str((c.alternatives or [])[0].transcript) for c in found.results.channels)
        assert left_text
        assert right_text == (left_text if same else "")
        assert {u.channel for u in found.results.utterances or []} == ({0, 1} if same else {0})


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw"])
def test_raw_sound_is_read_as_the_query_says(http: httpx.Client, talk: Samples, encoding: str) -> None:
    short = talk[: 16_000 * 5]
    raw = {
        "linear16": linear16(short),
        "linear32": short.astype("<f4").tobytes(),
        "mulaw": sounds.encoded(short, "mulaw", "pcm_mulaw"),
    }[encoding]
    query: dict[str, str | int] = {"encoding": encoding, "sample_rate": 16_000}
    found = http.post("/v1/listen", params=query, content=raw)
    assert found.status_code == 200, found.text
    assert "hear me" in found.json()["results"]["channels"][0]["alternatives"][0]["transcript"]
    assert found.json()["metadata"]["duration"] == pytest.approx(5.0, abs=0.05)
    assert found.json()["metadata"].get("warnings") is None


def test_what_has_no_effect_is_told(http: httpx.Client) -> None:
    query = {"topics": "true", "sentiment": "false", "keyterm": "Nagg", "mip_opt_out": "true", "punctuate": "false"}
    found = http.post("/v1/listen", params=query, content=sounds.wav(sounds.silence(1.0)))
    assert found.status_code == 200
    names = set(found.headers["x-earwitness-not-honoured"].split(", "))
    assert {"topics", "punctuate", "hotwords"} <= names
    assert not {"sentiment", "mip_opt_out"} & names
    assert {w["parameter"] for w in found.json()["metadata"]["warnings"]} == names
    assert found.json()["results"]["channels"][0]["alternatives"][0]["transcript"] == ""


def test_an_address_is_refused(deepgram: DeepgramClient) -> None:
    with pytest.raises(BadRequestError) as refused:
        deepgram.listen.v1.media.transcribe_url(url="http://127.0.0.1/secret.wav")
    assert refused.value.body["err_code"] == "Bad Request"
    assert "transcribe_file" in refused.value.body["err_msg"]


@pytest.mark.parametrize(
    ("query", "body", "status", "says"),
    [
        ({}, b"", 400, "empty"),
        ({}, b"this is no recording" * 90, 400, "recording"),
        ({"model": "whisper-giant"}, b"x", 404, "whisper-giant"),
        ({"language": "de"}, b"x", 400, "de"),
        ({"encoding": "linear16"}, b"x" * 100, 400, "sample_rate"),
        ({"redact": "pci"}, b"x", 400, "redact"),
        ({"callback": "http://127.0.0.1/"}, b"x", 400, "callback"),
        ({"utt_split": "soon"}, b"x", 400, "utt_split"),
        ({"multichannel": "true"}, b"this is no recording" * 90, 400, "recording"),
    ],
)
def test_errors_have_their_shape(
    http: httpx.Client, query: dict[str, str], body: bytes, status: int, says: str
) -> None:
    found = http.post("/v1/listen", params=query, content=body)
    assert found.status_code == status, found.text
    assert says in found.json()["err_msg"].lower()
    assert found.json()["request_id"] == found.headers["dg-request-id"]


def test_the_client_raises_its_error_for_a_model_that_is_not_here(deepgram: DeepgramClient, sample: Path) -> None:
    with pytest.raises(ApiError) as refused:
        deepgram.listen.v1.media.transcribe_file(request=sample.read_bytes(), model="whisper-giant")
    assert refused.value.status_code == 404
    assert refused.value.body["code"] == "model_not_found"


def test_nothing_is_left_on_the_disk(http: httpx.Client, settings: Settings, talk: Samples) -> None:
    stereo = sounds.wav(np.stack([talk[:32_000], talk[:32_000]], axis=1))
    assert http.post("/v1/listen?multichannel=true", content=stereo).status_code == 200
    assert http.post("/v1/listen?multichannel=true", content=b"no recording at all").status_code == 400
    assert not list(settings.scratch.glob("upload-*"))
