"""What Earwitness costs over the bare runtime: the same model, clips, settings and cores, by the runtime's own API.

    python benchmarks/runtime_cost.py                       the small Whisper under tests/assets
    python benchmarks/runtime_cost.py --shape base --clips 8   weights of whisper-base's shape, made up by chance
    python benchmarks/runtime_cost.py --engines onnx --repeat 9

One file: its clips go through the runtime as batches of eight, with one call for each core at a time; and through a
lane. Eight requests: eight clients at once on one loaded model, each with short recordings one after the other. The
ways take turns, and medians are compared: of seconds, and of the processor's seconds, which other work on the machine
stretches less. Where weights are made up the text means nothing, and is the same on both sides.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import common
from earwitness.audio import features
from earwitness.engines.whisper import MOST_TOKENS
from earwitness.engines.whisper.rules import Row, Rules
from earwitness.hardware import ort, probe
from earwitness.kit import Kit
from earwitness.models.convert import convert
from earwitness.models.lane import Lane
from earwitness.types import Ask, Audio, Clip

MICRO = common.ROOT / "tests" / "assets" / "whisper-micro"
SHAPES = {"tiny": (384, 6, 4), "base": (512, 8, 6), "small": (768, 12, 12)}
"""Width, heads and layers."""

START, END, FIRST_STAMP, SIZE = (50_258, 50_259, 50_359), 50_257, 50_364, 51_865
BATCH, REQUESTS = 8, 8
LAST = np.array([-1])
ONE, EIGHT = (
    [f"{what}: {column}" for column in ("bare s", "earwitness s", "ratio", "CPU ratio")] for what in ("one", "eight")
)
COLUMNS = ["engine", *ONE, *EIGHT]

Texts = list[tuple[int, ...]]
Bare = Callable[[Sequence[Clip]], Texts]


def ctranslate2(folder: Path, cores: int) -> Bare:
    """CTranslate2's own `Whisper`."""
    import ctranslate2 as runtime

    model = runtime.models.Whisper(str(folder), device="cpu", inter_threads=cores, intra_threads=1)

    def call(clips: Sequence[Clip]) -> Texts:
        heard = model.encode(runtime.StorageView.from_array(_mels(clips)))
        prompts = [list(START)] * len(clips)
        most = len(START) + MOST_TOKENS
        found = model.generate(heard, prompts, beam_size=1, sampling_topk=1, max_length=most, return_scores=True,
                               return_no_speech_prob=True)  # fmt: skip
        return [tuple(r.sequences_ids[0]) for r in found]

    return call


def onnx(folder: Path, _: int) -> Bare:
    """The two sessions, which any number of threads may call, in the shortest loop that keeps Whisper's rules."""
    parts = [ort.cpu_session(folder / f"{part}.onnx", what=part) for part in ("encoder", "decoder")]
    kept, given = ([o.name for o in part.get_outputs()] for part in parts)
    told = json.loads((folder / "generation_config.json").read_text())
    rules = Rules(SIZE, END, FIRST_STAMP, told["suppress_tokens"])
    shapes = {i.name: (int(i.shape[1]), int(i.shape[3])) for i in parts[1].get_inputs() if i.name.startswith("past_")}

    def call(clips: Sequence[Clip]) -> Texts:
        each = [parts[0].run(kept, {"mels": mel[None]}) for mel in _mels(clips)]
        heard = {name: np.concatenate(of) for name, of in zip(kept, zip(*each, strict=True), strict=True)}
        past = {name: np.zeros((len(clips), h, 0, s), np.float32) for name, (h, s) in shapes.items()}
        tokens = np.array([START] * len(clips), np.int64)
        rows = [Row(rules, 0.0, np.random.default_rng()) for _ in clips]
        going = rows
        while going:
            found = dict(zip(given, parts[1].run(given, {"tokens": tokens, "at": LAST, **past, **heard}), strict=True))
            for row, logits in zip(going, found["logits"][:, 0], strict=True):
                row.add(logits)
            left = [i for i, row in enumerate(going) if not row.done]
            past = {name: found[name.replace("past", "present")] for name in shapes}
            if len(left) < len(going):
                past, heard = ({n: v[left] for n, v in some.items()} for some in (past, heard))
                going = [going[i] for i in left]
            tokens = np.array([[row.ids[-1]] for row in going], np.int64)
        return [tuple(row.ids) for row in rows]

    return call


RUNTIMES: dict[str, Callable[[Path, int], Bare]] = {"ctranslate2": ctranslate2, "onnx": onnx}


def _mels(clips: Sequence[Clip]) -> Any:
    return np.stack([features.log_mel(clip.audio.samples) for clip in clips])


def in_batches(call: Bare, clips: Sequence[Clip], cores: int) -> Texts:
    """A file through the bare runtime: batches, with a call for each core at a time."""
    parts = [clips[i : i + BATCH] for i in range(0, len(clips), BATCH)]
    with ThreadPoolExecutor(cores) as threads:
        return [text for found in threads.map(call, parts) for text in found]


def in_lane(lane: Lane, clips: Sequence[Clip]) -> Texts:
    """A file through a lane."""
    with lane.seat() as seat:
        found = [f.result() for f in [seat.submit(clip) for clip in clips]]
    return [tuple(i for segment in of_clip for i in segment.token_ids) for of_clip in found]


def at_once(way: Callable[[Sequence[Clip]], Texts], clips: Sequence[Clip]) -> None:
    """Requests of a clip each, from as many clients as `REQUESTS`; each sends the next when it has the answer."""

    def client(mine: Sequence[Clip]) -> None:
        for clip in mine:
            way([clip])

    with ThreadPoolExecutor(REQUESTS) as clients:
        list(clients.map(client, [clips[i::REQUESTS] for i in range(REQUESTS)]))


def measured(ways: Sequence[Callable[[], object]], repeat: int) -> list[tuple[float, float]]:
    """Median seconds of each way, and of the processor; they take turns, after one round that does not count."""
    took: list[list[tuple[float, float]]] = [[] for _ in ways]
    for turn in range(repeat + 1):
        for i in sorted(range(len(ways)), key=lambda i: (i + turn) % len(ways)):
            began, worked = time.perf_counter(), time.process_time()
            ways[i]()
            if turn:
                took[i].append((time.perf_counter() - began, time.process_time() - worked))
    return [(median(wall), median(cpu)) for wall, cpu in (zip(*of, strict=True) for of in took)]


def compared(bare: tuple[float, float], house: tuple[float, float]) -> list[float]:
    """Seconds of both, and the ratios of seconds and of the processor's."""
    return [bare[0], house[0], house[0] / bare[0], house[1] / bare[1]]


def made_up(shape: str, folder: Path) -> Path:
    """A checkpoint of that shape with weights by chance, and the small Whisper's tokenizer."""
    from safetensors.numpy import load_file, save_file

    width, heads, layers = SHAPES[shape]
    shutil.copytree(MICRO / "model", folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"d_model": width}
    for half in ("encoder", "decoder"):
        config |= {f"{half}_layers": layers, f"{half}_ffn_dim": 4 * width, f"{half}_attention_heads": heads}
    (folder / "config.json").write_text(json.dumps(config))
    old, chance = load_file(folder / "model.safetensors"), np.random.default_rng(1)
    new: dict[str, Any] = {}
    sizes = {128: width, 512: 4 * width}
    for name, tensor in old.items():
        if ".layers." in name and ".layers.0." not in name:
            continue
        wide = tuple(sizes.get(n, n) for n in map(int, tensor.shape))
        for i in range(layers if ".layers." in name else 1):
            plain = np.ones(wide) if "norm.weight" in name else chance.normal(0, 0.02, wide)
            new[name.replace(".layers.0.", f".layers.{i}.")] = plain.astype(np.float16)
    save_file(new, folder / "model.safetensors")
    return folder


def row(name: str, kit: Kit, root: Path, source: Path, count: int, repeat: int) -> list[Any]:
    """One engine's numbers."""
    stored = convert(
        source, root, model="whisper-x", form=name, precision="int8" if name == "ctranslate2" else "float32"
    )
    cores = probe.machine().cores
    bare = RUNTIMES[name](stored.path, cores)
    lane = kit.load(kit.plan(stored.name))
    sounds = [common.load_wav(path) for path in sorted((MICRO / "wavs").glob("*.wav"))]
    clips = [Clip(Audio(s), Ask(language="en")) for s in sounds[:11]] * 3
    clips = clips[:count]
    ours = [tuple(i for i in ids if i < FIRST_STAMP) for ids in in_lane(lane, clips)]
    theirs = [tuple(i for i in ids if i < FIRST_STAMP) for ids in in_batches(bare, clips, cores)]
    if (same := sum(a == b for a, b in zip(ours, theirs, strict=True))) < len(clips):
        print(f"{name}: {same} of {len(clips)} clips have the same tokens", file=sys.stderr)
    ways = [
        lambda: in_batches(bare, clips, cores),
        lambda: in_lane(lane, clips),
        lambda: at_once(bare, clips),
        lambda: at_once(lambda some: in_lane(lane, some), clips),
    ]
    one, house, eight, eight_house = measured(ways, repeat)
    lane.close()
    return [name, *compared(one, house), *compared(eight, eight_house)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=list(RUNTIMES), default=list(RUNTIMES))
    parser.add_argument(
        "--shape", choices=list(SHAPES), help="made-up weights of that size; the small Whisper if left out"
    )
    parser.add_argument("--clips", type=int, default=33, metavar="N", help="clips, up to 33 (33)")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="rounds (7)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        source = made_up(options.shape, home / "whisper-x") if options.shape else MICRO / "model"
        with Kit(common.settings(home)) as kit:
            rows = [
                row(e, kit, kit.settings.models_folder, source, options.clips, options.repeat) for e in options.engines
            ]
    title = f"Over the bare runtime, {options.shape or 'the small Whisper'}, medians of {options.repeat} rounds"
    common.report("runtime_cost", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
