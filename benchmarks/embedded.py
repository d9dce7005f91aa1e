"""The embedded recogniser's graphs against those in its wheel: the same weights and clips, CPU time of one thread.

    python benchmarks/embedded.py [--repeat 7] [--clips 14]

Reference recordings as the cutter leaves them, each decoded on its own and greedily by both; they take turns, clip by
clip, and medians over the rounds are compared. Says how many clips have the same tokens, and how long loading takes.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

import common
from earwitness import config
from earwitness.audio import decode
from earwitness.engines.embedded import graphs, weights
from earwitness.engines.moonshine import END, START, TOKENS_A_SECOND
from earwitness.hardware import ort, sketch
from earwitness.kit import Kit
from earwitness.models import catalog
from earwitness.stages import speech
from earwitness.types import Audio, Clip

COLUMNS = ["what", "the wheel's graphs", "ours", "ours / the wheel's"]

Found = tuple[list[int], float, float]
"""Tokens, and seconds of CPU until the first and until the last of them."""


def wheel(encoder: ort.Session, decoder: ort.Session) -> Callable[[Clip], Found]:
    """The wheel's own graphs in the shortest loop."""
    shapes = {i.name: i.shape for i in decoder.get_inputs() if i.name.startswith("past_key_values")}
    growing = [n for n in shapes if ".decoder." in n]

    def call(clip: Clip) -> Found:
        began = time.process_time()
        sound = clip.audio.samples[None]
        mask = np.ones(sound.shape, np.int64)
        hidden = encoder.run(None, {"input_values": sound, "attention_mask": mask})[0]
        feed: dict[str, NDArray[Any]] = {"encoder_attention_mask": mask, "encoder_hidden_states": hidden}
        feed |= {n: np.zeros((1, int(s[1]), 0, int(s[3])), np.float32) for n, s in shapes.items()}
        feed["input_ids"], tokens, first_s = np.full((1, 1), START, np.int64), list[int](), 0.0
        while not tokens or (tokens[-1] != END and len(tokens) < clip.audio.duration_s * TOKENS_A_SECOND + 2):
            kept = growing if tokens else list(shapes)
            feed["use_cache_branch"] = np.array([bool(tokens)])
            logits, *cache = decoder.run(["logits", *(n.replace("past_key_values", "present") for n in kept)], feed)
            feed |= dict(zip(kept, cache, strict=True))
            feed["input_ids"] = logits.argmax(axis=2)
            tokens.append(int(feed["input_ids"][0, 0]))
            first_s = first_s or time.process_time() - began
        return tokens, first_s, time.process_time() - began

    return call


def ours(listening: ort.Session, saying: ort.Session) -> Callable[[Clip], Found]:
    """Our graphs in the shortest loop."""

    def call(clip: Clip) -> Found:
        began = time.process_time()
        heard = dict(zip(graphs.HEARD, listening.run(graphs.HEARD, {"sound": clip.audio.samples[None]}), strict=True))
        past = dict.fromkeys(graphs.PAST, np.zeros((1, graphs.HEADS, 0, graphs.SIZE), np.float32))
        token, tokens, first_s = np.full((1, 1), START, np.int64), list[int](), 0.0
        while not tokens or (tokens[-1] != END and len(tokens) < clip.audio.duration_s * TOKENS_A_SECOND + 2):
            feed = {"token": token, "place": np.array([len(tokens)], np.int64), **heard, **past}
            logits, *grown = saying.run(["logits", *graphs.GROWN], feed)
            past = dict(zip(graphs.PAST, grown, strict=True))
            token = logits.argmax(axis=2)
            tokens.append(int(token[0, 0]))
            first_s = first_s or time.process_time() - began
        return tokens, first_s, time.process_time() - began

    return call


def opened() -> Callable[[Clip], Found]:
    """Our graphs, written down and opened."""
    encoder, decoder = weights.read(catalog.locate(catalog.default()).files, what="ours")
    signed = sketch.multiplies_signed()
    written = (graph(encoder, decoder, signed=signed) for graph in (graphs.listening, graphs.saying))
    return ours(*(ort.cpu_session(graph, what="ours") for graph in written))


def wheels() -> Callable[[Clip], Found]:
    """The wheel's graphs, opened."""
    files = catalog.locate(catalog.default()).files
    return wheel(*(ort.cpu_session(files[role], what=role) for role in ("encoder", "decoder")))


def cut(count: int) -> list[Clip]:
    """Clips of the reference recordings."""
    with Kit(config.load()) as kit:
        sounds = [decode.decode(r.path).samples for r in common.references(*common.PLAIN)[:count]]
        stretches = [s for x in sounds for s in speech.stretches([Audio(x)], kit.vad, speech.Listening())]
    return [Clip(s.audio) for s in stretches]


def timed(load: Callable[[], Callable[[Clip], Found]]) -> tuple[Callable[[Clip], Found], float]:
    """What was loaded, and the seconds of CPU it took."""
    began = time.process_time()
    return load(), time.process_time() - began


def measured(clips: Sequence[Clip], repeat: int) -> list[list[Any]]:
    """The table."""
    ort.runtime()  # else the first to be loaded would pay for its import
    (theirs, theirs_s), (mine, mine_s) = timed(wheels), timed(opened)
    ways = [theirs, mine]
    rounds = [[[way(clip) for way in ways] for clip in clips] for _ in range(repeat)]
    same = sum(a[0] == b[0] for a, b in rounds[0])
    print(f"{same} of {len(clips)} clips have the same tokens", file=sys.stderr)
    sound_s = sum(clip.audio.duration_s for clip in clips)
    steps = sum(len(found[1][0]) - 1 for found in rounds[0])
    rows: list[list[Any]] = [["load, s", theirs_s, mine_s, mine_s / theirs_s]]
    parts: dict[str, Callable[[Found], float]] = {
        "to the first token, ms a second of sound": lambda found: found[1] * 1e3 / sound_s,
        "a further token, ms": lambda found: (found[2] - found[1]) * 1e3 / steps,
        "all clips, s": lambda found: found[2],
    }
    for name, of in parts.items():
        each = [[sum(of(found[way]) for found in each_clip) for each_clip in rounds] for way in (0, 1)]
        a, b = (median(e) for e in each)
        rows.append([name, a, b, median(y / x for x, y in zip(*each, strict=True))])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=14, metavar="N", help="recordings (14)")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="rounds (7)")
    options = parser.parse_args()
    rows = measured(cut(options.clips), options.repeat)
    title = f"Moonshine tiny-en, CPU time, medians of {options.repeat} rounds"
    common.report("embedded", title, COLUMNS, rows)


if __name__ == "__main__":
    main()
