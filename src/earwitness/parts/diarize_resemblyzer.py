"""Speakers by Resemblyzer's weights, without its package's code and without torch: stands in for the embedded part.

The weights lie in the wheel as a pickle, which is a program. It is not read as one: the file must have the checksum
that is known, and then its numbers stand at places that are known. Three LSTM layers run in ONNX Runtime over windows
of 1.6 s. Clean speech is told apart well, conversation less so, and overlap not at all.

Source: Wan et al., "Generalized end-to-end loss for speaker verification", 2018 (arXiv 1710.10467), as Resemblyzer
0.1.4 has it (Apache-2.0, Resemble AI).
"""

import hashlib
from collections.abc import Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from earwitness.audio import features, timebase
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.parts import Diarizer, vad_silero
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.windows import Windowed
from earwitness.types import Samples

NAME = "resemblyzer"
REMEDY = "Install its weights, without what its package wants: pip install --no-deps Resemblyzer==0.1.4"
WEIGHTS = "pretrained.pt"
MIDDLE = "resemblyzer_middle.npy"
"""The mean of 46 voices, float16: all embeddings of this model lie near it, strangers' too."""
DIGEST = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
LAYERS, CELLS, BANDS, FRAMES = 3, 256, 40, 160
PLACES: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "weight_ih_l0": (269_883, (1024, 40)),
    "weight_hh_l0": (433_723, (1024, 256)),
    "bias_ih_l0": (5_676_603, (1024,)),
    "bias_hh_l0": (5_680_699, (1024,)),
    "weight_ih_l1": (1_482_299, (1024, 256)),
    "weight_hh_l1": (2_530_875, (1024, 256)),
    "bias_ih_l1": (5_684_795, (1024,)),
    "bias_hh_l1": (5_688_891, (1024,)),
    "weight_ih_l2": (3_579_451, (1024, 256)),
    "weight_hh_l2": (4_628_027, (1024, 256)),
    "bias_ih_l2": (5_692_987, (1024,)),
    "bias_hh_l2": (5_697_083, (1024,)),
    "weight": (7_731, (256, 256)),
    "bias": (6_699, (256,)),
}
"""Where the numbers of each layer begin in the file, and their shape."""
LOUD = 10 ** (-30 / 20)
"""Windows that are quieter than this are made as loud, as the model was trained."""


class Lstm:
    """The loaded model; an `Embedder`."""

    width, step = timebase.samples(1.6), timebase.samples(0.4)
    apart = 0.36

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self._session = ort.cpu_session(_graph(weights), what="Resemblyzer's encoder")

    def embed(self, windows: Samples) -> Floats:
        """See `Embedder.embed`."""
        found: Floats = self._session.run(None, {"mels": np.stack([_mels(w) for w in windows])})[0]
        return found


def _mels(window: Samples) -> Floats:
    """Power in 40 mel bands each 10 ms, shape (160, 40)."""
    loud = float(np.sqrt(np.mean(window.astype(np.float64) ** 2)))
    sound = window * np.float32(max(1.0, LOUD / max(loud, 1e-6)))
    frames = sliding_window_view(np.pad(sound, features.HALF), features.WINDOW)[:: features.HOP][:FRAMES]
    power = np.abs(np.fft.rfft(frames * features.hann(), axis=1)) ** 2
    found: Floats = (power @ features.bank(BANDS).T).astype(np.float32)
    return found


def read(path: Path) -> dict[str, Floats]:
    """The weights by name. Raises EngineFailed for another file than the one that is known."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise EngineFailed(f"{path} can't be read: {error.strerror or error}", remedy=REMEDY) from error
    if hashlib.sha256(raw).hexdigest() != DIGEST:
        raise EngineFailed(f"{path.name} of Resemblyzer is not the file that is known here", remedy=REMEDY)
    return {n: np.frombuffer(raw, "<f4", int(np.prod(s)), at).reshape(s) for n, (at, s) in PLACES.items()}


def _graph(weights: Mapping[str, Floats]) -> bytes:
    """The network as an ONNX model: from mels of shape (n, 160, 40) to embeddings of length one, (n, 256)."""
    from onnx import TensorProto, helper, numpy_helper

    def gates(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        i, f, g, o = np.split(rows, 4)  # torch's order; ONNX wants input, output, forget, cell
        return np.concatenate([i, o, f, g])

    values: dict[str, NDArray[np.float32]] = {"weight": weights["weight"], "bias": weights["bias"]}
    nodes = [helper.make_node("Transpose", ["mels"], ["x0"], perm=[1, 0, 2])]
    for n in range(LAYERS):
        values[f"W{n}"] = gates(weights[f"weight_ih_l{n}"])[None]
        values[f"R{n}"] = gates(weights[f"weight_hh_l{n}"])[None]
        values[f"B{n}"] = np.concatenate([gates(weights[f"bias_{k}_l{n}"]) for k in ("ih", "hh")])[None]
        outputs = [f"y{n}", f"h{n}"]
        nodes.append(helper.make_node("LSTM", [f"x{n}", f"W{n}", f"R{n}", f"B{n}"], outputs, hidden_size=CELLS))
        nodes.append(helper.make_node("Squeeze", [f"y{n}", "one"], [f"x{n + 1}"]))
    nodes += [
        helper.make_node("Squeeze", [f"h{LAYERS - 1}", "zero"], ["last"]),
        helper.make_node("Gemm", ["last", "weight", "bias"], ["raw"], transB=1),
        helper.make_node("Relu", ["raw"], ["positive"]),
        helper.make_node("LpNormalization", ["positive"], ["voices"], axis=1, p=2),
    ]
    held = [numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in values.items()]
    held += [numpy_helper.from_array(np.array([axis], np.int64), name) for name, axis in (("one", 1), ("zero", 0))]
    taken = helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["windows", FRAMES, BANDS])
    given = helper.make_tensor_value_info("voices", TensorProto.FLOAT, ["windows", 256])
    made = helper.make_graph(nodes, "encoder", [taken], [given], held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class _Spec:
    name = NAME
    does = "diarizer"
    languages: tuple[str, ...] = ()
    licence = "Apache 2.0, Resemble AI"

    def missing(self) -> str | None:
        for name in ("onnxruntime", "onnx", "scipy"):
            if not find_spec(name):
                return f"{name} is not installed: pip install {name}"
        return None if _weights() else f"Resemblyzer's weights are not installed. {REMEDY}"

    def load(self) -> Diarizer:
        path = _weights()
        if path is None:
            raise Missing("Resemblyzer's weights are not installed", remedy=REMEDY)
        with resources.files("earwitness.parts").joinpath("data", MIDDLE).open("rb") as file:
            middle = np.load(file, allow_pickle=False).astype(np.float32)
        return Windowed(NAME, "resemblyzer-0.1.4-centred", Lstm(read(path)), vad_silero.spec.load(), middle)


def _weights() -> Path | None:
    """The file in the package, which is not imported."""
    found = find_spec("resemblyzer")
    folders = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    return next((f / WEIGHTS for f in folders if (f / WEIGHTS).is_file()), None)


spec = _Spec()
