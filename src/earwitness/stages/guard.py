"""Decides whether recognised text may be believed: no word that was not said is given out.

A recogniser prints something for everything: fluent English for German, "You" for a humming fridge, a phrase from the
end of a video for a trumpet. A clip's trust is the log-odds that it is intelligible speech in a language the model
knows, from three signs: how sure the decoder was, whether a second look at the same sound, from behind a different
silence, gave the same words, and how long it is. A bounded share of the recording's earlier trust is added, so that one
mumbled clip in a clear recording is kept, and one lucky clip in a foreign one is not. How speech-like the sound itself
is tells phantoms from short answers.

Models without such a confidence are judged by Whisper's own signs: the compression ratio of the text, the mean
log-probability, and the model's own probability that nobody speaks.

What is held back is never dropped in silence: the verdict has its reason, and the text stays with it. Pure functions;
know no engine. `benchmarks/gate.py` measures them and fits the weights.
"""

import math
import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from earwitness.stages import phantoms
from earwitness.stages.speech import Stretch
from earwitness.types import Segment, Suppressed, compression_ratio

SURE = 0.78
"""A clip recognised with this confidence by a well-heard voice needs no second look."""

CLEAR_VOICE = 0.75
"""Mean probability of speech above which the sound is taken for a voice."""

FAINT_VOICE = 0.5
"""Below this the sound is music or noise more often than a voice, and only a trust of `FAINT_TRUST` saves the text."""

FAINT_TRUST = 2.0

SHORTEST_PHRASE_S = 0.2
"""Nobody says "thank you" faster."""

WEIGHTS = {"logprob": 10.5, "agreement": 1.65, "log_seconds": 0.96, "bias": 4.07}
"""Logistic regression of intelligible English against foreign, synthesised and reversed speech, set so that English is
kept; `benchmarks/gate.py --fit` shows what the recordings at hand would give."""

MOST_RATIO, LEAST_LOGPROB, MOST_NO_SPEECH = 2.4, -1.0, 0.6
"""Whisper's own thresholds (arXiv 2212.04356, section 4.5)."""

LEAST_TRUST = -1.0
MEMORY = 0.5
MOST_CREDIT = 1.5

NOT_WORDS = re.compile(r"[♪♫©®]|\btranscript(ion|s)? by\b|\bsubtitles? by\b|\bcaptions? by\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guarding:
    """Which guards stand.

    `language_gate` refuses speech in a language that a single-language model does not know. It was fitted to a model
    that gives a confidence, and stands for such models only: on another scale it would refuse what was understood.
    `phantoms` holds back what is made up where nobody speaks, `repetition` what says the same again and again, and
    differs when it is looked at again. `temperatures` are tried in turn on a clip that went wrong, where the engine can
    draw by lot and the caller named no temperature. What loops went wrong; what has a mean log-probability under
    `least_logprob` too, where that is set (Whisper's own loop has -1.0; `benchmarks/tries.py` finds no gain in it).
    `resume` asks again for speech that a decoder left out.
    """

    language_gate: bool = True
    phantoms: bool = True
    repetition: bool = True
    temperatures: tuple[float, ...] = (0.2, 0.6, 1.0)
    least_logprob: float | None = None
    resume: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None for text to give out, else the code of what speaks against it."""

    reason: str | None
    trust: float


@dataclass(frozen=True, slots=True)
class Credit:
    """What the recording has earned so far: the running mean of its clips' trust; and the language spoken last."""

    trust: float = 0.0
    clips: int = 0
    language: str | None = None

    def after(self, verdict: Verdict, language: str | None = None) -> "Credit":
        """The credit with one more clip, in that language if it was given out."""
        share = 1 / min(self.clips + 1, 8)
        trust = self.trust + share * (max(-6.0, min(6.0, verdict.trust)) - self.trust)
        return Credit(trust, self.clips + 1, self.language if verdict.reason else language or self.language)

    @property
    def worth(self) -> float:
        """What it adds to the next clip's trust."""
        return max(-MOST_CREDIT, min(MOST_CREDIT, MEMORY * self.trust)) if self.clips else 0.0


NO_CREDIT = Credit()


def needs_second_look(segments: tuple[Segment, ...], stretch: Stretch) -> bool:
    """Whether the first look leaves a doubt: low confidence, a loop, few words, or an uncertain voice."""
    if not segments:
        return True
    sure = min(s.confidence if s.confidence is not None else 1.0 for s in segments)
    unclear = stretch.voice < CLEAR_VOICE or phantoms.is_saying(_text(segments))
    return unclear or sure < SURE or _looping(segments)


def derailed(kept: tuple[Segment, ...], other: tuple[Segment, ...] | None, how: Guarding) -> bool:
    """Whether a decoder lost its way: it was cut, it repeats itself, or it hardly believed what it wrote.

    Source: Radford et al., 2022 (arXiv 2212.04356), section 4.5.
    """
    known = any(s.avg_logprob is not None for s in kept)
    guessed = known and how.least_logprob is not None and _logprob(kept) < how.least_logprob
    return guessed or any(s.marks for s in kept) or _repeats(kept, other)


def better(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The look to believe: one that did not loop before one that did, then the one the decoder was surer of."""

    def rank(segments: tuple[Segment, ...]) -> tuple[bool, bool, float]:
        return bool(segments), not _looping(segments), _logprob(segments)

    return max(first, second, key=rank)


def sifted(
    kept: tuple[Segment, ...], stretch: Stretch, how: Guarding
) -> tuple[tuple[Segment, ...], tuple[Suppressed, ...]]:
    """The segments to judge, and those that are wrong by themselves: credits, and phrases where no voice is heard.

    What stands alone in its stretch is judged with it, unless it is a credit.
    """
    reasons = [_wrong_alone(s, stretch, among=len(kept)) if how.phantoms else None for s in kept]
    held = [Suppressed(s.start_s, s.end_s, why, s.text) for s, why in zip(kept, reasons, strict=True) if why]
    return tuple(s for s, why in zip(kept, reasons, strict=True) if not why), tuple(held)


def _wrong_alone(segment: Segment, stretch: Stretch, *, among: int) -> str | None:
    if phantoms.is_credit(segment.text):
        return "phantom"
    if among == 1:
        return None
    if not _words(segment.text) or NOT_WORDS.search(segment.text):
        return "not_speech"
    heard_s, voice = stretch.under(segment.start_s, segment.end_s)
    unheard = heard_s < SHORTEST_PHRASE_S or voice < CLEAR_VOICE
    return "phantom" if unheard and phantoms.is_saying(segment.text) else None


def judge(
    kept: tuple[Segment, ...],
    other: tuple[Segment, ...] | None,
    stretch: Stretch,
    credit: Credit,
    how: Guarding,
    *,
    single_language: bool,
) -> Verdict:
    """Whether `kept`, the better of two looks, may be given out; `other` is the other look, None if there was one."""
    if not kept:
        return Verdict("nothing_heard", 0.0)
    own = trust(kept, other, stretch)
    text = _words(_text(kept))
    faint = stretch.voice < CLEAR_VOICE
    if how.phantoms:
        if not text or NOT_WORDS.search(_text(kept)) or (stretch.voice < FAINT_VOICE and own < FAINT_TRUST):
            return Verdict("not_speech", own)
        if _says_nobody(kept):
            return Verdict("not_speech", own)
        if phantoms.is_saying(_text(kept)) and (faint or stretch.span.duration_s < SHORTEST_PHRASE_S):
            return Verdict("phantom", own)
    if how.repetition and _repeats(kept, other):
        return Verdict("repetition", own)
    gated = single_language and how.language_gate and all(s.confidence is not None for s in kept)
    if gated and own + credit.worth < LEAST_TRUST:
        return Verdict("not_speech" if faint else "foreign_or_unclear", own)
    return Verdict(None, own)


def trust(kept: tuple[Segment, ...], other: tuple[Segment, ...] | None, stretch: Stretch) -> float:
    """Log-odds that a clip is speech the model understands; 0 is even. `other` is None where one look was enough."""
    looks = (kept,) if other is None else (kept, other)
    signs = {
        "logprob": sum(_logprob(look) for look in looks) / len(looks),
        "agreement": 1.0 if other is None else agreement(_text(kept), _text(other)),
        "log_seconds": math.log(max(stretch.span.duration_s, 0.3)),
        "bias": 1.0,
    }
    return sum(WEIGHTS[name] * value for name, value in signs.items())


def agreement(one: str, other: str) -> float:
    """How alike two texts are, word by word, 0 to 1 (Ratcliff and Obershelp)."""
    a, b = _words(one).split(), _words(other).split()
    return SequenceMatcher(None, a, b, autojunk=False).ratio() if a or b else 1.0


def _repeats(kept: tuple[Segment, ...], other: tuple[Segment, ...] | None) -> bool:
    """Whether text says the same again and again. People do so too, and then two looks agree to the word."""
    steady = other is not None and agreement(_text(kept), _text(other)) == 1.0
    return compression_ratio(_text(kept)) > MOST_RATIO and not steady


def _looping(segments: tuple[Segment, ...]) -> bool:
    return any(s.marks for s in segments) or _repeats(segments, None)


def _says_nobody(segments: tuple[Segment, ...]) -> bool:
    """Whether the model itself says that nobody speaks, and hardly believes what it wrote all the same."""
    unsaid = all(s.no_speech_prob is not None and s.no_speech_prob > MOST_NO_SPEECH for s in segments)
    return unsaid and all(s.avg_logprob is not None for s in segments) and _logprob(segments) < LEAST_LOGPROB


def _text(segments: tuple[Segment, ...]) -> str:
    return " ".join(s.text for s in segments)


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower()))


def _logprob(segments: tuple[Segment, ...]) -> float:
    known = [(s.avg_logprob, max(1, len(s.token_ids))) for s in segments if s.avg_logprob is not None]
    weight = sum(n for _, n in known)
    return sum(p * n for p, n in known) / weight if weight else -3.0
