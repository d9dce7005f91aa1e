"""How long until the first word, from cold and from warm, and what starting costs.

    python benchmarks/first_word.py [--minutes 5] [--repeat 7]

- Starting: `import earwitness` by itself, the public call (`from earwitness import transcribe`), and the command
  `earwitness --help`, each in a fresh process. Imports are timed inside the process, and the modules counted are those
  that the import adds to a bare interpreter.
- A recording, cold: a fresh Python process imports the package, loads the models and runs; the parent's clock stops at
  the first line that it prints, which it does in `on_segments`. Its three parts stand below.
- A short recording, cold: the command `earwitness transcribe FILE` on the first ten seconds, until it ends.
- The server: from the start of `earwitness serve` until `/readyz` says 200; then, warm, from sending the recording
  with `stream=true` until the first delta is read.

Milliseconds, medians over the rounds; the fastest and slowest stand beside them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import common

SHORT_S = 10.0
IMPORT = """
import sys, time
before, began = len(sys.modules), time.perf_counter()
{statement}
print(time.perf_counter() - began, len(sys.modules) - before)
"""
COLUMNS = ["what", "median ms", "fastest ms", "slowest ms", "modules"]


def speak(path: Path, folder: Path) -> None:
    """In the child process: print the first words as soon as they are there, then what took how long."""
    began = time.perf_counter()
    from earwitness import batch, gathering
    from earwitness.kit import Kit
    from earwitness.stages.recipe import Recipe

    imported, stop, heard = time.perf_counter(), gathering.Stop(), list[float]()
    with Kit(common.settings(folder)) as kit:
        kit.can("default")
        loaded = time.perf_counter()

        def first(_: object) -> None:
            if not heard:
                heard.append(time.perf_counter())
                print("words", flush=True)
            stop.set()

        batch.run(path, Recipe(), kit, on_segments=first, stop=stop)
    common.tell(imports=imported - began, models=loaded - imported, words=heard[0] - loaded)


def imported(statement: str) -> tuple[float, int]:
    """Seconds and modules of an import in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(statement=statement)], check=True, capture_output=True, text=True
    )
    seconds, modules = done.stdout.split()
    return float(seconds), int(modules)


def ran(*command: str, environment: Mapping[str, str] | None = None) -> float:
    """Seconds of a command."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began


def cold(path: Path, folder: Path) -> tuple[float, Mapping[str, float]]:
    """Seconds from starting a process to its first words, and their parts as the process tells them."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, __file__, "--one", path, folder], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        took_s = time.perf_counter() - began
        rest = process.stdout.read()
    if first != "words\n":
        sys.exit("the child process printed no words")
    return took_s, json.loads(rest.splitlines()[-1])


def delta(server: common.Server, path: Path) -> float:
    """Seconds from sending a recording to the first delta; the rest is read too, so that the server is free after."""
    began = time.perf_counter()
    answer = server.ask(path, stream="true")
    while not answer.readline().startswith(b"data: "):
        pass
    took_s = time.perf_counter() - began
    answer.read()
    return took_s


def starting(repeat: int) -> list[list[object]]:
    """Rows of the imports and the command's help."""
    rows = []
    bare = [ran(sys.executable, "-c", "pass") for _ in range(repeat)]
    rows.append(line("bare interpreter", bare))
    for statement in ("import earwitness", "from earwitness import transcribe"):
        found = [imported(statement) for _ in range(repeat)]
        rows.append(line(statement, [s for s, _ in found], found[0][1]))
    command = common.command()
    rows.append(line("earwitness --help, whole process", [ran(command, "--help") for _ in range(repeat)]))
    return rows


def line(what: str, seconds: list[float], modules: int | str = "") -> list[object]:
    """One row, in milliseconds."""
    return [what, *(round(1000 * s) for s in (median(seconds), min(seconds), max(seconds))), modules]


def rounds(repeat: int, measure: Callable[[], float]) -> list[float]:
    """The measure, again and again."""
    return [measure() for _ in range(repeat)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="length of the recording (5)")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="rounds (7)")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        speak(*options.one)
        return
    rows = starting(options.repeat)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = common.long_recording(options.minutes, folder)
        short = common.looped(path, SHORT_S, folder / "short.wav")
        home = common.environment(folder)
        found = [cold(path, folder) for _ in range(options.repeat)]
        rows.append(line("first words, cold process", [s for s, _ in found]))
        for part in ("imports", "models", "words"):
            rows.append(line(f"  of that: {part}", [told[part] for _, told in found]))
        whole = rounds(options.repeat, lambda: ran(common.command(), "transcribe", str(short), environment=home))
        rows.append(line(f"earwitness transcribe, {SHORT_S:g} s recording, whole process", whole))
        ready = []
        for turn in range(options.repeat):
            with common.serving(folder) as server:
                ready.append(server.ready_s)
                if turn == options.repeat - 1:
                    delta(server, short)
                    deltas = rounds(options.repeat, lambda: delta(server, path))
        rows.append(line("server, start to ready", ready))
        rows.append(line("server, warm, first delta", deltas))
    title = f"Time to the first word, {options.minutes:g} min recording, median of {options.repeat}"
    common.report("first_word", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
