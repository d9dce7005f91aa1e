"""Who spoke when on the reference recordings: diarization error rate, speaker counts and speed of the embedded part.

    python benchmarks/speakers.py [--known]

Without a collar, overlap counted, inside each recording's UEM. `real` are the recordings of people in one place or on
the telephone, `made` are mixtures of read speech, `conversations` those of whole utterances with their text; which
is which is told by the file's name. Speed is in seconds of sound for each second of processor time, decoding included,
after the networks are loaded, in a process of its own whose libraries may use one thread. `--known` tells the number of
speakers.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import common
from earwitness.kit import Kit
from earwitness.rollout import evaluate, manifest
from earwitness.rollout.evaluate import Scored, Wish
from earwitness.rollout.scores import DER, check

REAL = ("ami_", "pyannote_", "falcon_")
GROUPS: dict[str, str | tuple[str, ...]] = {"all": "", "real": REAL, "made": "made_", "conversations": "conv_"}
COLUMNS = ["recordings", "files", "DER %", "missed", "false", "confused", "JER %", "count exact", "x real time a core"]


def row(name: str, found: list[tuple[Scored, float]]) -> list[str | int | float]:
    """One line of the table."""
    total = evaluate.total([scored for scored, _ in found])
    s = total.speakers
    assert s is not None
    assert s.der is not None
    assert s.jer is not None
    parts = [round(100 * x / s.speech_s, 2) for x in (s.missed_s, s.false_s, s.confused_s)]
    speed = total.duration_s / sum(cpu_s for _, cpu_s in found)
    count = f"{s.counted} of {s.recordings}"
    return [name, len(found), round(100 * s.der, 2), *parts, round(100 * s.jer, 2), count, round(speed, 1)]


def one(*, known: bool) -> None:
    """In the child process: run all and tell the lines of the table."""
    folder, wish = common.DATA / "dev", Wish((DER,), tell_count=known)
    rows = manifest.read(folder / "manifest.jsonl", ("diar",))
    found = list[tuple[Scored, float]]()
    with tempfile.TemporaryDirectory() as home, Kit(common.settings(Path(home))) as kit:
        evaluate.one(rows[0], folder, wish, kit)
        for recording in rows:
            began = time.process_time()
            scored = evaluate.one(recording, folder, wish, kit)
            found.append((scored, time.process_time() - began))
            if scored.error:
                raise scored.error
    groups = {name: [f for f in found if Path(f[0].file).name.startswith(prefix)] for name, prefix in GROUPS.items()}
    common.tell(lines=[row(name, some) for name, some in groups.items() if some])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", action="store_true", help="tell the number of speakers")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(known=options.known)
        return
    common.references("diar")
    check([DER])
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    found = common.child(__file__, "--one", *(["--known"] if options.known else []))
    title = "Who spoke when, the number of speakers told" if options.known else "Who spoke when"
    common.report("speakers_known" if options.known else "speakers", title, COLUMNS, found.told["lines"])


if __name__ == "__main__":
    main()
