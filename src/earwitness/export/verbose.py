"""OpenAI's `verbose_json`, as its own clients read it, and full names of languages.

Source: the types of openai-python (TranscriptionVerbose, TranscriptionSegment, TranscriptionWord).
"""

import json
from collections.abc import Mapping

from earwitness.audio import timebase
from earwitness.export import labels
from earwitness.types import Json, Segment, Transcript, Word

LANGUAGES = {
    "af": "afrikaans", "ar": "arabic", "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "ca": "catalan",
    "cs": "czech", "cy": "welsh", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fr": "french", "gl": "galician", "he": "hebrew", "hi": "hindi",
    "hr": "croatian", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "is": "icelandic", "it": "italian",
    "ja": "japanese", "ka": "georgian", "kk": "kazakh", "ko": "korean", "lt": "lithuanian", "lv": "latvian",
    "mk": "macedonian", "mr": "marathi", "ms": "malay", "nl": "dutch", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sk": "slovak", "sl": "slovenian", "sr": "serbian",
    "sv": "swedish", "sw": "swahili", "ta": "tamil", "te": "telugu", "th": "thai", "tl": "tagalog", "tr": "turkish",
    "uk": "ukrainian", "ur": "urdu", "vi": "vietnamese", "zh": "chinese",
}  # fmt: skip
"""Full names, as the API spells them, of languages by ISO 639-1 code."""


def body(transcript: Transcript, *, words: bool = False, segments: bool = True) -> dict[str, Json]:
    """The object of a `verbose_json` answer; `words` and `segments` say which lists it holds."""
    found: dict[str, Json] = {
        "task": transcript.task,
        "language": language_name(transcript),
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
    }
    names = labels.names(transcript) if labels.told_apart(transcript) else {}
    if segments:
        found["segments"] = [segment(i, s) | _speaker(s, names) for i, s in enumerate(transcript.segments)]
    if words:
        found["words"] = [_word(w) | _speaker(w, names) for s in transcript.segments for w in s.words]
    found["usage"] = {"type": "duration", "seconds": round(transcript.duration_s)}
    return found


def segment(number: int, given: Segment) -> dict[str, Json]:
    """One element of `segments`. `seek` is the segment's start in hundredths of a second, as Whisper's frames count."""
    return {
        "id": number,
        "seek": timebase.samples(given.start_s) // 160,
        "start": round(given.start_s, 3),
        "end": round(given.end_s, 3),
        "text": given.text,
        "tokens": list(given.token_ids),
        "temperature": given.temperature,
        "avg_logprob": round(given.avg_logprob, 4) if given.avg_logprob is not None else 0.0,
        "compression_ratio": round(given.compression_ratio, 4),
        "no_speech_prob": given.no_speech_prob if given.no_speech_prob is not None else 0.0,
    }


def _word(given: Word) -> dict[str, Json]:
    return {"word": given.text, "start": round(given.start_s, 3), "end": round(given.end_s, 3)}


def _speaker(said: Segment | Word, names: Mapping[str, str]) -> dict[str, Json]:
    """Our own field: who says it, null where nobody was found; left out where speakers were not told apart."""
    return {"speaker": names.get(said.speaker or "")} if names else {}


def language_name(transcript: Transcript) -> str:
    """The full English name of the transcript's language, `unknown` where nothing was said."""
    code = "en" if transcript.task == "translate" else transcript.language
    return "unknown" if code is None else LANGUAGES.get(code, code)


def dumps(transcript: Transcript) -> str:
    """The object as JSON, with words where the transcript has them."""
    return (
        json.dumps(body(transcript, words=any(s.words for s in transcript.segments)), ensure_ascii=False, indent=2)
        + "\n"
    )
