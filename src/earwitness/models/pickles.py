"""Reads PyTorch's pickled weights without PyTorch, and without ever running what a pickle asks for.

A pickle is a program. This one is read by a machine of its own that knows only what plain weights need: numbers, texts,
lists, dicts, and three ways to say "a tensor in that storage". Everything else is refused by its name; nothing is
imported and nothing called.

Source: Python's pickletools for the codes, torch 2 `torch.save` for the container (a zip with data.pkl and one member a
storage), safetensors' description of its file.
"""

import json
import math
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from earwitness.errors import BadInput
from earwitness.models.convert.checkpoint import TIED

LARGEST_PICKLE = 64 << 20
MOST_DIMENSIONS = 8
KINDS = {
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "DoubleStorage": ("F64", 8),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
}
"""What a storage holds: safetensors' word for it, and bytes of a value."""

ALLOWED = frozenset(
    [
        "collections OrderedDict",
        "torch Size",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        *(f"torch {name}" for name in KINDS),
    ]
)
"""The names that weights need. They are compared, never looked up."""


@dataclass(frozen=True, slots=True)
class Name:
    """A global that the pickle names."""

    told: str


@dataclass(frozen=True, slots=True)
class Storage:
    """A member of the container with the values of one or more tensors."""

    key: str
    kind: str
    values: int


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor in a storage: where it begins, its shape, and its steps, in values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


def convert(folder: Path, target: Path) -> None:
    """Write the pickled weights of a checkpoint's folder as safetensors.

    Raises BadInput for a pickle that asks for more than weights, is broken, or is of another kind.
    """
    paths = sorted(folder.glob("pytorch_model-*-of-*.bin")) or [folder / "pytorch_model.bin"]
    if not paths[0].is_file():
        raise BadInput(f"{folder.name} has no pytorch_model.bin", remedy="Only such checkpoints are read from pickles.")
    with ExitStack() as held, target.open("wb") as file:
        found: dict[str, tuple[_Container, Weight]] = {}
        for path in paths:
            container = held.enter_context(_opened(path))
            found |= {name: (container, weight) for name, weight in container.weights().items() if name != TIED}
        header, at = {}, 0
        for name, (_, weight) in found.items():
            kind, width = KINDS[weight.storage.kind]
            size = math.prod(weight.shape) * width
            header[name] = {"dtype": kind, "shape": weight.shape, "data_offsets": (at, at + size)}
            at += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        file.write(struct.pack("<Q", len(text)) + text)
        for container, weight in found.values():
            file.write(container.read(weight))


class _Container:
    """The zip that `torch.save` writes."""

    def __init__(self, path: Path, packed: zipfile.ZipFile) -> None:
        self._path, self._zip = path, packed
        told = [name for name in packed.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(told) != 1:
            raise BadInput(f"{path.name} is no file of PyTorch's weights")
        self._within = told[0].removesuffix("data.pkl")
        order = f"{self._within}byteorder"
        if order in packed.namelist() and packed.read(order) != b"little":
            raise BadInput(f"{path.name} was written on a machine with another order of bytes")
        self._last: tuple[str, bytes] = "", b""

    def weights(self) -> dict[str, Weight]:
        """The tensors by name. Raises BadInput."""
        info = self._zip.getinfo(f"{self._within}data.pkl")
        if info.file_size > LARGEST_PICKLE:
            raise BadInput(f"the pickle in {self._path.name} is larger than any that describes weights")
        found = read(self._zip.read(info), self._path.name)
        if not isinstance(found, dict) or not all(isinstance(weight, Weight) for weight in found.values()):
            raise BadInput(
                f"{self._path.name} holds more than weights by name",
                remedy="OpenAI's own .pt files and training states are not read; pull the model from the hub.",
            )
        return found

    def read(self, weight: Weight) -> bytes:
        """The values of a tensor, row by row. Raises BadInput where its storage is not as it says."""
        width = KINDS[weight.storage.kind][1]
        if self._last[0] != weight.storage.key:
            info = self._zip.getinfo(f"{self._within}data/{weight.storage.key}")
            if info.file_size != weight.storage.values * width or info.compress_type != zipfile.ZIP_STORED:
                raise BadInput(f"{self._path.name} is damaged: a storage of {info.file_size} bytes")
            self._last = weight.storage.key, self._zip.read(info)
        values = np.frombuffer(self._last[1], f"<u{width}")
        if not math.prod(weight.shape):
            return b""
        steps = [step * width for step in weight.steps]
        return np.lib.stride_tricks.as_strided(values[weight.offset :], weight.shape, steps, writeable=False).tobytes()


@contextmanager
def _opened(path: Path) -> Iterator[_Container]:
    try:
        with zipfile.ZipFile(path) as packed:
            yield _Container(path, packed)
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise BadInput(
            f"{path.name} is damaged, or older than PyTorch 1.6: {error}",
            remedy="Take a revision of the model that has model.safetensors.",
        ) from error


def read(raw: bytes, name: str) -> Any:
    """What a pickle of weights holds. Raises BadInput for one that is damaged or asks for anything else."""
    machine = _Machine(name)
    try:
        for code, arg, _ in pickletools.genops(raw):
            if code.name == "STOP":
                return machine.stack.pop()
            machine.step(code.name, arg)
    except BadInput:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        raise BadInput(f"the pickle in {name} is damaged: {error}") from error
    raise BadInput(f"the pickle in {name} is cut short")


class _Machine:
    """Does what a pickle of weights may ask for, one code at a time."""

    def __init__(self, name: str) -> None:
        self.stack: list[Any] = []
        self._name, self._memo = name, dict[int, Any]()

    def step(self, code: str, arg: Any) -> None:
        """One code with its argument. Raises BadInput for one that weights do not need."""
        stack = self.stack
        if code in PUSH:
            stack.append(arg if PUSH[code] is _ARG else copy(PUSH[code]))
        elif code == "MARK":
            stack.append(_MARK)
        elif code in {"BINPUT", "LONG_BINPUT", "MEMOIZE"}:
            self._memo[len(self._memo) if code == "MEMOIZE" else arg] = stack[-1]
        elif code in {"BINGET", "LONG_BINGET"}:
            stack.append(self._memo[arg])
        elif code.startswith("TUPLE"):
            within = self._marked() if code == "TUPLE" else [stack.pop() for _ in range(int(code[-1]))][::-1]
            stack.append(tuple(within))
        elif code in {"GLOBAL", "STACK_GLOBAL"}:
            stack.append(self._allowed(arg if code == "GLOBAL" else f"{stack.pop(-2)} {stack.pop()}"))
        elif code == "BINPERSID":
            stack.append(self._storage(stack.pop()))
        elif code == "REDUCE":
            stack.append(self._made(stack.pop(-2), stack.pop()))
        elif code not in {"PROTO", "FRAME"}:
            self._fill(code)

    def _fill(self, code: str) -> None:
        """The codes that put things into what is on the stack."""
        stack = self.stack
        if code in {"SETITEM", "SETITEMS"}:
            pairs = self._marked() if code == "SETITEMS" else [stack.pop(-2), stack.pop()]
            self._is(stack[-1], dict).update(zip(pairs[::2], pairs[1::2], strict=True))
        elif code in {"APPEND", "APPENDS"}:
            more = self._marked() if code == "APPENDS" else [stack.pop()]
            self._is(stack[-1], list).extend(more)
        elif code == "BUILD":  # what an OrderedDict remembers of its modules
            stack.pop()
            self._is(stack[-1], dict)
        else:
            raise BadInput(f"the pickle in {self._name} asks for {code}, which weights do not need")

    def _marked(self) -> list[Any]:
        """Everything above the last mark, which goes too."""
        at = max(n for n, thing in enumerate(self.stack) if thing is _MARK)
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def _is(self, thing: Any, kind: type) -> Any:
        if not isinstance(thing, kind):
            raise BadInput(f"the pickle in {self._name} is damaged")
        return thing

    def _allowed(self, told: str) -> Name:
        if told not in ALLOWED:
            raise BadInput(
                f"the pickle in {self._name} asks for {told.replace(' ', '.')[:80]!r}: it is no file of weights alone",
                remedy="Don't open it with anything else. Take the model from a source you trust, as safetensors.",
            )
        return Name(told)

    def _storage(self, told: Any) -> Storage:
        word, kind, key, _, values = told
        plain = isinstance(kind, Name) and kind.told.removeprefix("torch ") in KINDS and str(key).isalnum()
        if word != "storage" or not plain or not isinstance(values, int):
            raise BadInput(f"the pickle in {self._name} keeps its weights in an unknown way")
        return Storage(str(key), kind.told.removeprefix("torch "), values)

    def _made(self, what: Any, told: Any) -> Any:
        """What one of the allowed names makes of its arguments."""
        name = self._is(what, Name).told.partition(" ")[2]
        if name == "OrderedDict":
            return dict(*told)
        if name in {"Size", "_rebuild_parameter"}:
            return tuple(told[0]) if name == "Size" else self._is(told[0], Weight)
        if name not in {"_rebuild_tensor", "_rebuild_tensor_v2"}:
            raise BadInput(f"the pickle in {self._name} calls {name}")
        storage, offset, shape, steps, *_ = told
        numbers = (offset, *shape, *steps)
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if not isinstance(storage, Storage) or not whole or len(shape) != len(steps) or len(shape) > MOST_DIMENSIONS:
            raise BadInput(f"the pickle in {self._name} describes a tensor that can't be")
        last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
        if math.prod(shape) and (last >= storage.values or math.prod(shape) > storage.values):
            raise BadInput(f"the pickle in {self._name} describes a tensor beyond its storage")
        return Weight(storage, offset, tuple(shape), tuple(steps))


_MARK, _ARG = object(), object()
PUSH: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"), _ARG),
        "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_DICT": {}, "EMPTY_LIST": [], "EMPTY_TUPLE": (),
    }
)  # fmt: skip
"""Codes that put something on the stack: their argument, or always the same."""
