"""Scores: what was recognised against what was really said, by whom and when. Pure functions over plain values.

A score keeps counts, so that the scores of recordings add up to the score of all of them; its rates are None where the
reference is empty. The measuring itself is that of well-known libraries, imported when they are needed.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from earwitness.errors import Missing
from earwitness.types import Json, Turn, Word

if TYPE_CHECKING:
    from pyannote.core import Annotation

WER, DER, CPWER, WORDS = "wer", "der", "cpwer", "words"
MEASURES = (WER, DER, CPWER, WORDS)

NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        WER: ("jiwer", "whisper_normalizer"),
        DER: ("pyannote.metrics",),
        CPWER: ("meeteval", "whisper_normalizer"),
        WORDS: ("jiwer", "whisper_normalizer"),
    }
)
"""The packages of each measure."""

APART = frozenset({"zh", "yue", "ja", "th", "lo", "my"})
"""Languages that are written without spaces: their characters count as words, as in Whisper's paper."""

NEAR_S, AROUND_S = 0.05, 0.1
"""Word times this far off are good, and usable."""


def check(measures: Sequence[str]) -> None:
    """Raise Missing where a package that one of the measures needs is not installed."""
    for measure in measures:
        for package in NEEDS[measure]:
            if not _there(package):
                name = package.replace("_", "-")
                raise Missing(
                    f"{measure} needs {name}",
                    remedy=f"Run: pip install 'earwitness[evaluate]', or leave {measure} out of --what.",
                )


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Wording:
    """How far a text has the words of another. `invented` are words where nobody says any; no rate counts them."""

    reference: int = 0
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    invented: int = 0

    @property
    def wrong(self) -> int:
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float | None:
        """Word error rate, 0 or more."""
        return self.wrong / self.reference if self.reference else None

    def as_json(self) -> dict[str, Json]:
        """The counts and the rate."""
        return {
            "rate": self.rate, "reference": self.reference, "substituted": self.substituted,
            "deleted": self.deleted, "inserted": self.inserted, "invented": self.invented,
        }  # fmt: skip


def wording(reference: str, heard: str, language: str | None = "en") -> Wording:
    """Word errors after Whisper's normaliser: the English one, or the plain one for other languages.

    Source: Radford et al., 2022 (arXiv 2212.04356), appendix C.
    """
    import jiwer

    normal = normaliser(language)
    said, given = normal(reference), normal(heard)
    if not said.split():
        return Wording(invented=len(given.split()))
    found = jiwer.process_words(said, given)
    return Wording(len(said.split()), found.substitutions, found.deletions, found.insertions)


def normaliser(language: str | None = "en") -> Callable[[str], str]:
    """Whisper's normaliser of texts in a language, None being English."""
    code = (language or "en").lower()
    return _normaliser("en" if code == "en" else "apart" if code in APART else "other")


@functools.cache
def _normaliser(kind: str) -> Callable[[str], str]:
    if kind == "en":
        from whisper_normalizer.english import EnglishTextNormalizer

        english: Callable[[str], str] = EnglishTextNormalizer()
        return english
    from whisper_normalizer.basic import BasicTextNormalizer

    plain: Callable[[str], str] = BasicTextNormalizer(split_letters=kind == "apart")
    return plain


def attributed(
    reference: Mapping[str, str], heard: Sequence[tuple[str | None, str]], language: str | None = "en"
) -> Wording:
    """Word errors where every speaker must say their own words (cpWER): who is who is chosen to the least errors.

    `heard` are pieces of text with their speakers, in order; what nobody is said to say counts as one more speaker's.

    Source: Watanabe et al., 2020 (arXiv 2004.09249); Neumann et al., 2023 (arXiv 2307.11394).
    """
    from meeteval.wer.wer.cp import cp_word_error_rate

    normal = normaliser(language)
    texts = dict[str, list[str]]()
    for who, text in heard:
        texts.setdefault(who or "", []).append(text)
    said = {who: normal(text) for who, text in reference.items()}
    given = {who: normal(" ".join(pieces)) for who, pieces in texts.items()}
    if not any(text.split() for text in said.values()):
        return Wording(invented=sum(len(text.split()) for text in given.values()))
    found = cp_word_error_rate(said, given, reference_sort=False, hypothesis_sort=False)
    return Wording(int(found.length), int(found.substitutions), int(found.deletions), int(found.insertions))


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Speaking:
    """How far the turns of some speakers are those of others, in seconds of speech, overlap counted for each speaker.

    `differing` sums over `speakers` of the reference how much of theirs and of their counterpart's is not in common.
    """

    speech_s: float = 0.0
    missed_s: float = 0.0
    false_s: float = 0.0
    confused_s: float = 0.0
    differing: float = 0.0
    speakers: int = 0
    recordings: int = 0
    counted: int = 0
    """Recordings in which there are as many speakers as there should be."""

    def share(self, seconds: float) -> float | None:
        """Seconds over those of the reference's speech."""
        return seconds / self.speech_s if self.speech_s else None

    @property
    def der(self) -> float | None:
        """Diarization error rate, 0 or more."""
        return self.share(self.missed_s + self.false_s + self.confused_s)

    @property
    def jer(self) -> float | None:
        """Jaccard error rate, 0 to 1."""
        return self.differing / self.speakers if self.speakers else None

    def as_json(self) -> dict[str, Json]:
        """The seconds, the counts and the rates."""
        return {
            "der": self.der, "jer": self.jer, "speech_s": self.speech_s, "missed_s": self.missed_s,
            "false_s": self.false_s, "confused_s": self.confused_s, "speakers": self.speakers,
            "recordings": self.recordings, "counted": self.counted,
        }  # fmt: skip


def speaking(
    reference: Sequence[Turn], heard: Sequence[Turn], scored: Sequence[tuple[float, float]], count: int | None = None
) -> Speaking:
    """Diarization and Jaccard error rate inside the `scored` stretches, without a collar, overlap counted.

    Turns of one speaker that lie over each other count for each of them in the first, as pyannote.metrics has it.

    `count` is how many speakers there are, where that is known otherwise than by the reference's turns.

    Source: pyannote.metrics (Bredin, 2017); JER: Ryant et al., 2019 (arXiv 1906.07839).
    """
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.base import BaseMetric
    from pyannote.metrics.diarization import DiarizationErrorRate, JaccardErrorRate

    theirs, ours = _annotation(reference), _annotation(heard)
    inside = Timeline([Segment(start, end) for start, end in scored]).support()
    parts = DiarizationErrorRate(collar=0.0, skip_overlap=False)(theirs, ours, uem=inside, detailed=True)
    jaccard: BaseMetric = JaccardErrorRate(collar=0.0, skip_overlap=False)  # type: ignore[no-untyped-call]
    shares = jaccard(theirs, ours, uem=inside, detailed=True)
    there = len({t.speaker for t in reference}) if count is None else count
    return Speaking(
        speech_s=float(parts["total"]),
        missed_s=float(parts["missed detection"]),
        false_s=float(parts["false alarm"]),
        confused_s=float(parts["confusion"]),
        differing=float(shares["speaker error"]),
        speakers=int(shares["speaker count"]),
        recordings=1,
        counted=int(len({t.speaker for t in heard}) == there),
    )


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Timing:
    """How far off the times of words are, over the words that were recognised right: seconds, late is positive.

    `guessed` of them were shared out by letters, because nothing timed them.
    """

    reference: int = 0
    starts_s: tuple[float, ...] = ()
    ends_s: tuple[float, ...] = ()
    guessed: int = 0

    @property
    def found(self) -> int:
        return len(self.starts_s)

    def as_json(self) -> dict[str, Json]:
        """The counts, and of starts and ends the median of what they are off by and the shares that are near."""
        counts: dict[str, Json] = {"reference": self.reference, "found": self.found, "guessed": self.guessed}
        return counts | {"starts": _edges(self.starts_s), "ends": _edges(self.ends_s)}


Score = TypeVar("Score", Wording, Speaking, Timing)


def timing(reference: Sequence[Word], heard: Sequence[Word], language: str | None = "en") -> Timing:
    """How far the times of words are off. Words are paired in order where they are the same to the normaliser.

    Words of which the normaliser leaves nothing, such as "uh", are left out.
    """
    import jiwer

    normal = normaliser(language)
    said, given = _keyed(reference, normal), _keyed(heard, normal)
    pairs = list[tuple[Word, Word]]()
    if said and given:
        found = jiwer.process_words(" ".join(key for key, _ in said), " ".join(key for key, _ in given))
        for chunk in found.alignments[0]:
            if chunk.type == "equal":
                theirs = said[chunk.ref_start_idx : chunk.ref_end_idx]
                ours = given[chunk.hyp_start_idx : chunk.hyp_end_idx]
                pairs += [(one, other) for (_, one), (_, other) in zip(theirs, ours, strict=True)]
    return Timing(
        reference=len(said),
        starts_s=tuple(other.start_s - one.start_s for one, other in pairs),
        ends_s=tuple(other.end_s - one.end_s for one, other in pairs),
        guessed=sum(not other.aligned for _, other in pairs),
    )


def added(found: Iterable[Score | None]) -> Score | None:
    """The scores of several recordings as one, without those that are None; None where all are."""
    there = [score for score in found if score is not None]
    return functools.reduce(_sum, there) if there else None


def within(errors_s: Sequence[float], limit_s: float) -> float | None:
    """The share of errors of at most so many seconds."""
    return sum(abs(e) <= limit_s + 1e-9 for e in errors_s) / len(errors_s) if errors_s else None


def off(errors_s: Sequence[float]) -> float | None:
    """The median of how far off they are."""
    return median(abs(e) for e in errors_s) if errors_s else None


def _sum(one: Score, other: Score) -> Score:
    return type(one)(*(getattr(one, f.name) + getattr(other, f.name) for f in fields(one)))


def _edges(errors_s: Sequence[float]) -> dict[str, Json]:
    return {
        "median_s": off(errors_s),
        "within_50_ms": within(errors_s, NEAR_S),
        "within_100_ms": within(errors_s, AROUND_S),
    }


def _keyed(words: Sequence[Word], normal: Callable[[str], str]) -> list[tuple[str, Word]]:
    """The words behind what they are compared by, which is in one piece."""
    keyed = [("_".join(normal(w.text).split()), w) for w in words]
    return [(key, word) for key, word in keyed if key]


def _annotation(turns: Sequence[Turn]) -> "Annotation":
    from pyannote.core import Annotation, Segment

    found = Annotation()
    for n, turn in enumerate(turns):
        found[Segment(turn.start_s, turn.end_s), n] = turn.speaker
    return found


def _there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
