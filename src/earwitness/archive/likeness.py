"""Whose voice is it? Pure functions from an embedding and the people to a tier, with every score beside it.

A person's voices are averaged, those with more speech counting more (up to `ENOUGH_S` each), and compared by the
cosine. Embeddings of other models, or of another length, are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earwitness.archive.person import Person
from earwitness.errors import BadInput
from earwitness.types import Json

Tier = Literal["auto", "suggest", "unknown"]

ENOUGH_S = 30.0
"""Seconds of speech from which on a voice counts no more than another."""

LONGEST = 4096
"""More numbers than any model's embedding has."""


@dataclass(frozen=True, slots=True)
class Tiers:
    """Where the tiers begin, as cosines."""

    auto: float = 0.50
    """From here on a person is named without asking, if nobody else comes within `margin`."""
    suggest: float = 0.38
    """From here on a person is proposed."""
    margin: float = 0.08
    """How far the runner-up must stay behind for a name to be given without asking."""
    twice: float = 0.60
    """From here on a second speaker of the same recording may be the same person: one voice that was split in two."""


TIERS = Tiers()
"""The thresholds in use.

For the embedded diarizer's embeddings, by `benchmarks/voices.py` on clips of ten people, clean, noisy and over the
telephone: of 2523 pairs of two people 1 in 1000 reaches 0.35 and none 0.41; those of one person reach 0.44 in 95 % of
pairs, and 0.58 in 99 % of those of 6 s or more. On the careful side: a missing name is a smaller harm than a wrong one.
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person whose voice was compared, and its cosine."""

    person: str
    """Id of the Person."""
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a voice belongs to: named (`auto`), proposed (`suggest`) or `unknown`; the nearest people, best first."""

    tier: Tier
    candidates: tuple[Candidate, ...] = ()

    @property
    def best(self) -> Candidate | None:
        """The person who is named or proposed; None for an unknown voice."""
        return self.candidates[0] if self.tier != "unknown" else None

    @property
    def score(self) -> float | None:
        """Of the nearest person."""
        return self.candidates[0].score if self.candidates else None

    @property
    def margin(self) -> float | None:
        """How far the runner-up stays behind; None without one."""
        return self.candidates[0].score - self.candidates[1].score if len(self.candidates) > 1 else None


SHOWN = 5
"""Candidates that are told of an identity."""


def described(found: Identity) -> dict[str, Json]:
    """An identity as JSON, with the nearest people; scores are cosines."""
    candidates: list[Json] = [
        {"id": c.person, "name": c.name, "score": round(c.score, 4)} for c in found.candidates[:SHOWN]
    ]
    return {
        "tier": found.tier,
        "id": found.best.person if found.best else None,
        "name": found.best.name if found.best else None,
        "score": None if found.score is None else round(found.score, 4),
        "margin": None if found.margin is None else round(found.margin, 4),
        "candidates": candidates,
    }


def identify(embedding: Sequence[float], model: str, people: Sequence[Person], tiers: Tiers = TIERS) -> Identity:
    """Whose voice an embedding of a model is. Raises BadInput for one that is none."""
    return judged(scores(embedding, model, people), tiers)


def judged(candidates: Sequence[Candidate], tiers: Tiers = TIERS) -> Identity:
    """The tier that some candidates, best first, amount to."""
    found = Identity("suggest", tuple(candidates))
    if found.score is None or found.score < tiers.suggest:
        return Identity("unknown", found.candidates)
    clear = found.margin is None or found.margin >= tiers.margin
    return Identity("auto", found.candidates) if found.score >= tiers.auto and clear else found


def scores(embedding: Sequence[float], model: str, people: Sequence[Person]) -> tuple[Candidate, ...]:
    """Everybody whose voice compares, the nearest first. Raises BadInput for an embedding that is none."""
    voice = unit(embedding)
    found = [
        Candidate(person.id, person.name, float(voice @ center))
        for person in people
        if (center := _center(person, model, len(voice))) is not None
    ]
    return tuple(sorted(found, key=lambda c: (-c.score, c.person)))


def unit(embedding: Sequence[float]) -> NDArray[np.float32]:
    """An embedding brought to length one, shape (n,). Raises BadInput for one that is empty, zero or not finite."""
    values = np.asarray(embedding, np.float64)
    length = float(np.linalg.norm(values)) if values.ndim == 1 and np.isfinite(values).all() else 0.0
    if not 0 < len(values) <= LONGEST or not 1e-9 < length < 1e30:
        raise BadInput("this is no embedding of a voice")
    return (values / length).astype(np.float32)


def _center(person: Person, model: str, size: int) -> NDArray[np.float32] | None:
    """The middle of a person's voices; None where none of them compares."""
    alike = [v.print for v in person.voices if v.print.model == model and len(v.print.embedding) == size]
    if not alike:
        return None
    weights = np.array([min(max(p.speech_s, 1.0), ENOUGH_S) for p in alike])
    middle = weights @ np.array([p.embedding for p in alike])
    length = float(np.linalg.norm(middle))
    return None if length < 1e-9 else (middle / length).astype(np.float32)
