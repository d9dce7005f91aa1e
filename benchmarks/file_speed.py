"""Speed, memory and word error rate on one long recording, beside the libraries a person would otherwise take.

    python benchmarks/file_speed.py [--minutes 30] [--repeat 3] [--no-peers] [--whisper-model FOLDER]

Each system transcribes the same WAV file in a fresh process: start, imports, loading the model, reading the file and
every word. The systems take turns, so that a busy minute of the machine hits all of them. Medians over the rounds.

- `earwitness` is `earwitness.transcribe(path)`.
- `moonshine-voice` is that library's own `transcribe_without_streaming`, with the file read by its own
  `load_wav_file`; the weights are the same as ours.
- `faster-whisper`, where the package and a CTranslate2 model folder are there (`--whisper-model` or
  EARWITNESS_BENCH_WHISPER), runs in int8 on all cores with its VAD filter and otherwise its defaults. It may stand in
  another environment: `--whisper-python`. Another model is another trade: read its speed beside its error rate.

`x real time` is seconds of sound a second of wall time, `x a core` a second of CPU time; `ours / it` is how many times
faster earwitness was, the median over the rounds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import common
from common import Child

OURS = "earwitness"
COLUMNS = ["system", "wall s", "CPU s", "x real time", "x a core", "peak MB", "WER %", "S/D/I", "ours / it"]


# ── in the child processes ───────────────────────────────────────────────────────────────────────────────────────────
def ours(path: Path, model: str) -> str:
    """One call of the package."""
    import earwitness

    return earwitness.transcribe(path, model=model or "default").text


def moonshine(path: Path, model: str) -> str:
    """The library's own file transcription."""
    from moonshine_voice import ModelArch, get_assets_path
    from moonshine_voice.transcriber import Transcriber
    from moonshine_voice.utils import load_wav_file

    folder = str(get_assets_path() / (model or "tiny-en"))
    library = Transcriber(folder, ModelArch.TINY, options={"return_audio_data": "false"})
    return " ".join(line.text for line in library.transcribe_without_streaming(*load_wav_file(path)).lines)


def whisper(path: Path, model: str) -> str:
    """faster-whisper with a model folder."""
    from faster_whisper import WhisperModel

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    library = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=cores, local_files_only=True)
    segments, _ = library.transcribe(str(path), language="en", vad_filter=True)
    return " ".join(segment.text.strip() for segment in segments)


HEAR: Mapping[str, Callable[[Path, str], str]] = {OURS: ours, "moonshine-voice": moonshine, "faster-whisper": whisper}


# ── in the parent ────────────────────────────────────────────────────────────────────────────────────────────────────
def systems(options: argparse.Namespace) -> dict[str, tuple[str, str]]:
    """Interpreter and model of each system that can be measured here; says why of each that can't."""
    wanted = {OURS: (sys.executable, "")}
    if options.no_peers:
        return wanted
    peers = {
        "moonshine-voice": ("moonshine_voice", sys.executable, ""),
        "faster-whisper": ("faster_whisper", options.whisper_python, options.whisper_model),
    }
    for name, (package, python, model) in peers.items():
        if subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode:
            print(f"{name} is left out: the package {package} is not there")
        elif name == "faster-whisper" and not (model and (Path(model) / "model.bin").is_file()):
            print(f"{name} is left out: no CTranslate2 model; give --whisper-model or set EARWITNESS_BENCH_WHISPER")
        else:
            wanted[name] = (python, model)
    return wanted


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="length of the recording (30)")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="rounds (3)")
    parser.add_argument("--no-peers", action="store_true", help="measure earwitness only")
    parser.add_argument("--whisper-model", metavar="FOLDER", default=os.environ.get("EARWITNESS_BENCH_WHISPER", ""))
    parser.add_argument("--whisper-python", metavar="PATH", default=sys.executable, help="where faster-whisper is")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, path, model = options.one
        common.tell(text=HEAR[name](Path(path), model))
        return
    with tempfile.TemporaryDirectory() as folder:
        made = common.long_recording(options.minutes, Path(folder))
        length_s = common.duration_s(made)
        text = (made.parent / "long.txt").read_text()
        wanted = systems(options)
        runs: dict[str, list[Child]] = {name: [] for name in wanted}
        for turn in range(options.repeat):
            for name, (python, model) in wanted.items():
                runs[name].append(common.child(__file__, "--one", name, str(made), model, python=python))
                print(f"round {turn + 1}, {name}: {runs[name][-1].wall_s:.1f} s")
    rows = []
    for name, found in runs.items():
        wall_s, cpu_s = median(r.wall_s for r in found), median(r.cpu_s for r in found)
        rate, _, kinds_of = common.error_rate([(text, found[0].told["text"])])
        ratio = median(it.wall_s / us.wall_s for it, us in zip(found, runs[OURS], strict=True))
        model = f", {Path(wanted[name][1]).name}" if wanted[name][1] else ""
        peak_mb = round(max(r.peak_mb for r in found))
        speeds = [length_s / wall_s, length_s / cpu_s]
        rows.append([name + model, wall_s, cpu_s, *speeds, peak_mb, rate, kinds_of, ratio])
    title = f"{length_s / 60:.1f} min recording, fresh processes, median of {options.repeat}"
    common.report("file_speed", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
