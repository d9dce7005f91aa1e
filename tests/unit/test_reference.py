"""From a reference clip to a voiceprint, and why some clips make none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from earwitness import batch, reference
from earwitness.archive import likeness
from earwitness.audio import decode
from earwitness.diarizers import Diarizers
from earwitness.errors import BadInput, EarwitnessError, EmptyAudio, Missing, NotAudio, Unsupported
from earwitness.kit import Kit
from earwitness.parts import Diarizer, PartSpec
from earwitness.plugins import Plugins
from earwitness.stages.recipe import Recipe
from earwitness.types import Audio, Provenance, Speaker, Transcript
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


def test_a_speaker_of_a_conversation_is_whom_a_clip_of_them_is(kit: Kit, sample: Path) -> None:
    talk, embeds = decode.decode(sample), kit.diarizer().embeds
    found = batch.speakers(sample, Recipe(diarizing=reference.TOLD_APART), kit)
    voices = {s: reference.of_speaker(found, s, embeds) for s in ("S1", "S2")}
    lines = {"S1": (4.0, 8.0), "S2": (8.5, 12.0)}  # where each of them says a sentence
    for speaker, (start_s, end_s) in lines.items():
        clip = talk.samples[round(start_s * 16_000) : round(end_s * 16_000)]
        said = reference.voiceprint(sounds.wav(clip), kit)
        scores = {s: float(np.dot(said.embedding, v.embedding)) for s, v in voices.items()}
        assert max(scores, key=scores.__getitem__) == speaker
        assert scores[speaker] > likeness.TIERS.auto


@pytest.mark.parametrize(
    ("speakers", "error", "said"),
    [
        ((), BadInput, "no speaker 'S1': nobody speaks in it"),
        ((Speaker("S2", 9.0, voice=(1.0,)),), BadInput, "no speaker 'S1': there are S2"),
        ((Speaker("S1", 1.9, voice=(1.0,)),), BadInput, "S1 speaks for 1.9 s"),
        ((Speaker("S1", 9.0),), Unsupported, "makes no voiceprints"),
    ],
)
def test_a_speaker_who_gives_no_voice_says_why(
    speakers: tuple[Speaker, ...], error: type[EarwitnessError], said: str
) -> None:
    found = Transcript((), 9.0, None, "transcribe", Provenance("0", "", "", "", {}), speakers=speakers)
    with pytest.raises(error, match=said):
        reference.of_speaker(found, "S1", MODEL)


def test_a_speaker_who_was_mixed_up_with_another_is_whom_most_of_it_is(kit: Kit, sample: Path) -> None:
    stretches = [(8.5, 12.0), (4.0, 8.0), (9.0, 11.0)]  # Nell, Nagg by mistake, Nell
    only = reference.out_of([stretches[0]], [(sample, 0.0, None)], kit)
    mixed = reference.out_of([stretches[0], (5.0, 6.6), stretches[2]], [(sample, 0.0, None)], kit, "mixed")
    assert np.dot(only.embedding, mixed.embedding) > 0.8
    assert mixed.speech_s < 7.1
    with pytest.raises(BadInput, match="more than one person"):
        reference.out_of(stretches, [(sample, 0.0, None)], kit)


def test_without_a_part_that_tells_voices_apart_it_says_so(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Plugins[PartSpec[Any]]("earwitness.nothing")
    monkeypatch.setattr(kit, "diarizers", Diarizers(none, kit.settings.models_folder))
    with pytest.raises(Missing, match="speakers can't be told apart"):
        reference.voiceprint(CLIP, kit)
