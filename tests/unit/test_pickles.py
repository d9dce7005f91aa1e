"""Pickled weights: read without running anything, to the same values as PyTorch; hostile pickles are refused."""

import io
import os
import pickle
import shutil
import struct
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from earwitness.errors import BadInput
from earwitness.models import bring, directory, pickles
from earwitness.models.convert.checkpoint import Tensors
from support import whisper

ONE = b"\x80\x02"
"""How a pickle of protocol 2 begins."""


# ── plain weights ──
def _as_torch(folder: Path, change: Callable[[Any, dict[str, Any]], Any] = lambda _, weights: weights) -> Path:
    """The small Whisper as PyTorch would have saved it."""
    torch: Any = pytest.importorskip("torch")
    load: Any = pytest.importorskip("safetensors.torch")
    folder.mkdir()
    for path in whisper.MODEL.iterdir():
        if path.suffix == ".json":
            shutil.copyfile(path, folder / path.name)
    torch.save(change(torch, load.load_file(whisper.MODEL / "model.safetensors")), folder / "pytorch_model.bin")
    return folder


def _tied(torch: Any, weights: dict[str, Any]) -> Any:
    """As transformers keeps it: parameters in an ordered dict, one of them twice, one not in rows."""
    made = OrderedDict((name, torch.nn.Parameter(weight)) for name, weight in weights.items())
    made["proj_out.weight"] = made["model.decoder.embed_tokens.weight"]
    made["model.encoder.conv1.weight"] = (
        weights["model.encoder.conv1.weight"].permute(2, 0, 1).contiguous().permute(1, 2, 0)
    )
    made._metadata = {"": {"version": 1}}  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize("change", [lambda _, weights: weights, _tied])
def test_pickled_weights_come_in_as_they_are(tmp_path: Path, change: Callable[[Any, dict[str, Any]], Any]) -> None:
    folder = _as_torch(tmp_path / "whisper-x", change)
    with pytest.raises(BadInput, match="as a pickle"):
        bring.copied(folder, tmp_path / "models", name=None)
    found = bring.unpickled(folder, tmp_path / "models", name=None)
    assert found.name == "whisper-x/base"
    ours, theirs = Tensors(found.path), Tensors(whisper.MODEL)
    assert set(ours) == set(theirs)
    for name in theirs:
        assert np.array_equal(ours[name], theirs[name]), name
    assert "pytorch_model.bin" not in [p.name for p in found.path.iterdir()]
    assert [p.name for p in (tmp_path / "models").iterdir() if p.name.startswith(".")] == []


def test_half_precision_and_shards_come_in(tmp_path: Path) -> None:
    def halved(torch: Any, weights: dict[str, Any]) -> Any:
        half = {n: w.to(torch.bfloat16 if "fc1" in n else torch.float16) for n, w in weights.items()}
        names = sorted(half)
        torch.save({n: half[n] for n in names[:50]}, tmp_path / "x" / "pytorch_model-00001-of-00002.bin")
        torch.save({n: half[n] for n in names[50:]}, tmp_path / "x" / "pytorch_model-00002-of-00002.bin")
        return {}

    folder = _as_torch(tmp_path / "x", halved)
    target = tmp_path / "model.safetensors"
    pickles.convert(folder, target)
    raw = target.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    assert b'"BF16"' in raw[8 : 8 + size]
    assert b'"F16"' in raw[8 : 8 + size]
    (folder / "model.safetensors").write_bytes(raw)
    torch: Any = pytest.importorskip("torch")
    load: Any = pytest.importorskip("safetensors.torch")
    ours, theirs = load.load_file(target), load.load_file(whisper.MODEL / "model.safetensors")
    for name, weight in theirs.items():
        assert torch.equal(ours[name], weight.to(ours[name].dtype)), name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _, w: {"dims": {"n_mels": 80}, "model_state_dict": w}, "more than weights by name"),
        (lambda _, w: [1, 2], "more than weights by name"),
        (lambda t, w: {"model": t.nn.Linear(2, 2)}, "asks for 'torch.nn.modules.linear.Linear'"),
        (lambda t, w: {"x": t.zeros(2, dtype=t.bool)}, "asks for 'torch.BoolStorage'"),
    ],
)
def test_what_is_more_than_weights_is_refused(
    tmp_path: Path, change: Callable[[Any, dict[str, Any]], Any], told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        bring.unpickled(_as_torch(tmp_path / "x", change), tmp_path / "models", name="x")
    assert directory.scan(tmp_path / "models") == ()


def test_an_option_without_effect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has safetensors"):
        bring.unpickled(whisper.MODEL, tmp_path, name="x")
    with pytest.raises(BadInput, match="no checkpoint"):
        bring.unpickled(whisper.MODEL / "config.json", tmp_path, name="x")


# ── hostile pickles ──
class _Runs:
    """Runs a command when it is unpickled in the usual way."""

    def __init__(self, what: Callable[..., object], *told: object) -> None:
        self.what, self.told = what, told

    @override
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.what, self.told


HOSTILE = {
    "system": pickle.dumps(_Runs(os.system, "touch pwned"), 2),
    "nested": pickle.dumps({"a": [_Runs(eval, "__import__('os').system('touch pwned')")]}, 2),
    "subprocess": pickle.dumps(_Runs(subprocess.getoutput, "touch pwned"), 4),
    "stack global": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0btouch pwned\x85R.",
    "stack global from pieces": ONE + b"X\x05\0\0\0posixq\0X\x06\0\0\0systemh\0\x93.",
    "global with a newline": ONE + b"cos\nsystem\nX\x0b\0\0\0touch pwned\x85R.",
    "inst": b"(S'touch pwned'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch pwned'\no.",
    "newobj": ONE + b"cos\nsystem\n)\x81.",
    "extension": ONE + b"\x82\x01)R.",
    "getattr": ONE + b"c__builtin__\ngetattr\n.",
    "allowed module, other name": ONE + b"ctorch\nload\n.",
    "allowed name within another": ONE + b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n.",
    "storage called": ONE + b"ctorch\nFloatStorage\n)R.",
    "build on a name": ONE + b"ccollections\nOrderedDict\n}b.",
    "call of a text": ONE + b"X\x01\0\0\0a)R.",
    "unknown persistent": ONE + b"X\x06\0\0\0modulecos\nsystem\n\x86Q.",
    "storage elsewhere": ONE + b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x06\0\0\0../../X\x03\0\0\0cpuK\x01tQ.",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pickles_are_refused_and_do_nothing(
    tmp_path: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput):
        pickles.read(raw, "x")
    assert not (tmp_path / "pwned").exists()


def test_what_a_pickle_asked_for_is_named() -> None:
    with pytest.raises(BadInput, match=rf"asks for '{os.system.__module__}\.system'"):
        pickles.read(HOSTILE["system"], "x")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_machine(raw: bytes) -> None:
    for text in (raw, ONE + raw + b"."):
        try:
            found = pickles.read(text, "x")
        except BadInput:
            continue
        assert not callable(found)


def _tensor(*, offset: int = 0, shape: str = "K\x02\x85", steps: str = "K\x01\x85", values: int = 2) -> bytes:
    """A pickle of one tensor."""
    storage = f"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK{chr(values)}tQ"
    args = f"({storage}K{chr(offset)}{shape}{steps}\x89Nt"
    return ONE + f"}}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n{args}Rs.".encode("latin-1")


def _file(path: Path, raw: bytes, stored: bytes = b"12345678", kind: int = zipfile.ZIP_STORED, **more: bytes) -> Path:
    """A container with that pickle and one storage."""
    with zipfile.ZipFile(path / "pytorch_model.bin", "w", kind) as packed:
        packed.writestr("archive/data.pkl", raw)
        packed.writestr("archive/data/0", stored)
        for name, text in more.items():
            packed.writestr(f"archive/{name}", text)
    return path


def test_a_plain_tensor_is_read(tmp_path: Path) -> None:
    pickles.convert(_file(tmp_path, _tensor()), tmp_path / "out")
    assert (tmp_path / "out").read_bytes().endswith(b"12345678")


@pytest.mark.parametrize(
    "raw",
    [
        _tensor(values=3),
        _tensor(offset=1),
        _tensor(shape="K\x03\x85"),
        _tensor(steps="K\x02\x85"),
        _tensor(shape="K\x02K\x02\x86"),
        _tensor(shape="J\xff\xff\xff\xff\x85"),
        _tensor(shape="\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x0f\x85", steps="K\0\x85"),
        _tensor(shape="X\x01\0\0\0a\x85"),
        _tensor()[:-20],
        b"",
    ],
)
def test_tensors_that_can_not_be_are_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(BadInput):
        pickles.convert(_file(tmp_path, raw), tmp_path / "out")


def test_odd_containers_are_refused(tmp_path: Path) -> None:
    odd: tuple[dict[str, Any], ...] = ({"stored": b"1234"}, {"kind": zipfile.ZIP_DEFLATED}, {"byteorder": b"big"})
    for how in odd:
        folder = _file(tmp_path, _tensor(), **how)
        with pytest.raises(BadInput):
            pickles.convert(folder, tmp_path / "out")
    old = io.BytesIO()
    pickle.dump(0x1950A86A20F9469CFC6C, old, 2)  # how files older than PyTorch 1.6 begin
    (tmp_path / "pytorch_model.bin").write_bytes(old.getvalue())
    with pytest.raises(BadInput, match=r"older than PyTorch 1\.6"):
        pickles.convert(tmp_path, tmp_path / "out")
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(BadInput, match=r"no pytorch_model\.bin"):
        pickles.convert(tmp_path, tmp_path / "out")
