"""What Deepgram's two doors share: its query becomes a Recipe, segments become its words. Nothing is run here.

A parameter that is not understood is an error; one without effect is a warning in the metadata, but for those whose
neglect would do harm (`redact`, `callback`), which are refused. Source: the types of deepgram-sdk 7.17
(ListenV1Results, ListenV1Response, the parameters of `listen.v1.connect` and `listen.v1.media.transcribe_file`).
"""

import math
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from earwitness.__about__ import __version__
from earwitness.api.wishes import FALSE, TRUE, Form
from earwitness.audio.pcm import MOST_CHANNELS, Wire
from earwitness.errors import BadInput, UnknownModel, Unsupported
from earwitness.models.catalog import Catalog
from earwitness.spread import timed_words
from earwitness.stages.recipe import OFF, Captioning, Diarizing, Recipe, language_code
from earwitness.types import Ask, Json, Segment, Word

CONTAINER = "container"
RAW = {"linear16": "s16le", "linear32": "f32le", "mulaw": "mulaw", "alaw": "alaw"}
CONTAINED = ("flac", "opus", "ogg-opus", "amr-nb", "amr-wb")
"""Encodings that come with headers of their own, as sound does of which no encoding is named."""

TELEPHONE = {"mulaw": 8_000, "alaw": 8_000}
"""Rates that go without saying."""

THEIRS = re.compile(
    r"(nova|enhanced|base|flux)(-[a-z0-9-]+)?|general|meeting|phonecall|finance|conversationalai|voicemail|video"
    r"|medical|drivethru|automotive|custom"
)
"""Models of Deepgram's: where this installation knows none of that name, its own default is meant."""

LEAST_ENDPOINT_S = 0.1
SATISFIED = {"no_delay", "mip_opt_out", "callback_method"}
"""What a client may ask for and has anyway."""

REFUSED = {
    "redact": "nothing is redacted here, and what should be would be in the answer",
    "callback": "this server sends answers to nobody but who asked",
}

Query = Mapping[str, list[str]]
Message = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client wants: the work, how its sound lies on the wire, and what it is told."""

    recipe: Recipe
    encoding: str = CONTAINER
    rate: int = 16_000
    channels: int | None = None
    multichannel: bool = False
    languages: bool = False
    """Whether the language is to be found out and told."""
    tags: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    """Parameters without effect, and why."""
    interim: bool = False
    endpoints: bool = True
    utterance_end_s: float | None = None
    vad_events: bool = False
    paragraphs: bool = False
    utterances: bool = False
    utt_split_s: float = 0.8

    @property
    def heard(self) -> int:
        """Channels that are heard each for itself."""
        return (self.channels or 1) if self.multichannel else 1

    @property
    def diarize(self) -> bool:
        return self.recipe.diarizing != Diarizing(OFF)


def live(query: Query, catalog: Catalog) -> Asked:
    """What the query of a socket asks for. Raises BadInput, Unsupported and UnknownModel."""
    form = Form(query)
    asked = _common(form, catalog)
    endpoint_s, endpoints, warned = _endpoint(form.one("endpointing"))
    form.flag("smart_format")  # marks and capitals are there anyway
    interim, end_ms = form.flag("interim_results"), form.number("utterance_end_ms", 100, 60_000)
    asked = replace(
        asked,
        recipe=replace(asked.recipe, captioning=Captioning(endpoint_s, interim)),
        interim=interim,
        endpoints=endpoints,
        utterance_end_s=None if end_ms is None else end_ms / 1000,
        vad_events=form.flag("vad_events"),
        warnings=asked.warnings + warned,
    )
    if asked.multichannel and asked.channels is None:
        raise BadInput("multichannel wants to know how many", remedy="Say channels=2, or how many.", param="channels")
    return _told(asked, form, query)


def recorded(query: Query, catalog: Catalog) -> Asked:
    """What the query that comes with a recording asks for. Raises BadInput, Unsupported and UnknownModel."""
    form = Form(query)
    asked = _common(form, catalog)
    split_s = form.number("utt_split", 0.0, 60.0)
    asked = replace(
        asked,
        paragraphs=any([form.flag("paragraphs"), form.flag("smart_format")]),
        utterances=form.flag("utterances"),
        utt_split_s=0.8 if split_s is None else split_s,
    )
    return _told(asked, form, query)


def _common(form: Form, catalog: Catalog) -> Asked:
    for name, why in REFUSED.items():
        if any(value.lower() not in FALSE for value in form.many(name)):
            raise Unsupported(f"{name}: {why}", param=name)
    warnings = list[tuple[str, str]]()
    if form.one("punctuate") in FALSE:
        warnings.append(("punctuate", "the text has the marks that the model gives it"))
    if (version := form.one("version")) not in {None, "latest"}:
        warnings.append(("version", f"there is one version of a model, and not {str(version)[:40]!r}"))
    diarize = form.flag("diarize") or form.one("diarize_model") not in {None, *FALSE}
    ask, languages = _ask(form)
    encoding, rate = _wire(form)
    recipe = Recipe(
        model=_model(form.one("model"), catalog),
        ask=ask,
        aligner="auto",
        diarizing=Diarizing(people=False) if diarize else Diarizing(OFF),
    )
    channels = form.whole("channels", 1, MOST_CHANNELS)
    if encoding != CONTAINER:
        Wire(encoding, rate, channels := channels or 1)
    return Asked(
        recipe,
        encoding,
        rate,
        channels,
        multichannel=form.flag("multichannel"),
        languages=languages,
        tags=form.many("tag"),
        extra=form.many("extra"),
        warnings=tuple(warnings),
    )


def _ask(form: Form) -> tuple[Ask, bool]:
    """What is asked of the engine, and whether the language is to be told."""
    given, detect = form.one("language"), form.many("detect_language")
    codes = [v for v in detect if v.lower() not in TRUE + FALSE]
    multi = (given or "").lower() == "multi"
    asked_for = multi or bool(codes) or any(v.lower() in TRUE for v in detect)
    language = None if asked_for else language_code(given)
    among = tuple(c for c in map(language_code, (*codes, *form.many("language_hint"))) if c)
    terms = (*form.many("keyterm"), *(re.sub(r":-?[\d.]+$", "", word) for word in form.many("keywords")))
    ask = Ask(language=language, languages=among, hotwords=terms, word_times=True)
    return replace(ask, optional=ask.optional | {"word_times"}), asked_for


def _model(name: str | None, catalog: Catalog) -> str:
    """The name of a model that is here. Raises UnknownModel."""
    try:
        catalog.find(name or "default")
    except UnknownModel:
        if name is None or not THEIRS.fullmatch(name.strip().lower()):
            raise
        return "default"
    return name or "default"


def _wire(form: Form) -> tuple[str, int]:
    """The encoding and rate of the sound. Raises BadInput."""
    given, rate = (form.one("encoding") or "").lower(), form.whole("sample_rate", 1, 1_000_000)
    if not given or given in CONTAINED:
        return CONTAINER, rate or 16_000
    if given not in RAW:
        known = ", ".join((*RAW, *CONTAINED))
        raise BadInput(f"the encoding {given[:20]!r} is not read here", remedy=f"Send {known}.", param="encoding")
    rate = rate or TELEPHONE.get(given)
    if rate is None:
        raise BadInput(f"{given} wants a sample_rate", remedy="Say sample_rate=16000, or what it is.", param="encoding")
    return RAW[given], rate


def _endpoint(given: str | None) -> tuple[float, bool, tuple[tuple[str, str], ...]]:
    """Silence that ends an utterance in seconds, whether ends are told, and what is warned of."""
    usual = Captioning().endpoint_s
    if given is None or given.lower() == "true":
        return usual, True, ()
    if given.lower() in {"false", "0"}:
        return usual, False, ()
    wanted_s = (Form({"endpointing": [given]}).number("endpointing", 0, 10_000) or 0.0) / 1000
    if wanted_s < LEAST_ENDPOINT_S:
        return LEAST_ENDPOINT_S, True, (("endpointing", f"it is {LEAST_ENDPOINT_S * 1000:.0f} ms, the least here"),)
    return wanted_s, True, ()


def _told(asked: Asked, form: Form, query: Query) -> Asked:
    """With a warning for each parameter that nobody asked for, unless it asks for nothing."""
    left = (
        n for n in form.left_over() if n not in SATISFIED and any(v.lower() not in FALSE for v in query.get(n, "?"))
    )
    return replace(asked, warnings=asked.warnings + tuple((name, "it has no effect here") for name in left))


# ── what is told ──
def warnings(found: Iterable[tuple[str, str]]) -> list[Json]:
    """Warnings as Deepgram's metadata has them."""
    return [{"parameter": name, "type": "not_honoured", "message": why} for name, why in found]


def model_info(name: str, arch: str) -> tuple[str, Message]:
    """The id of a model, and what is told of it."""
    ident = str(uuid.uuid5(uuid.NAMESPACE_URL, f"earwitness:{name}"))
    return ident, {"name": name, "version": __version__, "arch": arch}


def alternative(segments: Sequence[Segment], *, speakers: bool, languages: bool) -> Message:
    """The text of some segments with its words; without a segment, no text."""
    said = [(w, s) for s in segments for w in timed_words(s)]
    found: Message = {
        "transcript": " ".join(s.text for s in segments),
        "confidence": confidence(said),
        "words": [word(*each, speakers=speakers, languages=languages) for each in said],
    }
    if languages:
        spoken = [code for _, s in said if (code := s.language)]
        found["languages"] = list[Json]([code for code, _ in Counter(spoken).most_common()])
    return found


def word(given: Word, segment: Segment, *, speakers: bool, languages: bool) -> Message:
    """A word: bare in small letters, and as it is printed. Its confidence is 0 where the model tells none."""
    found: Message = {
        "word": bare(given.text),
        "start": round(given.start_s, 3),
        "end": round(given.end_s, 3),
        "confidence": round(_sure(given, segment), 4),
        "punctuated_word": given.text,
    }
    number = speaker(given.speaker or segment.speaker)
    if speakers and number is not None:
        found["speaker"] = number
    if languages and segment.language:
        found["language"] = segment.language
    return found


def bare(text: str) -> str:
    """A printed word without marks, in small letters."""
    return re.sub(r"^[^\w]+|[^\w]+$", "", text).lower() or text.lower()


def speaker(ident: str | None) -> int | None:
    """The number of a speaker, from 0."""
    found = re.fullmatch(r"S(\d+)", ident or "")
    return int(found[1]) - 1 if found else None


def confidence(said: Sequence[tuple[Word, Segment]]) -> float:
    """Mean of the words'; 0 without words."""
    return round(sum(_sure(*each) for each in said) / len(said), 4) if said else 0.0


def _sure(given: Word, segment: Segment) -> float:
    known = next((c for c in (given.confidence, segment.confidence) if c is not None), None)
    if known is None:
        known = 0.0 if segment.avg_logprob is None else math.exp(min(0.0, segment.avg_logprob))
    return min(1.0, max(0.0, known))
