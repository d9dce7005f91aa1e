"""How exact word times are, and how fast they are found, on the reference recordings that have word times.

    python benchmarks/alignment.py

Times of the reference's own words, and of the words that the embedded recogniser hears, by difference to the
reference; only words that both have count for the second. Speed is in seconds of sound per CPU second of one thread.
"""

import difflib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import DATA, load_wav, references, report, settings
from earwitness import batch
from earwitness.kit import Kit
from earwitness.parts import Aligner
from earwitness.stages.recipe import Recipe
from earwitness.types import Ask, Audio, Word

ROUNDS = 5
COLUMNS = ["recording", "words", "start median ms", "start ≤ 50 ms %", "start ≤ 100 ms %", "end median ms",
           "end ≤ 50 ms %", "x real time"]  # fmt: skip


@dataclass(frozen=True)
class Timed:
    """A reference recording with its words: text, start and end in seconds."""

    path: Path
    words: tuple[tuple[str, float, float], ...]


def main() -> None:
    """Measure and report."""
    references("align_en")
    rows = [json.loads(line) for line in (DATA / "dev" / "manifest.jsonl").read_text().splitlines()]
    timed = [Timed(DATA / "dev" / r["file"], tuple(map(tuple, r["words"]))) for r in rows if r["kind"] == "align_en"]
    table, pairs_of = list[list[object]](), dict[str, list[tuple[Word, float, float]]]()
    with Kit(settings(Path("build/bench"))) as kit:
        aligner = kit.aligner("pocketsphinx")
        sound = took = 0.0
        for one in timed:
            audio = Audio(load_wav(one.path))
            words, seconds = _given(aligner, audio, [w[0] for w in one.words])
            pairs = [(w, start, end) for w, (_, start, end) in zip(words, one.words, strict=True)]
            table.append(_row(f"{one.path.stem}, its text", pairs, ROUNDS * audio.duration_s / seconds))
            heard = _heard(kit, one)
            table.append(_row(f"{one.path.stem}, as recognised", heard, None))
            pairs_of.setdefault("text", []).extend(pairs)
            pairs_of.setdefault("heard", []).extend(heard)
            sound, took = sound + ROUNDS * audio.duration_s, took + seconds
    table.append(_row("all, their text", pairs_of["text"], sound / took))
    table.append(_row("all, as recognised", pairs_of["heard"], None))
    report("alignment", "Word times against the reference, by PocketSphinx", COLUMNS, table)


def _given(aligner: Aligner, audio: Audio, words: list[str]) -> tuple[tuple[Word, ...], float]:
    """The words with their times, and the CPU seconds of all rounds."""
    found = aligner.align(audio, words)
    began = time.thread_time()
    for _ in range(ROUNDS):
        found = aligner.align(audio, words)
    return found, time.thread_time() - began


def _heard(kit: Kit, one: Timed) -> list[tuple[Word, float, float]]:
    """The recogniser's words that the reference has too, each with the reference's times."""
    found = batch.run(one.path, Recipe(ask=Ask(word_times=True), aligner="auto"), kit)
    words = [w for s in found.segments for w in s.words]
    said, wanted = [_plain(w.text) for w in words], [_plain(w[0]) for w in one.words]
    blocks = difflib.SequenceMatcher(None, said, wanted, autojunk=False).get_matching_blocks()
    return [(words[b.a + i], *one.words[b.b + i][1:]) for b in blocks for i in range(b.size)]


def _plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum() or c == "'")


def _row(name: str, pairs: list[tuple[Word, float, float]], speed: float | None) -> list[object]:
    starts = 1000 * np.array([w.start_s - start for w, start, _ in pairs])
    ends = 1000 * np.array([w.end_s - end for w, _, end in pairs])
    near = [100 * float(np.mean(np.abs(starts) <= limit + 1e-6)) for limit in (50, 100)]
    return [name, len(pairs), float(np.median(np.abs(starts))), *near, float(np.median(np.abs(ends))),
            100 * float(np.mean(np.abs(ends) <= 50 + 1e-6)), "" if speed is None else speed]  # fmt: skip


if __name__ == "__main__":
    main()
