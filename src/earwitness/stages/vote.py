"""Several diarizations of one recording become one, by a vote in which people may talk at once (DOVER-Lap).

Speakers are matched across the hypotheses by how much of their speech is the same, then every moment is voted on: how
many speak is the weighted mean of what the hypotheses say, who it is those with the most weight. Pure functions over
turns; knows no model and no sound.

Source: Raj et al., "DOVER-Lap: A Method for Combining Overlap-Aware Diarization Outputs", 2021 (arXiv 2011.01997). The
matching is the one that takes hypotheses one by one (Raj and Khudanpur, 2021, arXiv 2104.01954): it grows with the
number of speakers, where one over all their combinations grows to its power.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earwitness.types import Turn

RANKED = 0.1
"""A hypothesis has the weight of its rank to the power of minus this: the better ones decide where it is a tie."""

Numbers = NDArray[np.float64]
Hypothesis = Sequence[Turn]


@dataclass(frozen=True, slots=True)
class Vote:
    """What came of it. `turns` may overlap, in `exclusive` there is one speaker at any time."""

    turns: tuple[Turn, ...]
    exclusive: tuple[Turn, ...]
    names: tuple[Mapping[str, str], ...]
    """For each hypothesis: the id of the vote that each of its speakers counted for, of those the vote kept."""
    weights: tuple[float, ...]
    """What each hypothesis counted; their sum is one, or zero where there is none."""


def vote(hypotheses: Sequence[Hypothesis]) -> Vote:
    """The vote over some hypotheses. Where two weigh the same, the one that stands first counts more."""
    edges, heard = _heard(hypotheses)
    weights = _weights(heard, np.diff(edges))
    order = np.argsort(-weights, kind="stable").tolist()
    labels, count = _matched([heard[n] for n in order], np.diff(edges))
    votes = np.zeros((len(edges) - 1 if len(edges) else 0, count))
    for n, mine in zip(order, labels, strict=True):
        votes[:, mine] += weights[n] * heard[n]
    active, leading = _settled(votes, np.diff(edges))
    ids = {who: f"S{n}" for n, who in enumerate(_by_time(active), 1)}
    names = [dict[str, str]() for _ in hypotheses]
    for n, mine in zip(order, labels, strict=True):
        names[n] = {said: ids[who] for said, who in zip(_speakers(hypotheses[n]), mine, strict=True) if who in ids}
    return Vote(_turns(active, edges, ids), _turns(leading, edges, ids), tuple(names), tuple(weights.tolist()))


def differs(reference: Hypothesis, heard: Hypothesis) -> float | None:
    """Diarization error rate without a collar, overlap counted; None where the reference is empty.

    Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan".
    """
    edges, (said, found) = _heard([reference, heard])
    return _error(said, found, np.diff(edges))


# ── who speaks in each of the stretches between two changes ──────────────────────────────────────────────────────────
def _speakers(turns: Hypothesis) -> list[str]:
    return list(dict.fromkeys(t.speaker for t in turns if t.end_s > t.start_s))


def _heard(hypotheses: Sequence[Hypothesis]) -> tuple[Numbers, list[Numbers]]:
    """Where anything changes, and for each hypothesis who speaks between: shape (stretches, speakers), 0 or 1."""
    times = {time for turns in hypotheses for t in turns if t.end_s > t.start_s for time in (t.start_s, t.end_s)}
    edges = np.array(sorted(times))
    found = []
    for turns in hypotheses:
        column = {who: n for n, who in enumerate(_speakers(turns))}
        active = np.zeros((max(0, len(edges) - 1), len(column)))
        for t in turns:
            if t.end_s > t.start_s:
                low, high = np.searchsorted(edges, (t.start_s, t.end_s))
                active[low:high, column[t.speaker]] = 1.0
        found.append(active)
    return edges, found


def _error(said: Numbers, found: Numbers, lasting: Numbers) -> float | None:
    total = float(lasting @ said.sum(1))
    if not total:
        return None
    both = (said * lasting[:, None]).T @ found
    right = sum(both[a, b] for a, b in _pairs(both))
    wrong = float(lasting @ np.maximum(said.sum(1), found.sum(1))) - float(right)
    return max(0.0, wrong) / total


def _pairs(gain: Numbers) -> list[tuple[int, int]]:
    """Rows and columns, each once, with the greatest sum; without those that gain nothing."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if gain[a, b] > 0]


# ── the vote ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _weights(heard: Sequence[Numbers], lasting: Numbers) -> Numbers:
    """The weight of each hypothesis, by the rank of its mean error against the others."""
    errors = np.zeros(len(heard))
    for n, mine in enumerate(heard):
        against = [_error(other, mine, lasting) for k, other in enumerate(heard) if k != n]
        told = [(1.0 if mine.any() else 0.0) if e is None else e for e in against]  # 1: all of it is wrong
        errors[n] = np.mean(told) if told else 0.0
    ranks = np.empty(len(heard))
    ranks[np.argsort(np.round(errors, 9), kind="stable")] = np.arange(1, len(heard) + 1)
    weights: Numbers = ranks**-RANKED
    return weights / max(float(weights.sum()), 1e-12)


def _matched(heard: Sequence[Numbers], lasting: Numbers) -> tuple[list[list[int]], int]:
    """The common label of each speaker of each hypothesis, and how many labels there are.

    The hypotheses are added one by one, the best first, to what all before them heard of each label.
    """
    labels = list[list[int]]()
    common = np.zeros((len(lasting), 0))
    for mine in heard:
        both = (common * lasting[:, None]).T @ mine
        taken = {b: a for a, b in _pairs(both)}
        fresh = [n for n in range(mine.shape[1]) if n not in taken]
        taken |= {n: common.shape[1] + k for k, n in enumerate(fresh)}
        common = np.concatenate([common, np.zeros((len(lasting), len(fresh)))], axis=1)
        labels.append([taken[n] for n in range(mine.shape[1])])
        common[:, labels[-1]] = np.maximum(common[:, labels[-1]], mine)
    return labels, common.shape[1]


def _settled(votes: Numbers, lasting: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who is active and who leads in each stretch; among equals the one who speaks more in the recording."""
    active, leading = np.zeros(votes.shape, bool), np.zeros(votes.shape, bool)
    most = np.argsort(-(lasting @ votes), kind="stable")
    order = most[np.argsort(-np.round(votes[:, most], 9), axis=1, kind="stable")]
    many = np.floor(votes.sum(1) + 0.5 + 1e-9).astype(int)
    for place in range(votes.shape[1]):
        rows = np.nonzero(many > place)[0]
        active[rows, order[rows, place]] = True
        if not place:
            leading[rows, order[rows, 0]] = True
    return active, leading


def _by_time(active: NDArray[np.bool_]) -> list[int]:
    """Those who speak, in the order of their first turns."""
    firsts = []
    for who in range(active.shape[1]):
        said = np.flatnonzero(active[:, who])
        if len(said):
            quiet = np.flatnonzero(~active[said[0] :, who])
            firsts.append((int(said[0]), int(quiet[0]) if len(quiet) else len(active), who))
    return [who for *_, who in sorted(firsts)]


def _turns(active: NDArray[np.bool_], edges: Numbers, ids: Mapping[int, str]) -> tuple[Turn, ...]:
    """The turns, in order of time."""
    found = []
    for who, name in ids.items():
        steps = np.diff(np.concatenate([[0], active[:, who].astype(np.int8), [0]]))
        spells = zip(edges[np.nonzero(steps == 1)[0]], edges[np.nonzero(steps == -1)[0]], strict=True)
        found += [Turn(float(start_s), float(end_s), name) for start_s, end_s in spells]
    return tuple(sorted(found, key=lambda t: (t.start_s, t.end_s, t.speaker)))
