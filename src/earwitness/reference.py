"""Reference clips: one becomes the voiceprint of a person, or the voice of a speaker who is known to one request.

A speaker who was told apart from others in a recording may become a voiceprint, too.

An error says why it can't.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from earwitness.archive.likeness import ENOUGH_S
from earwitness.archive.person import Voiceprint
from earwitness.audio import decode, timebase
from earwitness.audio.container import Source
from earwitness.errors import BadInput, NotFound, Unsupported
from earwitness.kit import Kit
from earwitness.parts import Crowd, Diarizer, Vad
from earwitness.stages.recipe import Diarizing, Known
from earwitness.types import Audio, Transcript

Stretch = tuple[float, float]
"""From when to when, in seconds of the recording."""

Held = tuple[Path, float, float | None]
"""A file, and from when to when it holds a recording; None is its end."""

LEAST_S, MOST_S = 2.0, 300.0
"""Speech that a clip needs, and how long it may be."""

SPEECH = 0.5
"""Probability from which on a frame counts as speech."""

OTHER_S, OTHER_SHARE = 1.5, 0.15
"""A second voice with so much speech, and such a share of all, is no cough and no echo."""

MIXED_SHARE = 1 / 3
"""The share of other voices that is left out where a recording's speakers were told apart, who may be mixed up."""


LEAST_VOICE_S = 1.0
"""Less speech than this in the ears of a diarizer makes no voice there."""

SHORTEST_S, LONGEST_S = 2.0, 60.0
"""How long a clip may be."""

SLACK_S = 0.05
"""Codecs add and take this much at the edges."""


def voiceprint(source: Source, kit: Kit, origin: str = "") -> Voiceprint:
    """The voice of the one person in a clip.

    Raises BadInput for a clip that is too long, silent, has less than `LEAST_S` of speech or a second voice in it, what
    decoding raises, and Missing where no part tells voices apart.
    """
    audio = decode.decode(source, to_s=MOST_S + 1)
    if audio.duration_s > MOST_S:
        raise BadInput(
            f"the clip is longer than {MOST_S / 60:g} minutes", remedy="Cut out a stretch where only they speak."
        )
    return _voiceprint(audio, kit, origin)


def out_of(stretches: Sequence[Stretch], files: Sequence[Held], kit: Kit, origin: str = "") -> Voiceprint:
    """The voice of a person who speaks in some stretches of a recording, the longest of which are heard.

    What others say there, by mistake, is left out where it is less than a third. `files` hold the sound.

    Raises NotFound where none of it is there, and what `voiceprint` raises.
    """
    chosen, much_s = list[Stretch](), 0.0
    for start_s, end_s in sorted(stretches, key=lambda s: s[0] - s[1]):
        if much_s < ENOUGH_S:
            chosen.append((start_s, min(end_s, start_s + ENOUGH_S)))
            much_s += end_s - start_s
    pieces = [
        decode.decode(path, from_s=max(0.0, start_s - first_s), to_s=end_s - first_s).samples
        for start_s, end_s in sorted(chosen)
        for path, first_s, last_s in files
        if first_s < end_s and (last_s is None or start_s < last_s)
    ]
    if not pieces:
        raise NotFound(
            "no sound of what they say is kept", remedy="Enrol them from a clip, or from the recording itself."
        )
    return _voiceprint(Audio(np.concatenate(pieces)), kit, origin, MIXED_SHARE)


def _voiceprint(audio: Audio, kit: Kit, origin: str, others: float = OTHER_SHARE) -> Voiceprint:
    heard_s = speech_s(audio, kit.vad)
    if heard_s == 0:
        raise BadInput("nobody speaks in the clip", remedy="Give one in which the person can be heard.")
    if heard_s < LEAST_S:
        raise BadInput(
            f"the clip has {heard_s:.1f} s of speech, and {LEAST_S:g} s are needed",
            remedy="Give a longer clip; 10 to 30 s of speech are best.",
        )
    diarizer = kit.diarizer()  # so late that a bad clip loads nothing
    embedding, share = _voice(audio, diarizer, others)
    if embedding is None:
        raise BadInput(
            "the voice in the clip can't be told from it", remedy="Give a longer clip with less noise and music."
        )
    return Voiceprint(embedding, diarizer.embeds, round(share * heard_s, 2), origin)


TOLD_APART = Diarizing(people=False, voices=True)
"""How speakers are told apart of whom one is to be known."""


def of_speaker(found: Transcript, speaker: str, model: str, origin: str = "") -> Voiceprint:
    """The voice of a speaker of a recording, by id. Speakers were `TOLD_APART`, and embedded by `model`.

    Raises BadInput for one who is not there, or says too little; Unsupported where the part makes no embeddings.
    """
    there = {s.id: s for s in found.speakers}
    if speaker not in there:
        known = f"there are {', '.join(there)}" if there else "nobody speaks in it"
        raise BadInput(f"the recording has no speaker {speaker[:40]!r}: {known}", param="speaker")
    one = there[speaker]
    if one.speech_s < LEAST_S:
        raise BadInput(
            f"{speaker} speaks for {one.speech_s:.1f} s, and {LEAST_S:g} s are needed",
            remedy="Take a recording in which they say more; 10 to 30 s of speech are best.",
            param="speaker",
        )
    if not one.voice:
        raise Unsupported(
            f"what tells the speakers apart here ({found.provenance.methods.get('speakers', '')}) makes no voiceprints",
            remedy="`earwitness doctor` shows which diarizers can be used; the embedded one makes some.",
        )
    return Voiceprint(one.voice, model, round(one.speech_s, 2), origin)


def acquaint(name: str, clip: Source, diarizer: Diarizer, *, longest_s: float = LONGEST_S) -> Known:
    """The voice in a clip, in which that person speaks and nobody else.

    Raises BadInput where the clip is no recording, too short, too long, or has too little speech in it; NotFound and
    StorageFailed for a file that can't be read.
    """
    try:
        audio = decode.decode(clip, to_s=longest_s + 1.0)
    except BadInput as error:
        raise BadInput(f"the clip of {name} can't be heard: {error.message}", remedy=error.remedy) from error
    if not SHORTEST_S - SLACK_S <= audio.duration_s <= longest_s + SLACK_S:
        much = f"{audio.duration_s:.1f} s long" if audio.duration_s <= longest_s else f"over {longest_s:g} s long"
        raise BadInput(
            f"the clip of {name} is {much}",
            remedy=f"Give {SHORTEST_S:g} to {longest_s:g} s in which nobody else speaks.",
        )
    voice = diarizer.voice(audio)
    if voice is None:
        raise BadInput(
            f"there is too little speech in the clip of {name}",
            remedy="Give a clip in which they speak for 2 s or more.",
        )
    return Known(name, voice)


def speech_s(audio: Audio, vad: Vad) -> float:
    """Seconds of speech in some sound, by the frames of the detector."""
    whole = len(audio.samples) // vad.frame * vad.frame
    if not whole:
        return 0.0
    probabilities, _ = vad.probabilities(audio.samples[:whole], vad.begin())
    return timebase.seconds(int((probabilities >= SPEECH).sum()) * vad.frame)


def _voice(audio: Audio, diarizer: Diarizer, others: float) -> tuple[tuple[float, ...] | None, float]:
    """The voice of the person in a clip, which is heard once, and their share of the speech.

    Raises BadInput where a second voice has the share `others` of it.
    """
    hearing = diarizer.begin()
    hearing.hear(audio)
    found = sorted(hearing.tell(Crowd()).speakers, key=lambda s: -s.speech_s)
    speech_s = sum(s.speech_s for s in found)
    if len(found) > 1 and found[1].speech_s >= max(OTHER_S, OTHER_SHARE * speech_s):
        if found[1].speech_s >= others * speech_s:
            raise BadInput(
                f"more than one person speaks in the clip: the second for {found[1].speech_s:.1f} s",
                remedy="Cut out a stretch where only one of them speaks.",
            )
        return found[0].voice or None, found[0].speech_s / speech_s
    one = hearing.tell(Crowd(count=1)).speakers
    told = one[0].voice if one and one[0].speech_s >= LEAST_VOICE_S else ()
    return told or diarizer.voice(audio), 1.0
