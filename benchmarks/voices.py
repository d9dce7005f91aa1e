"""How alike the voices of clips are, of one person and of two: what the thresholds for names were set by.

    python benchmarks/voices.py

Embeddings of all clips of the reference recordings that name one speaker, clean, noisy and over the telephone, by the
embedded diarizer; the cosine of each pair. `--least` leaves shorter clips out.
"""

import argparse
import json
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np

import common
from earwitness.audio import decode
from earwitness.kit import Kit

KINDS = ("read_en", "noisy_en", "phone_en")
COLUMNS = ["clips of at least", "pairs", "who", "lowest", "1 %", "5 %", "median", "95 %", "99 %", "99.9 %", "highest"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=float, nargs="+", default=[0.0, 3.0, 6.0], metavar="S", help="seconds (0 3 6)")
    options = parser.parse_args()
    named = [json.loads(line) for line in (common.DATA / "dev" / "manifest.jsonl").read_text().splitlines()]
    clips = [r for r in named if r["kind"] in KINDS and len(r.get("speakers") or ()) == 1]
    found = []
    with tempfile.TemporaryDirectory() as folder, Kit(common.settings(Path(folder))) as kit:
        for clip in clips:
            audio = decode.decode(common.DATA / "dev" / clip["file"])
            if voice := kit.diarizer().voice(audio):
                found.append((clip["speakers"][0], audio.duration_s, np.array(voice)))
    rows = []
    for least_s in options.least:
        pairs = [(a[0] == b[0], float(a[2] @ b[2])) for a, b in combinations(found, 2) if min(a[1], b[1]) >= least_s]
        for same in (True, False):
            likeness = [cosine for one, cosine in pairs if one == same]
            shares = np.percentile(likeness, [0, 1, 5, 50, 95, 99, 99.9, 100]).round(3).tolist()
            rows.append([f"{least_s:g} s", len(likeness), "one person" if same else "two people", *shares])
    title = f"Likeness of voices, {len(found)} of {len(clips)} clips of {len({f[0] for f in found})} people"
    common.report("voices", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
