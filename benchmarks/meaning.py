"""Measures search by meaning over 300 000 passages: making them, reading them into memory, finding.

    python benchmarks/meaning.py [--passages N] [--database postgresql://…]

Passages are made with the real model of the first recordings only, at full speed in one thread; the others get vectors
by chance, in topics, so that of each query's neighbours there are about as many as in real talk: a thousand passages of
its topic, and one of twenty others that is near enough to be looked at. A search goes the way a request's does, its
query through the real model; each row has other queries each time. The first search reads everything into memory.
Beside the times stands what processor time a search takes here, which other work on the machine changes less.
"""

import argparse
import random
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import common
from archive import BEGAN_S, SOMEBODY, fill, row, sentences, vocabulary
from earwitness.archive.database import Database
from earwitness.archive.search.making import Making
from earwitness.archive.search.meaning import Meaning
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer
from earwitness.embedding import TextEmbedder, Vectors
from earwitness.parts import embed_minilm

TOPICS = 300
SHARED, OWN = 0.35, 0.6
"""How much of a vector is common to all, and to its topic: cosines of 0.48 within one, else 0.12."""

REAL = 1000
"""Passages that are made with the real model."""

A_PASSAGE = 1.4
"""Segments to a passage, and some to spare."""

COLUMNS = ["database", "what", "p50 ms", "p95 ms", "most ms", "of", "processor ms"]


class Chance:
    """Vectors by chance, the same for the same text; for single texts after the time that the real model takes."""

    def __init__(self, real: TextEmbedder) -> None:
        self._real, draw = real, np.random.default_rng(1)
        self.model, self.size, self.languages, self.unlike = "chance/1", real.size, real.languages, real.unlike
        self._topics = self._long(draw.normal(size=(TOPICS, self.size)))
        self._all = self._long(draw.normal(size=(1, self.size)))[0]

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `TextEmbedder.embed`."""
        if len(texts) == 1:
            self._real.embed(texts)
        seeds = [zlib.crc32(text.encode()) for text in texts]
        noise = self._long(np.stack([np.random.default_rng(seed).normal(size=self.size) for seed in seeds]))
        rest = (1 - SHARED**2 - OWN**2) ** 0.5
        topics = self._topics[[seed % TOPICS for seed in seeds]]
        return self._long(SHARED * self._all + OWN * topics + rest * noise)

    def rest(self, unused_s: float) -> None:
        """See `TextEmbedder.rest`."""

    @staticmethod
    def _long(rows: "np.ndarray[Any, np.dtype[Any]]") -> Vectors:
        found: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return found


def made(name: str, database: Database, real: TextEmbedder, model: TextEmbedder, total: int) -> None:
    """Make passages of all recordings: some with the real model, then all by chance."""
    with closing(Writer(database)) as writer:
        making, count, began = Making(database, writer, real), 0, time.perf_counter()
        busy = time.process_time()
        for ident, _ in making.due():
            if count < REAL:
                count += making.make(ident)
        took, busy_s = time.perf_counter() - began, time.process_time() - busy
        told = f"{count / took:.0f} passages/s made with {real.model}, {count / busy_s:.0f} for a second of one core"
        print(f"{name}: {told}", flush=True)
        making, count, began = Making(database, writer, model), 0, time.perf_counter()
        while due := making.due():
            for ident, _ in due:
                count += making.make(ident)
        took = time.perf_counter() - began
        print(f"{name}: {count} passages, {count / took:.0f}/s kept without the model", flush=True)
        if count < total:
            print(f"{name}: {total} were wanted: more segments are needed for that", flush=True)


def searches(name: str, meaning: Meaning, words: Sequence[str], repeat: int, since: str) -> Iterator[list[Any]]:
    """The rows of finding."""
    draw = random.Random(11)

    def some() -> str:
        return " ".join(draw.choices(words[:2000], k=4))

    kinds: dict[str, tuple[Viewer, Callable[[], dict[str, Any]]]] = {
        "by meaning": (HOUSE, lambda: {"text": some(), "mode": "meaning"}),
        "by words and meaning": (HOUSE, lambda: {"text": some(), "mode": "both"}),
        "a common word, both": (HOUSE, lambda: {"text": draw.choice(words[:50]), "mode": "both", "near": False}),
        "of the last tenth": (HOUSE, lambda: {"text": f"{some()} after:{since}", "mode": "meaning"}),
        "of a speaker": (HOUSE, lambda: {"text": f'{some()} speaker:"Person {draw.randrange(40)}"', "mode": "meaning"}),
        "of a source": (HOUSE, lambda: {"text": f"{some()} source:s_{draw.randrange(8)}", "mode": "meaning"}),
        "what one viewer may see": (SOMEBODY, lambda: {"text": some(), "mode": "meaning"}),
    }
    for what, (viewer, asked) in kinds.items():
        took, busy_s = list[float](), 0.0
        for n in range(repeat + 1):
            given = asked()
            began, busy = time.perf_counter(), time.process_time()
            meaning.find(viewer, given.pop("text"), **given)
            if n:
                took.append(1000 * (time.perf_counter() - began))
                busy_s += time.process_time() - busy
        yield [*row(name, what, took), round(1000 * busy_s / repeat, 1)]
        print(f"  {1000 * busy_s / repeat:.0f} ms of processor time", flush=True)


def measure(name: str, database: Database, options: argparse.Namespace) -> list[list[Any]]:
    """Fill a database, make its passages, search."""
    real, words = embed_minilm.spec.load(), vocabulary()
    model = Chance(real)
    count = int(A_PASSAGE * options.passages)
    with database.writing() as connection:
        fill(connection, sentences(words, count), count)
    made(name, database, real, model, options.passages)
    real.embed(["warm"])
    meaning = Meaning(database, lambda: model, 1000.0)
    before, began = common.resident_mb(), time.perf_counter()
    meaning.find(HOUSE, "the first one", mode="meaning")
    took = 1000 * (time.perf_counter() - began)
    print(f"{name}: {len(meaning)} passages in memory, {common.resident_mb() - before:.0f} MB", flush=True)
    since = datetime.fromtimestamp(BEGAN_S + 0.9 * 4.0 * count, UTC).strftime("%Y-%m-%dT%H:%M")
    first = [*row(name, "the first search, which reads them", [took]), ""]
    return [first, *searches(name, meaning, words, options.repeat, since)]


def main() -> None:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=300_000)
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--database", default="", help="address of an empty PostgreSQL database")
    options = parser.parse_args()
    if why := embed_minilm.spec.missing():
        parser.exit(1, f"{why}\n")
    rows = list[list[Any]]()
    with tempfile.TemporaryDirectory() as folder, closing(Database(Path(folder) / "archive.db")) as database:
        rows += measure("SQLite", database, options)
    if options.database:
        with closing(Database(options.database)) as database:
            rows += measure("PostgreSQL", database, options)
    common.report("meaning", f"Search by meaning, {options.passages} passages", COLUMNS, rows)


if __name__ == "__main__":
    main()
