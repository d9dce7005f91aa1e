"""From a reference clip to a voiceprint, and why some clips make none."""

from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from earwitness import reference
from earwitness.audio import decode
from earwitness.diarizers import Diarizers
from earwitness.errors import BadInput, EmptyAudio, Missing, NotAudio
from earwitness.kit import Kit
from earwitness.parts import Diarizer, PartSpec
from earwitness.plugins import Plugins
from earwitness.types import Audio
from support import sounds, whisper
from support.colours import MODEL, Colours

CLIP = whisper.RECORDINGS / "12_en_three_sentences.wav"


@pytest.fixture
def own(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """A kit that tells voices apart by their colour."""
    return told(kit, monkeypatch, Colours())


def told(kit: Kit, monkeypatch: pytest.MonkeyPatch, diarizer: Diarizer) -> Kit:
    """A kit with some diarizer."""
    monkeypatch.setattr(kit, "diarizer", lambda name="auto": diarizer)
    return kit


def test_a_clip_gives_a_voice_of_length_one(own: Kit) -> None:
    found = reference.voiceprint(CLIP, own, "three")
    assert np.linalg.norm(found.embedding) == pytest.approx(1)
    assert (found.model, found.origin) == (MODEL, "three")
    assert 2 < found.speech_s < 20


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        (b"Dear diary", NotAudio, "not a recording"),
        (sounds.wav(np.zeros(0, np.float32)), EmptyAudio, "no sound"),
        (sounds.wav(sounds.silence(5)), BadInput, "nobody speaks"),
        (sounds.wav(sounds.silence(0.01)), BadInput, "nobody speaks"),
        (sounds.wav(sounds.noise(5)), BadInput, "nobody speaks"),
        (sounds.wav(sounds.silence(301)), BadInput, "longer than 5 minutes"),
    ],
    ids=["text", "empty", "silent", "tiny", "noise", "long"],
)
def test_what_gives_no_voice_says_why(own: Kit, source: bytes, error: type[BadInput], said: str) -> None:
    with pytest.raises(error, match=said):
        reference.voiceprint(source, own)


def test_too_little_speech_says_how_much_is_needed(own: Kit) -> None:
    short = decode.decode(CLIP, to_s=1.2).samples
    with pytest.raises(BadInput, match=r"has [01]\.\d s of speech, and 2 s are needed"):
        reference.voiceprint(sounds.wav(short), own)


def test_a_second_voice_is_told(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="more than one person"):
        reference.voiceprint(CLIP, told(kit, monkeypatch, Colours(crowd=2)))


def test_a_voice_that_the_diarizer_can_not_tell_is_no_voice(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Colours):
        @override
        def voice(self, audio: Audio) -> None:
            return None

    with pytest.raises(BadInput, match="can't be told"):
        reference.voiceprint(CLIP, told(kit, monkeypatch, Deaf()))


def test_without_a_part_that_tells_voices_apart_it_says_so(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Plugins[PartSpec[Any]]("earwitness.nothing")
    monkeypatch.setattr(kit, "diarizers", Diarizers(none, kit.settings.models_folder))
    with pytest.raises(Missing, match="speakers can't be told apart"):
        reference.voiceprint(CLIP, kit)
