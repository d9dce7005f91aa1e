"""Reads a Whisper checkpoint: a folder with config.json, model.safetensors and tokenizer.json.

Source: the layout of transformers' WhisperForConditionalGeneration. Only safetensors are read: pickled weights can run
code when they are opened.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from earwitness.engines.whisper import follow
from earwitness.errors import BadInput, Missing, NotFound

Tensor = NDArray[np.float32]
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
TIED = "proj_out.weight"
AGAIN = "Download the model again."


class Tensors(Mapping[str, Tensor]):
    """The weights by name, as float32, read when they are wanted; a checkpoint may be in several files."""

    def __init__(self, folder: Path) -> None:
        try:
            from safetensors import safe_open
        except ImportError as error:
            raise Missing("safetensors is not installed: pip install safetensors") from error
        self._open: dict[str, Any] = {}
        for path in _weight_files(folder):
            try:
                opened: Any = safe_open(path, framework="numpy")
            except Exception as error:
                raise BadInput(f"{path.name} can't be read: {error}", remedy=AGAIN) from error
            self._open |= dict.fromkeys(opened.keys(), opened)

    @override
    def __getitem__(self, name: str) -> Tensor:
        found: Tensor = np.ascontiguousarray(self._open[name].get_tensor(name), np.float32)
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one, without reading it. Raises KeyError."""
        return tuple(self._open[name].get_slice(name).get_shape())

    @override
    def __iter__(self) -> Iterator[str]:
        return (name for name in self._open if name != TIED)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A Whisper model as it was trained. `tokens` are the tokenizer's entries by id, in its own spelling."""

    folder: Path
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    tokens: tuple[str, ...]

    @property
    def alignment_heads(self) -> tuple[tuple[int, int], ...]:
        """Layer and head of the cross-attentions that follow the sound."""
        return follow.heads(self.config, self.generation)

    def copy(self, names: Iterable[str], folder: Path) -> None:
        """Copy those of its files that are there."""
        for name in names:
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)


def read(folder: Path) -> Checkpoint:
    """A checkpoint.

    Raises NotFound where files are missing, BadInput where they are no Whisper model, Missing without safetensors.
    """
    config = _json(folder / "config.json")
    kind = config.get("model_type")
    if kind != "whisper":
        raise BadInput(f"{folder.name} is a {kind or 'nameless'} model, not a Whisper")
    tensors = Tensors(folder)
    size = int(config["vocab_size"])
    if (held := tensors["model.decoder.embed_tokens.weight"].shape) != (size, config["d_model"]):
        raise BadInput(f"{folder.name}: the weights have {held} token vectors, config.json says {size}")
    generation = folder / "generation_config.json"
    return Checkpoint(folder, config, _json(generation) if generation.is_file() else {}, tensors, _tokens(folder, size))


def _tokens(folder: Path, size: int) -> tuple[str, ...]:
    """The tokenizer's entries; those it lacks up to `size` are the time stamps, 20 ms apart."""
    told = _json(folder / "tokenizer.json")
    found = {int(i): str(token) for token, i in told["model"]["vocab"].items()}
    found |= {int(t["id"]): str(t["content"]) for t in told["added_tokens"]}
    first = next((i for i, token in sorted(found.items()) if token == "<|0.00|>"), len(found))  # noqa: S105 - a token
    return tuple(found[i] if i in found else f"<|{(i - first) * 0.02:.2f}|>" for i in range(size))


def _weight_files(folder: Path) -> list[Path]:
    sharded = (folder / INDEX).is_file()
    names = sorted(set(_json(folder / INDEX)["weight_map"].values())) if sharded else [WEIGHTS]
    paths = [folder / Path(name).name for name in names]
    for path in paths:
        if not path.is_file():
            pickled = [p.name for pattern in PICKLES for p in folder.glob(pattern)]
            if pickled:
                raise BadInput(
                    f"{folder.name} holds its weights as a pickle ({pickled[0]}), and opening one can run foreign code",
                    remedy="Take a revision that has model.safetensors, or import a pytorch_model.bin --allow-pickle.",
                )
            raise NotFound(f"{folder.name} has no {path.name}", remedy=AGAIN)
    return paths


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"{path.parent.name} has no {path.name}", remedy=AGAIN) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path.name} can't be read: {error}", remedy=AGAIN) from error
    if not isinstance(found, dict):
        raise BadInput(f"{path.name} is not what it should be", remedy=AGAIN)
    return found
