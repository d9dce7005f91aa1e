"""What every diarizer of this house tells, from numbered speakers and their turns: ids, confidence, and what lacked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earwitness.parts import Crowd
from earwitness.parts.voices import clusters
from earwitness.parts.voices.library import Floats, Halves
from earwitness.types import Diarization, Notice, Speaker, Turn

SURE = 0.6
"""Difference of cosines, between a speaker's own voice and the next one, at which there is no doubt."""

Numbered = Sequence[tuple[int, Turn]]
Heard = tuple[Floats | Halves, NDArray[np.float64]]
"""Embeddings of stretches, shape (n, d), and how long each is."""


def told(active: Numbered, leading: Numbered, speakers: Floats, heard: Heard, crowd: Crowd, method: str) -> Diarization:
    """The diarization. `active` may overlap, `leading` may not; row n of `speakers` is the embedding of number n."""
    names = _names([who for who, _ in active])
    sure = _sure(*heard, speakers)
    heard_s = dict.fromkeys(names, 0.0)
    for who, turn in active:
        heard_s[who] += turn.end_s - turn.start_s
    found = [
        Speaker(name, round(heard_s[who], 3), sure.get(who), voice=tuple(clusters.unit(speakers[who]).tolist()))
        for who, name in names.items()
    ]
    return Diarization(
        turns=tuple(Turn(t.start_s, t.end_s, names[who]) for who, t in active),
        exclusive=tuple(Turn(t.start_s, t.end_s, names[who]) for who, t in leading if who in names),
        speakers=tuple(found),
        method=method,
        notices=lacking(crowd, len(found)),
    )


def _names(order: list[int]) -> dict[int, str]:
    """Ids by speaker, in the order of first speaking."""
    return {who: f"S{n}" for n, who in enumerate(dict.fromkeys(order), 1)}


def _sure(voices: Floats | Halves, seconds: NDArray[np.float64], speakers: Floats) -> dict[int, float]:
    """How well each speaker's stretches stand apart from the other speakers, from 0 to 1; none where there is one."""
    if len(speakers) < 2:
        return {}
    near = clusters.alike(voices, speakers)
    whose, ranked = near.argmax(1), np.sort(near, axis=1)
    margin = np.clip((ranked[:, -1] - ranked[:, -2]) / SURE, 0.0, 1.0)
    found = {}
    for who in range(len(speakers)):
        mine = whose == who
        if mine.any():
            found[who] = round(float(np.average(margin[mine], weights=seconds[mine])), 3)
    return found


def lacking(crowd: Crowd, found: int) -> tuple[Notice, ...]:
    """What was wished for and could not be done."""
    wanted = crowd.count or crowd.least
    if wanted and found < wanted:
        said = f"{wanted} speakers were asked for, and {found} could be told apart in the recording"
        return (Notice("fewer_speakers", said),)
    return ()
