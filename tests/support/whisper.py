"""The small Whisper under tests/assets, and what its recordings say."""

import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from earwitness.audio import decode
from earwitness.types import Samples

MICRO = Path(__file__).resolve().parent.parent / "assets" / "whisper-micro"
MODEL, RECORDINGS = MICRO / "model", MICRO / "wavs"

EXACT = ("01", "02", "03", "04", "07", "08", "09")
"""Clips that every engine must get right to the word; see the model's README."""


@dataclass(frozen=True)
class Spoken:
    """One recording, and what is said in it."""

    name: str
    text: str
    language: str
    segments: tuple[tuple[float, float, str], ...]

    @property
    def samples(self) -> Samples:
        """The sound, at 16 kHz."""
        return decode.decode(RECORDINGS / self.name).samples


@cache
def recordings() -> tuple[Spoken, ...]:
    """All recordings, in the order of their numbers."""
    found = []
    for line in (RECORDINGS / "manifest.jsonl").read_text("utf-8").splitlines():
        told = json.loads(line)
        parts = tuple((s["start"], s["end"], s["text"]) for s in told["segments"])
        found.append(Spoken(told["file"], told["text"], told["language"], parts))
    return tuple(found)


def exact() -> tuple[Spoken, ...]:
    """Those that every engine must get right."""
    return tuple(r for r in recordings() if r.name[:2] in EXACT)


UNUSED = 50256
"""A token without text; English-only models lack it, so what follows has smaller numbers there."""


def english(folder: Path) -> Path:
    """The small Whisper as a model that knows English alone: the same weights, without that token. Makes `folder`."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(MODEL, folder)
    weights = load_file(folder / "model.safetensors")
    name = "model.decoder.embed_tokens.weight"
    weights[name] = np.delete(weights[name], UNUSED, axis=0)
    save_file(weights, folder / "model.safetensors")
    for file in ("config.json", "generation_config.json", "tokenizer.json"):
        told = json.loads((folder / file).read_text("utf-8"))
        if file == "tokenizer.json":
            for token in told["added_tokens"]:
                token["id"] -= token["id"] > UNUSED
            told["model"]["vocab"] = {t: i - (i > UNUSED) for t, i in told["model"]["vocab"].items() if i != UNUSED}
            told["post_processor"] = None
        else:
            told = {k: v - 1 if k.endswith("_token_id") and v else v for k, v in told.items()}
            told |= {"vocab_size": told["vocab_size"] - 1} if "vocab_size" in told else {"is_multilingual": False}
            for name in ("lang_to_id", "task_to_id", "suppress_tokens", "begin_suppress_tokens"):
                told.pop(name, None)
        (folder / file).write_text(json.dumps(told), "utf-8")
    return folder
