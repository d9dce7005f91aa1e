"""The recipe: what is done with a recording, as one frozen value that is stored with every result.

Made by the doors, read by `batch`, kept in the provenance. Knows nothing of machines, files or formats.
"""

import re
from dataclasses import asdict, dataclass, field, replace

from earwitness.errors import BadInput
from earwitness.parts import Crowd
from earwitness.stages.guard import Guarding
from earwitness.stages.speech import Listening
from earwitness.types import Ask, Json

AUTO, OFF = "auto", "off"
"""The preferred part for a job, and none."""

MOST_WATCHED, LONGEST_WATCHED = 200, 100
"""Phrases, and letters of each, that a live session watches for."""

CHANNELS = "channels"
"""The `part` of Diarizing for which each channel is one speaker."""

ON, NOT_ON = frozenset("auto on true yes y 1".split()), frozenset("off false no n 0 none".split())
PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """A speaker that the caller knows, by the embedding of a reference clip."""

    name: str
    voice: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Diarizing:
    """How speakers are told apart."""

    part: str = "auto"
    """The part that does it, or several with commas, which vote; `auto` takes the embedded one, or the first that
    loads, `ensemble` all that can be used, and `channels` none: each channel is one speaker.

    `off` tells nobody apart, whatever the installation does by itself.
    """
    crowd: Crowd = field(default_factory=Crowd)
    known: tuple[Known, ...] = ()
    people: bool = True
    """Name speakers by the people whose voices are known here."""
    voices: bool = False
    """Keep the speakers' embeddings in the transcript."""


@dataclass(frozen=True, slots=True)
class Captioning:
    """How a live session shows what is being said. All times in seconds."""

    endpoint_s: float = 0.5
    """Silence that ends an utterance."""
    drafts: bool = True
    """Whether the text of an open utterance is shown before it is final."""
    cadence_s: float = 0.4
    """New sound between two drafts, at least."""
    watch: tuple[str, ...] = ()
    """Phrases whose places are told."""
    relief: str | None = None
    """A smaller model for final text that would come late; it is loaded with the session, and its text is marked."""
    most_lag_s: float = 10.0
    """Text that would come later than this after its utterance is given up, and marked as a gap."""
    keep: bool | None = None
    """Whether the session is stored in the archive; None leaves it to the installation."""
    keep_audio: bool | None = None
    """Whether its sound is stored with it, likewise."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.endpoint_s <= 10.0:
            raise BadInput("an utterance ends after 0.1 to 10 seconds of silence", param="endpoint")
        if len(self.watch) > MOST_WATCHED or any(not p.strip() or len(p) > LONGEST_WATCHED for p in self.watch):
            told = f"at most {MOST_WATCHED} phrases can be watched for, of 1 to {LONGEST_WATCHED} letters"
            raise BadInput(told, param="watch")
        if not 0.1 <= self.cadence_s <= 10.0:
            raise BadInput("drafts come after 0.1 to 10 seconds of new sound", param="cadence")


@dataclass(frozen=True, slots=True)
class Enhancing:
    """What is done to the sound before it is heard, and to the text after it, each by a part, `auto`, or `off`.

    None leaves it to the installation, which mostly does none of it.
    """

    separate: str | None = None
    """Voices without music."""
    denoise: str | None = None
    """Less noise."""
    gain: str | None = None
    """Speech of one loudness."""
    punctuate: str | None = None
    """Punctuation and capitals for text that came without."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which model, what is asked of it, and how speech is found, cut and judged."""

    model: str = "default"
    ask: Ask = field(default_factory=Ask)
    channel: int | None = None
    """Channel to hear, from 0; None hears the mean of all."""
    from_s: float = 0.0
    to_s: float | None = None
    listening: Listening = field(default_factory=Listening)
    guarding: Guarding = field(default_factory=Guarding)
    diarizing: Diarizing | None = None
    """How speakers are told apart; None leaves it."""
    captioning: Captioning | None = None
    """How a live session shows it; None for recordings."""
    aligner: str | None = None
    """The part that times words, if asked to; `auto` takes the engine's own times, else a part's; None no part's."""
    enhancing: Enhancing = field(default_factory=Enhancing)

    def as_json(self) -> dict[str, Json]:
        """The recipe in plain values, for the provenance; voices of known speakers only where voices are to be kept."""

        def plain(value: object) -> Json:
            if isinstance(value, dict):
                return {str(k): plain(v) for k, v in value.items()}
            if isinstance(value, (tuple, list)):
                return [plain(v) for v in value]
            if isinstance(value, frozenset):
                return [str(v) for v in sorted(value)]
            if value is None or isinstance(value, (bool, int, float, str)):
                return value
            raise TypeError(f"no plain value: {value!r}")

        who = self.diarizing
        shown = self
        if who is not None and not who.voices:
            shown = replace(self, diarizing=replace(who, known=tuple(replace(k, voice=()) for k in who.known)))
        found = plain(asdict(shown))
        assert isinstance(found, dict)
        return found


def live(recipe: Recipe, captioning: Captioning | None = None) -> Recipe:
    """The recipe for listening live: utterances end at the endpoint. A recording heard by it has the same segments."""
    how = captioning or recipe.captioning or Captioning()
    listening = replace(
        recipe.listening, join_s=how.endpoint_s, margin_s=min(recipe.listening.margin_s, how.endpoint_s)
    )
    return replace(recipe, captioning=how, listening=listening)


def language_code(given: str | None) -> str | None:
    """The ISO 639-1 code in `en`, `EN` or `en-US`; None stays None. Raises BadInput for what is none."""
    if given is None:
        return None
    code = given.strip().lower().replace("_", "-").split("-")[0]
    if not re.fullmatch(r"[a-z]{2,3}", code):
        raise BadInput(
            f"{given[:40]!r} is no language code", remedy="Give an ISO 639-1 code such as en.", param="language"
        )
    return code


def switch(given: str | None, param: str) -> str | None:
    """A field of Enhancing from on, off or the name of a part; None stays None. Raises BadInput for what is none."""
    if given is None:
        return None
    plain = given.strip().lower()
    if plain in ON | NOT_ON:
        return AUTO if plain in ON else OFF
    if not PART.fullmatch(given.strip()):
        raise BadInput(f"{param} is {given[:40]!r}, and on, off or the name of a part is expected", param=param)
    return given.strip()


def settled(recipe: Recipe, installed: Enhancing, *, speakers: bool) -> Recipe:
    """The recipe with what it leaves to the installation: what is `installed`, and whether speakers are told apart."""
    how, who = recipe.enhancing, recipe.diarizing
    enhancing = Enhancing(
        separate=how.separate or installed.separate,
        denoise=how.denoise or installed.denoise,
        gain=how.gain or installed.gain,
        punctuate=how.punctuate or installed.punctuate,
    )
    if who is None and speakers:
        return replace(recipe, enhancing=enhancing, diarizing=Diarizing(), aligner=recipe.aligner or AUTO)
    return replace(recipe, enhancing=enhancing, diarizing=None if who and who.part == OFF else who)
