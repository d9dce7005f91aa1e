"""Known speakers: a clip of a person becomes a voice that speakers are compared with. Knows no model."""

from earwitness.audio import decode
from earwitness.audio.container import Source
from earwitness.errors import BadInput
from earwitness.parts import Diarizer
from earwitness.stages.recipe import Known

SHORTEST_S, LONGEST_S = 2.0, 60.0
"""How long a clip may be."""

SLACK_S = 0.05
"""Codecs add and take this much at the edges."""


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
