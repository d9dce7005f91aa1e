"""Measures search and writing in an archive of 300 000 segments, 350 hours of talk.

    python benchmarks/archive.py [--segments N] [--database postgresql://… | own]

The words are those of the reference recordings, drawn by rank as in speech (Zipf), with rare ones beside them.
SQLite is measured in a folder of its own; PostgreSQL where an address of an empty database is given, which is filled.

Each row is a kind of query, put with other words each time, the first of them not counted. They go the way a request's
do: parsed, searched, counted, highlighted. Then segments are written one at a time as live sessions write them, each
with its event, speaker and recording, at a steady rate while nothing else happens: from the moment a segment is handed
over to the moment it is told to be kept.
"""

import argparse
import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, text

import common
from databases import reached
from earwitness.archive import told
from earwitness.archive.database import Database
from earwitness.archive.schema.accounts import GrantRow, UserRow
from earwitness.archive.schema.heard import RecordingRow, SegmentRow, SourceRow, SpeakerRow
from earwitness.archive.search.find import Search
from earwitness.archive.search.tokens import tokens
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.writer import Writer

BEGAN_S = 1_760_000_000.0
OF_A_RECORDING = 300
SOURCES = 8
SOMEBODY = Viewer("u_1")
COLUMNS = ["database", "what", "p50 ms", "p95 ms", "p99 ms", "most ms", "of"]


def vocabulary() -> list[str]:
    """Words by how often they are said, then some thousand rare ones."""
    said = Counter(word for one in common.references() for word in tokens(one.text).split())
    real = [word for word, _ in said.most_common()]
    rare = ["".join(some) for some in itertools.product("bdfgklmnprst", "aeiou", "klmnrst", "aeiou", "bdgkmnrst")]
    random.Random(3).shuffle(rare)
    return real + rare[: max(0, 30_000 - len(real))]


def sentences(words: list[str], count: int) -> Iterator[str]:
    """Text of 4 to 20 words."""
    draw = np.random.default_rng(7)
    weights = 1.0 / np.arange(1, len(words) + 1) ** 1.05
    for _ in range(0, count, 10_000):
        lengths = draw.integers(4, 21, 10_000)
        drawn = iter(draw.choice(len(words), int(lengths.sum()), p=weights / weights.sum()).tolist())
        for length in lengths:
            yield " ".join(words[n] for n in itertools.islice(drawn, int(length)))


def segment(recording: str, number: int, said_s: float, start_s: float, said: str) -> dict[str, Any]:
    """A row of four seconds, with a time for each word."""
    words = said.split()
    step = 4.0 / len(words)
    timed = [[w, start_s + n * step, start_s + (n + 1) * step, 0.9, True, None] for n, w in enumerate(words)]
    return {
        "recording_id": recording,
        "number": number,
        "said_s": said_s,
        "start_s": start_s,
        "end_s": start_s + 4.0,
        "text": said,
        "tokens": said,
        "language": "en",
        "speaker": f"S{1 + number % 3}",
        "confidence": 0.9,
        "words": timed,
        "rest": {},
        "revision": 1,
        "by_person": False,
    }


def fill(connection: Connection, said: Iterator[str], count: int) -> None:
    """Sources, recordings, speakers and segments; a viewer may see one source of eight."""
    connection.execute(
        insert(SourceRow),
        [
            {
                "id": f"s_{n}",
                "name": f"Place {n}",
                "kind": "file",
                "options": {},
                "keep": {},
                "enabled": True,
                "made_s": 0.0,
            }
            for n in range(SOURCES)
        ],
    )
    user = {"id": SOMEBODY.id, "name": "u", "folded": "u", "role": "viewer", "enabled": True, "made_s": 0.0}
    connection.execute(insert(UserRow), [user])
    connection.execute(insert(GrantRow), [{"user_id": SOMEBODY.id, "source_id": "s_1", "verb": "view"}])
    for first in range(0, count, OF_A_RECORDING):
        number, began_s = first // OF_A_RECORDING, BEGAN_S + 4.0 * first
        ident = f"r_{number}"
        recording(connection, ident, number, began_s)
        rows = [
            segment(ident, n + 1, began_s + 4.0 * n, 4.0 * n, one)
            for n, one in enumerate(itertools.islice(said, OF_A_RECORDING))
        ]
        connection.execute(insert(SegmentRow), rows)


def recording(connection: Connection, ident: str, number: int, began_s: float) -> None:
    """A recording of a source, and its three speakers."""
    values = {
        "id": ident,
        "kind": "live",
        "state": "whole",
        "title": f"Talk {number}",
        "source_id": f"s_{number % SOURCES}",
        "began_s": began_s,
        "duration_s": 1200.0,
        "language": "en",
        "about": {},
        "kept": False,
        "made_s": began_s,
        "changed_s": began_s,
    }
    connection.execute(insert(RecordingRow), [values])
    own = {"by_person": False} if hasattr(SpeakerRow, "by_person") else {}
    speakers = [
        {"recording_id": ident, "label": f"S{n}", "name": f"Person {(number + n) % 40}", "speech_s": 1.0, **own}
        for n in (1, 2, 3)
    ]
    connection.execute(insert(SpeakerRow), speakers)


def kinds(words: list[str]) -> dict[str, Callable[[int], tuple[Viewer, str, dict[str, Any]]]]:
    """Queries by what they are; the number makes each another one."""
    far = len(words) // 3
    return {
        "a rare word": lambda n: (HOUSE, words[far + 37 * n], {}),
        "a common word": lambda n: (HOUSE, words[n % 20], {}),
        "two words": lambda n: (HOUSE, f"{words[30 + n]} {words[90 + 3 * n]}", {}),
        "a phrase": lambda n: (HOUSE, f'"{words[5 + n]} {words[n % 7]}"', {}),
        "the beginning of a word": lambda n: (HOUSE, f"{words[200 + 11 * n][:4]}*", {}),
        "one of two, not a third": lambda n: (HOUSE, f"{words[60 + n]} OR {words[150 + n]} -{words[n % 9]}", {}),
        "everything, newest": lambda _: (HOUSE, "", {}),
        "filtered newest: a word of a source": lambda n: (
            HOUSE,
            f"{words[10 + n]} source:s_{n % SOURCES}",
            {"count": False},
        ),
        "the same with its count": lambda n: (HOUSE, f"{words[10 + n]} source:s_{n % SOURCES}", {}),
        "a word since a day": lambda n: (HOUSE, f"{words[10 + n]} after:2025-10-20", {}),
        "a word by a speaker": lambda n: (HOUSE, f'{words[20 + n]} speaker:"person {n % 40}"', {}),
        "a word, by who may see an eighth": lambda n: (SOMEBODY, words[10 + n], {"count": False}),
        "an eighth, with its count": lambda n: (SOMEBODY, words[10 + n], {}),
        "a rare word, by relevance": lambda n: (HOUSE, words[far + 41 * n], {"sort": "relevance"}),
        "a common word, by relevance": lambda n: (HOUSE, words[n % 20], {"sort": "relevance"}),
        "a word with a typo": lambda n: (HOUSE, words[far + 37 * n] + "x", {}),
    }


def search(name: str, database: Database, words: list[str], repeat: int) -> Iterator[list[Any]]:
    """A row for each kind of query."""
    seek = Search(database)
    for what, query in kinds(words).items():
        took = list[float]()
        for n in range(repeat + 1):
            viewer, asked, how = query(n)
            began = time.perf_counter()
            seek.find(viewer, asked, **how)
            took.append(1000 * (time.perf_counter() - began))
        yield row(name, what, took[1:])


def said_by_one(row: dict[str, Any]) -> dict[str, Any]:
    """What a live session tells of a segment."""
    return {k: v for k, v in row.items() if k not in {"recording_id", "revision", "by_person"}}


def write(name: str, database: Database, said: Iterator[str], rate: int, seconds: float) -> list[Any]:
    """Hand over segments at a rate, and see when each is kept."""
    took, done, total = list[float](), threading.Event(), round(rate * seconds)
    with closing(Writer(database)) as writer:
        writer.write(lambda c: recording(c, f"r_written_{rate}", 0, BEGAN_S))
        texts = enumerate(itertools.islice(said, total))
        rows = [said_by_one(segment("", n + 1, BEGAN_S, 4.0 * n, one)) for n, one in texts]
        began = time.perf_counter()
        for n, values in enumerate(rows):
            due = began + n / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            handed = time.perf_counter()

            def kept(_: object, handed: float = handed) -> None:
                took.append(1000 * (time.perf_counter() - handed))
                if len(took) == total:
                    done.set()

            change = partial(told.final, f"r_written_{rate}", values, n + 1)
            writer.submit(change).add_done_callback(kept)
        done.wait()
        real = total / (time.perf_counter() - began)
    return row(name, f"write {rate} segments/s (came to {real:.0f})", took)


def row(name: str, what: str, took: list[float]) -> list[Any]:
    """A row of the table."""
    p50, p95, p99 = (round(float(p), 2) for p in np.percentile(took, (50, 95, 99)))
    print(f"{name:10}  {what:45} p50 {p50:8.2f}  p95 {p95:8.2f}  p99 {p99:8.2f}  most {max(took):8.2f} ms", flush=True)
    return [name, what, p50, p95, p99, round(max(took), 2), len(took)]


def measure(name: str, database: Database, options: argparse.Namespace) -> list[list[Any]]:
    """Fill a database, search it, write into it."""
    words = vocabulary()
    said, began = sentences(words, options.segments + 200_000), time.perf_counter()
    with database.writing() as connection:
        fill(connection, said, options.segments)
    print(f"{name}: {options.segments / (time.perf_counter() - began):.0f} segments/s into it at once")
    if name == "PostgreSQL":
        with database.writing() as connection:
            connection.execute(text("ANALYZE"))
    rows = list(search(name, database, words, options.repeat))
    rows += [write(name, database, said, rate, options.seconds) for rate in options.rates]
    return rows


def main() -> None:
    """Measure, print, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=300_000)
    parser.add_argument("--repeat", type=int, default=40)
    parser.add_argument("--rates", type=int, nargs="*", default=[2000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database too, or `own`")
    options = parser.parse_args()
    rows = list[list[Any]]()
    with tempfile.TemporaryDirectory() as folder, closing(Database(Path(folder) / "archive.db")) as database:
        rows += measure("SQLite", database, options)
    if options.database:
        with reached(options.database) as address, closing(Database(address)) as database:
            rows += measure("PostgreSQL", database, options)
    common.report("archive", f"Search and writing, {options.segments} segments", COLUMNS, rows)


if __name__ == "__main__":
    main()
