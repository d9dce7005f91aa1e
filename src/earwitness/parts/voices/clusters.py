"""Embeddings into speakers: agglomeration by average distance, in bounded memory however long the recording is.

Average linkage in three views of an embedding put side by side: as it is, centred, and mapped by the model's linear
discriminant. The average distance of two groups is one minus the product of their mean vectors, so groups can be merged
without the embeddings: each block of a long recording is sorted into small groups, and the groups are sorted like
single embeddings. On one block this is what average linkage over all gives.

Source: Day and Edelsbrunner, "Efficient algorithms for agglomerative hierarchical clustering methods", 1984. Against
VBx on the same embeddings: `docs/decisions/0006`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.parts import Crowd
from earwitness.parts.voices.frames import JUDGED
from earwitness.parts.voices.library import Floats, Halves, Pieces

Labels = NDArray[np.int64]

APART = 0.62
"""Average distance at which two groups are two speakers."""
SAME = 0.55
"""Average distance below which two groups are one speaker, however many there are said to be."""
CLOSE, CLOSER = 0.5, 0.2
"""At which a block's embeddings stay in small groups: of many blocks, and of one."""
BLOCK = 2_000
CLEAR_S = 1.2
"""Embeddings of stretches shorter than this do not make speakers; they are given to them."""
ALIKE = 0.25
"""Cosine below which a stretch is like no speaker found; such stretches make speakers of their own."""
OWN_S, OWN_LEAST_S = 0.4, 0.2
"""How long one such stretch is at least, and how long all of a speaker are, for each minute of speech and at least.

In a long recording the short stretches that sound like nobody are noise and ends of words more than people.
"""
BORNE_OUT = 0.75
"""Stretches this much shorter may bear out such a speaker: windows do not cut the same words at the same place."""
MOST_OWN_LEAST_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Some embeddings: the mean of their views, which is shorter than one, their mean, and seconds of speech."""

    view: NDArray[np.float64]
    voice: NDArray[np.float64]
    size: int
    speech_s: float


def speakers(
    voices: Floats | Halves, seconds: NDArray[np.float64], crowd: Crowd, pieces: Pieces, judged: int = JUDGED
) -> Floats:
    """The speakers' embeddings, shape (speakers, 256), in no order; empty where there is nothing to go by.

    Args:
        voices: embeddings of stretches with one voice, shape (n, 256), in the order of the recording.
        seconds: how long each stretch is.
        crowd: how many speakers there are, as far as it is known.
        pieces: the model's linear map.
        judged: how many of the stretches are of the same sound.
    """
    if not len(voices):
        return np.zeros((0, 256), np.float32)
    clear = seconds >= CLEAR_S
    if clear.sum() < 2:
        clear = seconds >= min(0.3, float(seconds.max()))
    blocks = range(0, int(clear.sum()), BLOCK)
    rows, lasting = np.flatnonzero(clear), seconds[clear]
    tight, groups = CLOSE if len(blocks) > 1 else CLOSER, list[Group]()
    for first in blocks:
        some = voices[rows[first : first + BLOCK]].astype(np.float32)
        groups += grouped(views(some, pieces), some, lasting[first : first + BLOCK], tight)
    fewest, most = crowd.count or crowd.least or 1, crowd.count or crowd.most or len(voices)
    minutes = seconds.sum() / judged / 60
    least_s = float(np.clip(OWN_LEAST_S * minutes, OWN_LEAST_S, MOST_OWN_LEAST_S))
    own_s = float(np.clip(OWN_S * minutes, OWN_S, CLEAR_S))
    everyone = merged(groups, 1, most)
    kept = [g for g in everyone if g.speech_s / judged >= least_s]
    everyone = kept if len(kept) >= fewest else everyone
    found = np.array([g.voice for g in everyone], np.float32)
    others = _others(found, voices, seconds, own_s, least_s * judged)[: max(0, most - len(found))]
    if len(found) + len(others) < fewest:  # only then is one voice taken for several
        found = np.array([g.voice for g in merged(groups, fewest - len(others), most)], np.float32)
    return np.concatenate([found, others])


def views(voices: Floats, pieces: Pieces) -> Floats:
    """Three views of each embedding side by side, of length one: shape (n, 640)."""
    centred = voices - pieces.mean
    mapped = np.sqrt(np.float32(256)) * unit(centred) @ pieces.lda - pieces.lda_mean
    found: Floats = np.concatenate([unit(voices), unit(centred), unit(mapped)], axis=1) / np.sqrt(np.float32(3))
    return found


def alike(voices: Floats | Halves, others: Floats) -> Floats:
    """Cosines of each with each: shape (n, m)."""
    theirs, blocks = unit(others).T, range(0, max(1, len(voices)), BLOCK)
    found: Floats = np.concatenate([unit(_single(voices[first : first + BLOCK])) @ theirs for first in blocks])
    return found


def _single(rows: Floats | Halves) -> Floats:
    return rows.astype(np.float32, copy=False)


def unit(rows: Floats) -> Floats:
    """Rows, or one, of length one."""
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return found


def grouped(viewed: Floats, voices: Floats, seconds: NDArray[np.float64], tight: float) -> list[Group]:
    """The embeddings of a block in small groups."""
    labels = _linked(viewed, tight)
    found = []
    for label in range(int(labels.max()) + 1):
        mine = labels == label
        lasting = seconds[mine]
        voice = (lasting @ voices[mine]) / lasting.sum()
        found.append(Group(viewed[mine].mean(0, dtype=np.float64), voice, int(mine.sum()), float(lasting.sum())))
    return found


def _linked(viewed: Floats, distance: float) -> Labels:
    """Average linkage, cut at a distance: a label from 0 for each row."""
    if len(viewed) == 1:
        return np.zeros(1, np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage

    cut = fcluster(linkage(viewed, "average", metric="cosine"), distance, "distance")
    labels: Labels = np.unique(cut, return_inverse=True)[1].astype(np.int64)
    return labels


def merged(groups: Sequence[Group], fewest: int, most: int, apart: float = APART) -> list[Group]:
    """Average linkage goes on over groups, until the nearest are apart and there are not too many.

    Where there are said to be more, less keeps them apart, but never nothing.
    """
    left = list(groups)
    means = np.array([g.view for g in left])
    near = means @ means.T
    np.fill_diagonal(near, -np.inf)
    while len(left) > 1:
        a, b = divmod(int(near.argmax()), len(left))
        enough = min(SAME, apart) if len(left) <= fewest else apart
        if near[a, b] < 1 - enough and len(left) <= most:
            break
        left[a] = _joined(left[a], left[b])
        near[a] = near[:, a] = np.array([g.view for g in left]) @ left[a].view
        near[a, a] = -np.inf
        near = np.delete(np.delete(near, b, 0), b, 1)
        del left[b]
    return left


def _joined(one: Group, other: Group) -> Group:
    size, speech_s = one.size + other.size, one.speech_s + other.speech_s
    view = (one.size * one.view + other.size * other.view) / size
    voice = (one.speech_s * one.voice + other.speech_s * other.voice) / speech_s
    return Group(view, voice, size, speech_s)


def _others(
    found: Floats, voices: Floats | Halves, seconds: NDArray[np.float64], own_s: float, least_s: float
) -> Floats:
    """Speakers among the stretches that are like none of those found: those who say little."""
    alone = (alike(voices, found).max(1) < ALIKE) & (seconds >= BORNE_OUT * own_s)
    some, lasting = _single(voices[alone]), seconds[alone]
    if not 0 < len(some) <= BLOCK:
        return np.zeros((0, 256), np.float32)
    labels = _linked(unit(some), 1 - ALIKE - 0.1)
    made = []
    for label in range(int(labels.max()) + 1):
        mine = labels == label
        if lasting[mine].max() >= own_s and lasting[mine].sum() >= least_s:
            made.append((float(lasting[mine].sum()), (lasting[mine] @ some[mine]) / lasting[mine].sum()))
    made.sort(key=lambda m: -m[0])
    return np.array([voice for _, voice in made], np.float32).reshape(-1, 256)
