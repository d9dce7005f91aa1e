"""Checks what starting costs: `import earwitness` and `earwitness --help`, the best of some runs.

python tools/import_time.py
"""

import subprocess
import sys
import time

RUNS = 7
LIMITS_S = {
    "import earwitness": (["-c", "import earwitness"], 0.2),
    "earwitness --help": (["-m", "earwitness", "--help"], 0.5),
}


def main() -> int:
    """Print the times; 1 if one is over its limit."""
    empty = best(["-c", "pass"])
    slow = False
    for name, (words, limit_s) in LIMITS_S.items():
        took_s = best(words) - (empty if words[0] == "-c" else 0.0)
        slow |= took_s > limit_s
        print(f"{name}: {took_s:.3f} s of {limit_s} s{'  TOO SLOW' if took_s > limit_s else ''}")
    return slow


def best(words: list[str]) -> float:
    """Seconds of the fastest run."""
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        found.append(time.perf_counter() - began)
    return min(found)


if __name__ == "__main__":
    sys.exit(main())
