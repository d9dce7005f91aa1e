"""Punctuation by a network that names the mark after each word, on ONNX Runtime, from the model directory.

A folder `phenome/punctuation/NAME` as Optimum exports a token classifier: model.onnx, tokenizer.json, and config.json,
whose `id2label` names the marks: themselves (`.`, `,`, `?`), or PERIOD, COMMA, QUESTION. That is the layout of
oliverguhr/fullstop-punctuation-multilang-large and kredor/punctuate-all.

Source: Guhr et al., 2021 (FullStop).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import ort
from earwitness.parts import MARKS, PartSpec, Punctuator, parts_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WINDOW, AROUND = 100, 20
"""Words that are marked at once, and words of context on each side."""

LONGEST = 512
"""Tokens that networks of the kind take."""

NAMED = {"PERIOD": ".", "COMMA": ",", "QUESTION": "?", "EXCLAMATION": "!", "COLON": ":", "SEMICOLON": ";"}


class TokenMarks:
    """The loaded network; `marks` is that of `Punctuator`."""

    languages: tuple[str, ...] = ()

    def __init__(self, session: ort.Session, tokenizer: "Tokenizer", labels: Mapping[int, str], name: str) -> None:
        self._session, self._tokenizer, self._labels, self._name = session, tokenizer, labels, name
        self._inputs = [value.name for value in session.get_inputs()]

    def marks(self, words: Sequence[str], pauses_s: Sequence[float], language: str | None) -> tuple[str, ...]:
        found = list[str]()
        for first in range(0, len(words), WINDOW):
            low, high = max(0, first - AROUND), min(len(words), first + WINDOW + AROUND)
            here = self._marks(words[low:high])
            found += here[first - low : first - low + WINDOW]
        return tuple(found)

    def _marks(self, words: Sequence[str]) -> list[str]:
        """Those of a window; of its halves where it has too many tokens."""
        coded = self._tokenizer.encode(list(words), is_pretokenized=True)
        if len(coded.ids) > LONGEST and len(words) > 1:
            middle = len(words) // 2
            return self._marks(words[:middle]) + self._marks(words[middle:])
        given = {"input_ids": coded.ids, "attention_mask": coded.attention_mask, "token_type_ids": coded.type_ids}
        feed = {name: np.array([given[name][:LONGEST]], np.int64) for name in self._inputs}
        try:
            best = self._session.run(None, feed)[0][0].argmax(-1).tolist()
        except Exception as error:
            raise EngineFailed(f"{self._name} broke: {error}") from error
        found = [""] * len(words)
        for word, label in zip(coded.word_ids, best, strict=False):
            if word is not None:
                found[word] = self._labels.get(label, "")  # that of its last token stays
        return found


@dataclass(slots=True)
class _Folder:
    """One network in the model directory."""

    folder: Path
    name: str
    does: str = "punctuator"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return spec.missing()

    def load(self) -> Punctuator:
        if why := self.missing():
            raise Missing(f"{self.name} can't be used here: {why}")
        from tokenizers import Tokenizer

        try:
            told = json.loads((self.folder / "config.json").read_text("utf-8"))["id2label"]
            labels = {int(n): _mark(str(label)) for n, label in told.items()}
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
            tokenizer.no_truncation()
        except Exception as error:
            raise EngineFailed(
                f"the punctuation of {self.name} can't be loaded: {type(error).__name__}: {error}",
                remedy="The folder needs model.onnx, tokenizer.json and config.json with id2label.",
            ) from error
        session = ort.cpu_session(self.folder / "model.onnx", what=self.name)
        if wrong := {value.name for value in session.get_inputs()} - {
            *("input_ids", "attention_mask", "token_type_ids")
        }:
            raise EngineFailed(f"{self.name} is no token classifier: it wants {min(wrong)}")
        return TokenMarks(session, tokenizer, labels, self.name)


def _mark(label: str) -> str:
    """The mark of a label; nothing for those that name none, and for dashes."""
    mark = NAMED.get(label.upper(), label)
    return mark if mark in MARKS else ""


class _Spec:
    name = "token-marks"
    does = "punctuator"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return ort.missing() or (
            None if find_spec("tokenizers") else "tokenizers not installed: pip install tokenizers"
        )

    def load(self) -> Punctuator:
        raise Missing(
            "this punctuation needs a network, which is not here",
            remedy="Put model.onnx, tokenizer.json, config.json into phenome/punctuation/NAME of the model directory.",
        )

    def inside(self, models: Path) -> tuple[PartSpec[Punctuator], ...]:
        """One part for each network in the model directory."""
        found = sorted(p.parent for p in parts_folder(models, "punctuation").glob("*/model.onnx"))
        return tuple(_Folder(p, p.name) for p in found)


spec = _Spec()
