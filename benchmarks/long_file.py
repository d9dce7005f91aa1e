"""Hours of sound with speakers told apart: memory, speed, and whether a voice keeps its name over the whole recording.

    python benchmarks/long_file.py [--hours 1 10] [--without-words] [--folder FOLDER]

A recording made from the reference clips, 30 minutes long, is repeated to each length, straight to disk (ten hours take
1.2 GB, deleted afterwards), and heard in a fresh process. Of every tenth of a second in which one person of the
reference speaks, `own` is the share that went to that person's speaker (each person has one for the whole recording,
the one that fits best), `other` went to somebody else's, `nobody` to none. `worst hour` is the lowest `own` of any.
"""

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import common

HOUR_S, STEP_S, PIECE_MIN = 3600.0, 0.1, 30.0
COLUMNS = ["recording", "peak MB", "x real time", "people", "speakers", "own %", "other %", "nobody %", "worst hour %"]

Labels = NDArray[np.int32]
Spans = Iterable[tuple[float, float, int]]


def one(path: Path, folder: Path, words: bool) -> None:
    """In the child process: hear it and tell."""
    import time

    from earwitness import batch
    from earwitness.kit import Kit
    from earwitness.stages.recipe import Diarizing, Recipe

    recipe = Recipe(diarizing=Diarizing())
    with Kit(common.settings(folder)) as kit:
        kit.can("default")
        began = time.perf_counter()
        found = batch.run(path, recipe, kit) if words else batch.speakers(path, recipe, kit)
        took_s = time.perf_counter() - began
    turns = [(round(t.start_s, 2), round(t.end_s, 2), t.speaker) for t in found.turns]
    common.tell(took_s=took_s, turns=turns, speakers=len(found.speakers), duration_s=found.duration_s)


def steps(spans: Spans, length_s: float) -> Labels:
    """Who speaks in each step: a number, -1 for nobody and -2 for several at once."""
    found: Labels = np.full(int(length_s / STEP_S) + 1, -1, np.int32)
    for start_s, end_s, who in spans:
        part = found[int(start_s / STEP_S) : int(end_s / STEP_S)]
        part[:] = np.where((part == -1) | (part == who), who, -2)
    return found


def reference(rttm: Path, piece_s: float, length_s: float) -> tuple[Labels, int]:
    """Who speaks in each step of the repeated recording, and how many people there are."""
    rows = [line.split() for line in rttm.read_text().splitlines()]
    people = sorted({r[7] for r in rows})
    once = [(float(r[3]), float(r[3]) + float(r[4]), people.index(r[7])) for r in rows]
    laps = range(int(length_s / piece_s) + 1)
    spans = ((lap * piece_s + a, lap * piece_s + b, who) for lap in laps for a, b, who in once)
    return steps((s for s in spans if s[0] < length_s), length_s), len(people)


def judged(truth: Labels, found: Labels) -> list[float]:
    """Shares of the reference's speech in percent: own, other, nobody, and the lowest `own` of an hour."""
    from scipy.optimize import linear_sum_assignment

    size = min(len(truth), len(found))
    truth, found = truth[:size], found[:size]
    spoken = truth >= 0
    both = np.zeros((truth.max() + 1, max(1, found.max() + 1)))
    np.add.at(both, (truth[spoken & (found >= 0)], found[spoken & (found >= 0)]), 1)
    names = dict(zip(*(ids.tolist() for ids in linear_sum_assignment(-both)), strict=True))
    expected = np.array([names.get(person, -9) for person in range(both.shape[0])])
    own = spoken & (found == expected[np.maximum(truth, 0)])
    nobody = spoken & (found == -1)
    hour = int(HOUR_S / STEP_S)
    hours = [
        own[i : i + hour].sum() / spoken[i : i + hour].sum()
        for i in range(0, max(1, size - hour // 2), hour)
        if spoken[i : i + hour].any()
    ]
    shares = own.sum() / spoken.sum(), (spoken & ~own & ~nobody).sum() / spoken.sum(), nobody.sum() / spoken.sum()
    return [round(100 * float(share), 1) for share in (*shares, min(hours))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 10], help="lengths (1 and 10)")
    parser.add_argument("--without-words", action="store_true", help="only who speaks")
    parser.add_argument("--folder", type=Path, help="where the recordings are made (the system's temporary folder)")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(Path(options.one[0]), Path(options.one[1]), options.one[2] == "words")
        return
    rows: list[list[Any]] = []
    words = "nothing" if options.without_words else "words"
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        piece = common.long_recording(PIECE_MIN, folder)
        piece_s = common.duration_s(piece)
        for hours in options.hours:
            made = common.looped(piece, hours * HOUR_S, folder / "looped.wav")
            child = common.child(__file__, "--one", str(made), str(folder), words)
            made.unlink()
            told = child.told
            truth, people = reference(piece.with_name("long.rttm"), piece_s, hours * HOUR_S)
            ids = sorted({who for *_, who in told["turns"]})
            found = steps(((a, b, ids.index(who)) for a, b, who in told["turns"]), hours * HOUR_S)
            shares = judged(truth, found)
            speed = told["duration_s"] / told["took_s"]
            rows.append([f"{hours:g} h", round(child.peak_mb), speed, people, told["speakers"], *shares])
    common.report("long_file", f"Hours with speakers told apart, {words} recognised", COLUMNS, rows)


if __name__ == "__main__":
    main()
