"""What the settings of OpenAI's Realtime API mean for how a session is heard."""

from typing import Any

import pytest

from earwitness.api.live.realtime_session import LOGPROBS, Terms, Wanted, updated
from earwitness.errors import BadInput


def after(wanted: Wanted, **audio_input: Any) -> Wanted:
    return updated(wanted, {"type": "transcription", "audio": {"input": audio_input}}, beta=False).wanted


def test_turn_detection_is_how_speech_is_found() -> None:
    vad = {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 800, "prefix_padding_ms": 450}
    recipe = Terms(after(Wanted(), turn_detection=vad)).recipe
    assert (recipe.listening.threshold, recipe.listening.peak, recipe.listening.margin_s) == (0.7, 0.7, 0.45)
    assert recipe.captioning is not None
    assert recipe.captioning.endpoint_s == 0.8
    assert not recipe.captioning.drafts, "nobody is shown any"


def test_without_turn_detection_a_session_is_heard_as_recordings_are() -> None:
    recipe = Terms(after(Wanted(), turn_detection=None)).recipe
    assert recipe.captioning is not None
    assert recipe.captioning.endpoint_s == recipe.listening.join_s == 1.5


def test_an_update_leaves_what_it_does_not_name() -> None:
    first = after(Wanted(), transcription={"model": "whisper-1", "language": "en"}, turn_detection=None)
    second = after(first, transcription={"language": "de"})
    assert second.audio.input.transcription.model == "whisper-1"
    assert second.vad is None
    back = after(second, turn_detection={"type": "server_vad"})
    assert back.vad is not None
    assert back.vad.silence_duration_ms == 500


def test_a_format_is_taken_whole() -> None:
    narrow = after(Wanted(), format={"type": "audio/pcmu"})
    assert narrow.wire == ("mulaw", 8_000, 1)
    assert after(narrow, format={"type": "audio/pcm"}).wire == ("s16le", 24_000, 2)


def test_both_dialects_say_the_same() -> None:
    old = {
        "input_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1", "language": "en"},
        "input_audio_noise_reduction": {"type": "far_field"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
        "include": [LOGPROBS],
    }
    new = {
        "format": {"type": "audio/pcma"},
        "transcription": {"model": "whisper-1", "language": "en"},
        "noise_reduction": {"type": "far_field"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
    }
    changes = {"type": "transcription", "audio": {"input": new}, "include": [LOGPROBS]}
    assert updated(Wanted(), old, beta=True).wanted == updated(Wanted(), changes, beta=False).wanted


def test_an_error_names_the_field_as_its_dialect_does() -> None:
    wrong = {"language": 5}
    with pytest.raises(BadInput) as old:
        updated(Wanted(), {"input_audio_transcription": wrong}, beta=True)
    with pytest.raises(BadInput) as new:
        after(Wanted(), transcription=wrong)
    assert old.value.param == "session.input_audio_transcription.language"
    assert new.value.param == "session.audio.input.transcription.language"
