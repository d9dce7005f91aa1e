"""OpenAI's `diarized_json`: segments with their speakers, who are called by name, or A, B and so on.

Source: the types of openai-python (TranscriptionDiarized, TranscriptionDiarizedSegment).
"""

import json
from collections.abc import Iterator

from earwitness.export import labels
from earwitness.types import Json, Transcript


def body(transcript: Transcript) -> dict[str, Json]:
    """The object of the answer."""
    return {
        "task": transcript.task,
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
        "segments": list(segments(transcript)),
        "usage": {"type": "duration", "seconds": round(transcript.duration_s)},
    }


def segments(transcript: Transcript) -> Iterator[dict[str, Json]]:
    """The elements of `segments`, which are the events of a stream too."""
    called = labels.letters(transcript)
    for number, s in enumerate(transcript.segments, 1):
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03d}",
            "start": round(s.start_s, 3),
            "end": round(s.end_s, 3),
            "text": s.text,
            "speaker": called.get(s.speaker or "", labels.UNKNOWN),
        }


def dumps(transcript: Transcript) -> str:
    """The object as JSON text."""
    return json.dumps(body(transcript), ensure_ascii=False, indent=2) + "\n"
