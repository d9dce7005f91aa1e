"""Reference clips: one becomes the voiceprint of a person, or the voice of a speaker who is known to one request.

An error says why it can't.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earwitness.archive.person import Voiceprint
from earwitness.audio import decode, timebase
from earwitness.audio.container import Source
from earwitness.errors import BadInput, NotFound
from earwitness.kit import Kit
from earwitness.parts import Crowd, Diarizer, Vad
from earwitness.stages.recipe import Known
from earwitness.types import Audio, Samples

LEAST_S, MOST_S = 2.0, 300.0
"""Speech that a clip needs, and how long it may be."""

SPEECH = 0.5
"""Probability from which on a frame counts as speech."""

OTHER_S, OTHER_SHARE = 1.5, 0.15
"""A second voice with so much speech, and such a share of all, is no cough and no echo."""


LEAST_VOICE_S = 1.0
"""Less speech than this in the ears of a diarizer makes no voice there."""

SHORTEST_S, LONGEST_S = 2.0, 60.0
"""How long a clip may be."""

SLACK_S = 0.05
"""Codecs add and take this much at the edges."""

CLEAR_S, ENOUGH_S = 1.5, 30.0
"""Of a speaker in a recording: stretches that are shorter are left out, and so much is heard."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A file, and the stretch of a recording that it holds; None is its end."""

    path: Path
    start_s: float
    end_s: float | None


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
    return _print(audio, kit, origin)


def spoken(sound: Sequence[Sound], spans: Sequence[tuple[float, float]], kit: Kit, origin: str = "") -> Voiceprint:
    """The voice of who speaks in some stretches of a recording, in order; the first that are long enough are heard.

    Raises NotFound where there is no sound of them, and what `voiceprint` raises.
    """
    chosen, total_s = list[tuple[float, float]](), 0.0
    for start_s, end_s in spans:
        if end_s - start_s >= CLEAR_S and total_s < ENOUGH_S:
            chosen.append((start_s, min(end_s, start_s + ENOUGH_S - total_s)))
            total_s += chosen[-1][1] - start_s
    heard = list[Samples]()
    for one in sound:
        within = [(a, b) for a, b in chosen if one.start_s <= a and (one.end_s is None or b <= one.end_s + SLACK_S)]
        if not within or not one.path.is_file():
            continue
        low = within[0][0] - one.start_s
        for block in decode.stream(one.path, from_s=low, to_s=within[-1][1] - one.start_s):
            for a, b in within:
                first, last = (timebase.samples(at - one.start_s) - block.start for at in (a, b))
                heard.append(block.samples[max(0, first) : max(0, last)])
    if not sum(map(len, heard)):
        raise NotFound("no sound is kept of what they say", remedy="Keep the sound of recordings (keep_audio).")
    return _print(Audio(np.concatenate(heard), 0), kit, origin)


def _print(audio: Audio, kit: Kit, origin: str) -> Voiceprint:
    heard_s = speech_s(audio, kit.vad)
    if heard_s == 0:
        raise BadInput("nobody speaks in the clip", remedy="Give one in which the person can be heard.")
    if heard_s < LEAST_S:
        raise BadInput(
            f"the clip has {heard_s:.1f} s of speech, and {LEAST_S:g} s are needed",
            remedy="Give a longer clip; 10 to 30 s of speech are best.",
        )
    diarizer = kit.diarizer()  # so late that a bad clip loads nothing
    embedding = _voice(audio, diarizer)
    if embedding is None:
        raise BadInput(
            "the voice in the clip can't be told from it", remedy="Give a longer clip with less noise and music."
        )
    return Voiceprint(embedding, diarizer.embeds, round(heard_s, 2), origin)


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


def _voice(audio: Audio, diarizer: Diarizer) -> tuple[float, ...] | None:
    """The voice of the only person in a clip, which is heard once. Raises BadInput where a second voice is heard."""
    hearing = diarizer.begin()
    hearing.hear(audio)
    found = sorted((s.speech_s for s in hearing.tell(Crowd()).speakers), reverse=True)
    if len(found) > 1 and found[1] >= max(OTHER_S, OTHER_SHARE * sum(found)):
        raise BadInput(
            f"more than one person speaks in the clip: the second for {found[1]:.1f} s",
            remedy="Cut out a stretch where only one of them speaks.",
        )
    one = hearing.tell(Crowd(count=1)).speakers
    told = one[0].voice if one and one[0].speech_s >= LEAST_VOICE_S else ()
    return told or diarizer.voice(audio)
