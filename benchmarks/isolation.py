"""What it costs to run an engine in a process of its own: the same calls in this process and through the pipe.

    python benchmarks/isolation.py [--model default] [--repeat 15]

Clips are cut from the sample recording that comes with the recogniser. Both engines are loaded once, and the two take
turns, each round beginning with the other. `ratio` is the quotient of the medians. The double (`fake`) does next to
nothing, so that its rows show the bare cost of a call. `loading` is from nothing to the first answer. Both ways must
give one text; where they don't, a line says so.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import common
from earwitness.audio import timebase
from earwitness.engines import Engine, Spec
from earwitness.kit import Kit
from earwitness.models import catalog
from earwitness.models.catalog import sample
from earwitness.models.isolated import Apart
from earwitness.types import Audio, Clip

SHAPES = {"1 clip of 2 s": (1, 2.0), "1 clip of 10 s": (1, 10.0), "6 clips of 10 s": (6, 10.0)}
COLUMNS = ["model, call", "here ms", "in its own process ms", "more ms", "ratio"]


def clips_of(count: int, seconds: float) -> list[Clip]:
    """Clips of that length from the sample, each from another place."""
    sound, size = common.load_wav(sample()), timebase.samples(seconds)
    starts = [i * (len(sound) - size) // max(1, count - 1) for i in range(count)]
    return [Clip(Audio(sound[start : start + size], start)) for start in starts]


def opened(kit: Kit, model: str, *, apart: bool) -> Engine:
    """The engine of a model, here or in a process of its own."""
    plan = kit.plan(model)
    spec: Spec = kit.engines.get(plan.engine)
    spec = Apart(spec) if apart else spec
    return spec.load(catalog.locate(kit.catalog.find(plan.model)), plan.device, spec.Options())


def turns(ways: Sequence[Callable[[], Any]], repeat: int) -> list[float]:
    """The median milliseconds of each way, after one round that does not count."""
    took: list[list[float]] = [[] for _ in ways]
    for turn in range(repeat + 1):
        found = []
        for i in sorted(range(len(ways)), key=lambda i: (i + turn) % len(ways)):
            began = time.perf_counter()
            found.append(ways[i]())
            if turn:
                took[i].append(1000 * (time.perf_counter() - began))
        if any(f != found[0] for f in found):
            print(f"round {turn}: the results differ", file=sys.stderr)
    return [median(t) for t in took]


def row(name: str, here: float, apart: float) -> list[Any]:
    """One row of the table."""
    return [name, here, apart, apart - here, apart / here]


def calls(kit: Kit, model: str, repeat: int) -> list[list[Any]]:
    """The rows of a model's calls."""
    here, apart = (opened(kit, model, apart=a) for a in (False, True))
    rows = []
    for name, shape in SHAPES.items():
        clips = clips_of(*shape)
        ways = [lambda e=e, c=clips: [[s.text for s in r] for r in e.transcribe(c)] for e in (here, apart)]
        rows.append(row(f"{model}, {name}", *turns(ways, repeat)))
    here.close()
    apart.close()
    return rows


def loading(kit: Kit, model: str, repeat: int) -> list[Any]:
    """The row of a model's loading."""
    clips = clips_of(1, 2.0)

    def load(apart: bool) -> None:
        engine = opened(kit, model, apart=apart)
        engine.transcribe(clips)
        engine.close()

    return row(f"{model}, loading", *turns([lambda: load(False), lambda: load(True)], repeat))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default", help="name of an installed model (default)")
    parser.add_argument("--repeat", type=int, default=15, metavar="N", help="rounds (15)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Kit(common.settings(Path(name))) as kit:
        rows = [
            *calls(kit, options.model, options.repeat),
            *calls(kit, "fake", options.repeat),
            loading(kit, options.model, max(3, options.repeat // 3)),
        ]
    common.report("isolation", f"Isolation, medians of {options.repeat} rounds", COLUMNS, rows)


if __name__ == "__main__":
    main()
