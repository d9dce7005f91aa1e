"""The Whispers that most people mean: their names, where they are, how large they are and under which licence.

Source: the model cards and file lists of the repositories on huggingface.co. Licences are those of the repositories.
Checksums are not kept here: the hub tells them with each file, and they are compared when it comes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

ENGLISH, MANY, MORE = 1, 99, 100
"""Languages: English alone, those of the first models, and Cantonese too since large-v3."""

APACHE, MIT = "apache-2.0", "mit"
DECORATED = re.compile(r"^(?:faster-)?(?P<name>.+?)(?:-ct2|-ctranslate2)?$")


@dataclass(frozen=True, slots=True)
class Known:
    """One model on the hub.

    `parameters` are in millions, `size` of the fetched weights in megabytes; 0 where nobody looked. `aliases` are other
    names that people type.
    """

    name: str
    repository: str
    languages: int
    parameters: int
    size: int
    licence: str
    aliases: tuple[str, ...] = ()


def _openai(size: str, languages: int, parameters: int, megabytes: int, licence: str, *aliases: str) -> Known:
    return Known(
        f"whisper-{size}", f"openai/whisper-{size}", languages, parameters, megabytes, licence, (size, *aliases)
    )


def _distilled(name: str, languages: int, parameters: int, megabytes: int, *aliases: str) -> Known:
    called = (f"distil-whisper-{name.removeprefix('distil-')}", f"whisper-{name}", *aliases)
    return Known(name, f"distil-whisper/{name}", languages, parameters, megabytes, MIT, called)


KNOWN = (
    _openai("tiny", MANY, 39, 151, APACHE),
    _openai("tiny.en", ENGLISH, 39, 151, APACHE),
    _openai("base", MANY, 74, 290, APACHE),
    _openai("base.en", ENGLISH, 74, 290, APACHE),
    _openai("small", MANY, 244, 967, APACHE),
    _openai("small.en", ENGLISH, 244, 967, APACHE),
    _openai("medium", MANY, 769, 3056, APACHE),
    _openai("medium.en", ENGLISH, 769, 3056, APACHE),
    _openai("large", MANY, 1550, 6174, APACHE, "large-v1", "whisper-large-v1"),
    _openai("large-v2", MANY, 1550, 6174, APACHE),
    _openai("large-v3", MORE, 1550, 3087, APACHE),
    _openai("large-v3-turbo", MORE, 809, 1618, MIT, "turbo", "whisper-turbo", "openai/whisper-turbo"),
    _distilled("distil-small.en", ENGLISH, 166, 332),
    _distilled("distil-medium.en", ENGLISH, 394, 789),
    _distilled("distil-large-v2", ENGLISH, 756, 1513),
    _distilled("distil-large-v3", ENGLISH, 756, 1513),
    _distilled("distil-large-v3.5", ENGLISH, 756, 0),
)


def find(name: str) -> Known | None:
    """A known model by its name, repository or an alias; capitals aside."""
    wanted = name.strip().lower()
    return next((k for k in KNOWN if wanted in (k.name, k.repository, *k.aliases)), None)


def plain(name: str) -> str:
    """The name of a model by that of its repository, folder or file, as far as it is a known one's."""
    lowered = name.lower()
    bare = DECORATED.fullmatch(lowered)
    found = find(bare["name"]) if bare else None
    return found.name if found else lowered


def names() -> tuple[str, ...]:
    """All names that lead to a known model."""
    return tuple(name for k in KNOWN for name in (k.name, *k.aliases))


def near(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that look like what somebody may have meant, the likeliest first."""
    return tuple(get_close_matches(name.strip().lower(), tuple(names), 3, 0.75))
