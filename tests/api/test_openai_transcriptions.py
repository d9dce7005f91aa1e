"""OpenAI's door, driven by OpenAI's own client: every option and every shape of answer."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
import srt
import webvtt
from openai import OpenAI
from openai.types.audio import Transcription, TranscriptionTextDoneEvent, TranscriptionVerbose

from support import sounds

SAID = "do you hear me"
old = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's own word on translations


def test_json_is_the_default(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1")
    assert isinstance(found, Transcription)
    assert SAID in found.text.lower()
    assert found.logprobs is None
    assert found.languages is not None
    assert [language.code for language in found.languages] == ["en"]
    assert found.usage is not None
    assert found.usage.type == "duration"
    assert found.usage.seconds == 28


def test_text_is_a_plain_body(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1", response_format="text")
    assert isinstance(found, str)
    assert SAID in found.lower()


def test_srt_is_read_by_a_subtitle_library(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1", response_format="srt")
    cues = list(srt.parse(found))
    assert SAID in cues[0].content.lower()
    assert [c.index for c in cues] == list(range(1, len(cues) + 1))
    assert all(a.end <= b.start for a, b in pairwise(cues))


def test_vtt_is_read_by_a_subtitle_library(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1", response_format="vtt")
    assert found.startswith("WEBVTT\n\n")
    cues = webvtt.from_string(found).captions
    assert SAID in cues[0].text.lower()
    assert len(cues) > 5


def test_verbose_json_holds_segments(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1", response_format="verbose_json")
    assert isinstance(found, TranscriptionVerbose)
    assert found.language == "english"
    assert isinstance(found.duration, float)
    assert math.isclose(found.duration, 28.277, abs_tol=0.01)
    assert found.words is None
    assert found.segments
    assert " ".join(s.text for s in found.segments) == found.text
    assert [s.id for s in found.segments] == list(range(len(found.segments)))
    for segment in found.segments:
        assert 0 <= segment.start < segment.end <= found.duration
        assert segment.tokens
        assert -5 < segment.avg_logprob < 0
        assert 0 <= segment.no_speech_prob <= 1
        assert segment.compression_ratio > 0
    assert all(a.end <= b.start for a, b in pairwise(found.segments))


def test_segment_times_are_asked_for_by_name(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(
        file=sample, model="whisper-1", response_format="verbose_json", timestamp_granularities=["segment"]
    )
    assert found.segments
    assert found.words is None


def test_word_times_come_from_the_aligner(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(
        file=sample, model="whisper-1", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert found.words
    assert found.segments
    assert " ".join(w.word for w in found.words) == found.text
    assert all(a.start <= a.end <= b.start for a, b in pairwise(found.words))
    assert found.words[-1].end == found.segments[-1].end


def test_logprobs_belong_to_the_text(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="gpt-4o-transcribe", include=["logprobs"])
    assert isinstance(found, Transcription)
    assert found.logprobs
    raw = b"".join(bytes(int(b) for b in step.bytes or []) for step in found.logprobs)
    assert raw.decode().split() == found.text.split()
    assert all(step.logprob is not None and step.logprob <= 0 for step in found.logprobs)
    assert all(step.token == bytes(int(b) for b in step.bytes or []).decode() for step in found.logprobs)


def test_a_stream_only_ever_appends(client: OpenAI, sample: Path) -> None:
    deltas: list[str] = []
    done: list[TranscriptionTextDoneEvent] = []
    with client.audio.transcriptions.create(file=sample, model="whisper-1", stream=True) as events:
        for event in events:
            if event.type == "transcript.text.delta":
                assert not done
                deltas.append(event.delta)
            elif event.type == "transcript.text.done":
                done.append(event)
    assert len(deltas) > 5
    assert len(done) == 1
    assert done[0].text == "".join(deltas)
    assert done[0].logprobs is None
    whole = client.audio.transcriptions.create(file=sample, model="whisper-1")
    assert done[0].text == whole.text


def test_a_stream_carries_logprobs(client: OpenAI, sample: Path) -> None:
    seen = 0
    with client.audio.transcriptions.create(
        file=sample, model="whisper-1", stream=True, include=["logprobs"]
    ) as events:
        for event in events:
            if event.type == "transcript.text.delta":
                assert event.logprobs
                seen += len(event.logprobs)
            elif event.type == "transcript.text.done":
                assert event.logprobs is not None
                assert len(event.logprobs) == seen > 20


def test_a_stream_of_silence_is_done_at_once(client: OpenAI) -> None:
    with client.audio.transcriptions.create(
        file=("quiet.wav", sounds.wav(sounds.silence(3))), model="whisper-1", stream=True
    ) as events:
        found = list(events)
    assert [e.type for e in found] == ["transcript.text.done"]
    assert found[0].type == "transcript.text.done"
    assert found[0].text == ""


@pytest.mark.parametrize("shape", ["json", "text", "srt", "vtt", "verbose_json"])
def test_silence_has_no_words(client: OpenAI, shape: Any) -> None:
    found = client.audio.transcriptions.create(
        file=("quiet.wav", sounds.wav(sounds.silence(3))), model="whisper-1", response_format=shape
    )
    text = found if isinstance(found, str) else found.text
    assert text.strip() in {"", "WEBVTT"}
    if isinstance(found, TranscriptionVerbose):
        assert found.segments == []
        assert found.language == "unknown"


@pytest.mark.parametrize(
    "strategy", ["auto", {"type": "server_vad"}, {"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 600}]
)
def test_a_chunking_strategy_is_followed(client: OpenAI, sample: Path, strategy: Any) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1", chunking_strategy=strategy)
    assert SAID in found.text.lower()


def test_the_detector_is_really_told(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(
        file=sample,
        model="whisper-1",
        chunking_strategy={"type": "server_vad", "threshold": 0.99, "prefix_padding_ms": 0, "silence_duration_ms": 100},
    )
    plain = client.audio.transcriptions.create(file=sample, model="whisper-1")
    assert found.text != plain.text


def test_hints_are_taken_and_named(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.with_raw_response.create(
        file=sample,
        model="whisper-1",
        prompt="Nagg and Nell",
        keywords=["Nagg"],
        temperature=0.4,
        extra_body={"beam_size": 5},
    )
    assert SAID in found.parse().text.lower()
    told = found.headers["x-earwitness-not-honoured"].split(", ")
    assert set(told) == {"prompt", "keywords", "temperature", "beam_size"}


def test_nothing_is_named_where_all_is_honoured(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.with_raw_response.create(
        file=sample, model="whisper-1", language="en", temperature=0
    )
    assert "x-earwitness-not-honoured" not in found.headers


def test_the_language_may_be_given(client: OpenAI, sample: Path) -> None:
    found = client.audio.transcriptions.create(file=sample, model="whisper-1", language="en", languages=["en"])
    assert SAID in found.text.lower()


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"language": "de"}, "language"),
        ({"languages": ["de", "fr"]}, "languages"),
        ({"language": "klingon!"}, "language"),
        ({"response_format": "docx"}, "response_format"),
        ({"response_format": "diarized_json", "known_speaker_names": ["a"]}, "known_speaker_references"),
        ({"timestamp_granularities": ["segment"]}, "timestamp_granularities"),
        ({"timestamp_granularities": ["syllable"], "response_format": "verbose_json"}, "timestamp_granularities"),
        ({"include": ["logprobs"], "response_format": "verbose_json"}, "include"),
        ({"include": ["tempo"]}, "include"),
        ({"temperature": 7}, "temperature"),
        ({"chunking_strategy": "loud"}, "chunking_strategy"),
        ({"chunking_strategy": {"type": "server_vad", "speed": 3}}, "chunking_strategy"),
        ({"chunking_strategy": {"type": "server_vad", "threshold": 3}}, "threshold"),
        ({"stream": True, "response_format": "srt"}, "stream"),
        ({"extra_body": {"stream": "perhaps"}}, "stream"),
        ({"extra_body": {"language_gate": "ajar"}}, "language_gate"),
    ],
)
def test_a_wrong_option_is_named(client: OpenAI, sample: Path, options: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(**{"file": sample, "model": "whisper-1", **options})
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code in {"bad_input", "unsupported"}
    assert len(caught.value.message) > 30


def test_an_unknown_model_is_not_found(client: OpenAI, sample: Path) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.transcriptions.create(file=sample, model="whisper-9")
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


@old
def test_translation_into_english(client: OpenAI, sample: Path) -> None:
    assert SAID in client.audio.translations.create(file=sample, model="whisper-1").text.lower()


@old
@pytest.mark.parametrize("shape", ["text", "srt", "vtt", "verbose_json"])
def test_translation_has_every_shape(client: OpenAI, sample: Path, shape: Any) -> None:
    found: Any = client.audio.translations.create(file=sample, model="whisper-1", response_format=shape)
    assert SAID in (found if isinstance(found, str) else found.text).lower()
    if shape == "verbose_json":
        assert found.language == "english"
        assert found.segments


@old
def test_translation_has_no_language_field(client: OpenAI, sample: Path) -> None:
    found = client.audio.translations.with_raw_response.create(
        file=sample, model="whisper-1", extra_body={"language": "de"}
    )
    assert found.headers["x-earwitness-not-honoured"] == "language"


def test_the_models_and_their_aliases(client: OpenAI) -> None:
    names = [m.id for m in client.models.list()]
    assert names[0] == "moonshine-tiny-en"
    assert {"whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "default"} <= set(names)
    assert "fake" not in names
    for name in names:
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/none")


def test_the_embedded_model_can_not_be_deleted(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="moonshine"):
        client.models.delete("whisper-1")


async def _both(address: str, sample: Path) -> list[str]:
    import asyncio

    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        found = await asyncio.gather(
            client.audio.transcriptions.create(file=sample, model="whisper-1"),
            client.audio.transcriptions.create(file=sample, model="whisper-1", response_format="text"),
        )
    return [f if isinstance(f, str) else f.text for f in found]


def test_the_asynchronous_client_too(server: str, sample: Path) -> None:
    import asyncio

    one, other = asyncio.run(_both(server, sample))
    assert one.strip() == other.strip()
    assert SAID in one.lower()
