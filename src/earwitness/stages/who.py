"""Who says each utterance of a live session: a label at once, and corrections as more is heard.

A fold over the voices of utterances, in the order in which they end. A label is given by the nearest speaker so far;
from time to time all voices that are kept are sorted anew, as those of a recording are, and labels that were wrong are
corrected. A label is never used for another speaker later. Memory is bounded: of utterances that are long past, the
mean voice of each label is kept, and their labels stay as they are. Knows no sound, and no text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earwitness.parts import MOST_SPEAKERS, Crowd, Ear, Voiced

CLEAR_S = 1.2
"""Utterances shorter than this make no speaker at once."""
STRANGE = 0.35
"""Cosine to the nearest speaker below which a clear utterance is somebody new."""
CHANGED = 0.1
"""Cosine by which another speaker must be nearer, before an utterance goes over to them."""
KEPT, AGED = 400, 100
"""Most utterances that are kept, and how many of them age at a time."""
SOON, EACH = 12, 6
"""All are sorted anew with each of the first utterances, and with every so-manieth after."""


@dataclass(frozen=True, slots=True, eq=False)
class Uttered:
    """An utterance with its voice and label; or, with an empty `id`, all those of a label that are long past."""

    id: str
    voiced: Voiced
    label: str


@dataclass(frozen=True, slots=True)
class Correction:
    """An utterance that was said by another speaker than was thought."""

    utterance: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, eq=False)
class Voices:
    """What is known of the voices of a session."""

    past: tuple[Uttered, ...] = ()
    """One for each label of utterances that are long past."""
    kept: tuple[Uttered, ...] = ()
    labels: int = 0
    """How many were given."""
    fresh: int = 0
    """Utterances since all were sorted."""


def label(
    voices: Voices,
    utterance: str,
    voiced: Voiced | None,
    ear: Ear,
    crowd: Crowd = Crowd(),  # noqa: B008 - frozen
) -> tuple[Voices, str | None, tuple[Correction, ...]]:
    """The label of an utterance, `S1` and so on, and what it corrects; None where nobody speaks alone in it.

    `utterance` is a name that is not empty and is given once.
    """
    if voiced is None:
        return voices, None, ()
    nearest, likeness = _nearest(voices, voiced)
    strange = likeness < STRANGE and voiced.speech_s >= CLEAR_S and len(_all_labels(voices)) < (_most(crowd) or np.inf)
    if nearest is None or strange:
        voices = replace(voices, labels=voices.labels + 1)
        nearest = f"S{voices.labels}"
    kept = (*voices.kept, Uttered(utterance, voiced, nearest))
    voices = _aged(replace(voices, kept=kept, fresh=voices.fresh + 1))
    if len(voices.kept) > SOON and voices.fresh < EACH:
        return voices, nearest, ()
    voices, corrections = sort(voices, ear, crowd)
    mine = next((c.after for c in corrections if c.utterance == utterance), nearest)
    return voices, mine, tuple(c for c in corrections if c.utterance != utterance)


def sort(voices: Voices, ear: Ear, crowd: Crowd = Crowd()) -> tuple[Voices, tuple[Correction, ...]]:  # noqa: B008 - frozen
    """All voices that are kept sorted anew, and the labels that this corrects. For the end of a session, too."""
    everyone = (*voices.past, *voices.kept)
    if len(everyone) < 2:
        return replace(voices, fresh=0), ()
    rows = np.array([u.voiced.voice for u in everyone], np.float32)
    seconds = np.array([u.voiced.speech_s for u in everyone])
    groups = ear.sorted(rows, seconds, crowd)
    names, labels = _named(groups, seconds, everyone, voices.labels)
    means = {
        name: _unit((seconds[groups == group, None] * rows[groups == group]).sum(0)) for group, name in names.items()
    }
    kept, corrections = list[Uttered](), list[Correction]()
    for row, group, one in zip(rows[len(voices.past) :], groups[len(voices.past) :], voices.kept, strict=True):
        after = names[int(group)]
        if one.label in means and float(_unit(row) @ (means[after] - means[one.label])) < CHANGED:
            after = one.label
        if after != one.label:
            corrections.append(Correction(one.id, one.label, after))
        kept.append(replace(one, label=after))
    return replace(voices, kept=tuple(kept), labels=labels, fresh=0), tuple(corrections)


def means(voices: Voices) -> dict[str, Voiced]:
    """The mean voice of each label that is in use, and the seconds of speech it rests on."""
    found = dict[str, Voiced]()
    for one in (*voices.past, *voices.kept):
        before = found.get(one.label)
        speech_s = one.voiced.speech_s + (before.speech_s if before else 0.0)
        total = one.voiced.speech_s * one.voiced.voice + (before.speech_s * before.voice if before else 0.0)
        found[one.label] = Voiced((total / speech_s).astype(np.float32), speech_s)
    return found


def _named(
    groups: NDArray[np.int64], seconds: NDArray[np.float64], everyone: Sequence[Uttered], labels: int
) -> tuple[dict[int, str], int]:
    """A label for each group: the one that most of it has, each once, or a new one; and how many were ever given."""
    shares = dict[tuple[int, str], float]()
    for group, one, lasting in zip(groups.tolist(), everyone, seconds.tolist(), strict=True):
        shares[group, one.label] = shares.get((group, one.label), 0.0) + lasting
    names = dict[int, str]()
    for group, name in sorted(shares, key=lambda pair: -shares[pair]):
        if group not in names and name not in names.values():
            names[group] = name
    for group in dict.fromkeys(groups.tolist()):
        if group not in names:
            labels += 1
            names[group] = f"S{labels}"
    return names, labels


def _nearest(voices: Voices, voiced: Voiced) -> tuple[str | None, float]:
    """The label whose mean voice is nearest, and how near."""
    near = {name: float(_unit(mean.voice) @ _unit(voiced.voice)) for name, mean in means(voices).items()}
    best = max(near, key=near.__getitem__, default=None)
    return best, near[best] if best is not None else -1.0


def _all_labels(voices: Voices) -> set[str]:
    return {u.label for u in (*voices.past, *voices.kept)}


def _most(crowd: Crowd) -> int | None:
    return crowd.count or crowd.most


def _aged(voices: Voices) -> Voices:
    """The oldest utterances become part of their label's mean voice, where there are too many."""
    if len(voices.kept) <= KEPT:
        return voices
    past = {one.label: one for one in voices.past}
    for one in voices.kept[:AGED]:
        before = past.get(one.label)
        speech_s = one.voiced.speech_s + (before.voiced.speech_s if before else 0.0)
        total = one.voiced.speech_s * one.voiced.voice
        if before:
            total = total + before.voiced.speech_s * before.voiced.voice
        past[one.label] = Uttered("", Voiced((total / speech_s).astype(np.float32), speech_s), one.label)
    most = sorted(past.values(), key=lambda one: -one.voiced.speech_s)[:MOST_SPEAKERS]
    return replace(voices, past=tuple(most), kept=voices.kept[AGED:])


def _unit(row: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (row / max(float(np.linalg.norm(row)), 1e-9)).astype(np.float32)
    return found
