"""Word times for any language by a CTC model (wav2vec2, MMS) on PyTorch, from a folder of the model directory.

A folder `phenome/alignment/CODE` or `phenome/alignment/CODE-NAME` holds a checkpoint of transformers in safetensors and
vocab.json; CODE is the language. Each letter of the words is laid over the frames by Viterbi search with the blank
between letters.

Source: Graves et al., 2006 (CTC); Kürzinger et al., 2020 (arXiv 2007.09127), forced alignment with it.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earwitness.errors import EngineFailed
from earwitness.parts import Aligner, PartSpec, parts_folder
from earwitness.parts.timing import Fit, laid_out
from earwitness.types import Audio, Word

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHORTEST = 1_600
"""Samples below which no model of the kind gives a frame worth having."""

BREAK = "|"
"""The sign between words, where a vocabulary has it."""


class Ctc:
    """A loaded model; `align` is that of `Aligner`. One call at a time."""

    def __init__(self, model: "PreTrainedModel", vocabulary: Mapping[str, int], languages: tuple[str, ...]) -> None:
        self.languages = languages
        self._model, self._lock = model, Lock()
        self._blank = int(model.config.pad_token_id or 0)
        self._letters = {sign: n for sign, n in vocabulary.items() if len(sign) == 1 and n != self._blank}

    def align(self, audio: Audio, words: Sequence[str]) -> tuple[Word, ...]:
        spelled = [self._spelled(word) for word in words]
        fits: tuple[Fit, ...] = ()
        if any(spelled) and len(audio.samples) >= SHORTEST:
            fits = self._fits(audio, [s for s in spelled if s])
        pieces = [("spelled",) if letters else () for letters in spelled]
        return laid_out(words, pieces, fits, audio.start_s, audio.end_s, sure=np.exp)

    def _spelled(self, word: str) -> tuple[int, ...]:
        """The letters of a word that the model knows, in its own case."""
        plain = unicodedata.normalize("NFC", word)
        signs = (next((s for s in (c, c.lower(), c.upper()) if s in self._letters), "") for c in plain)
        return tuple(self._letters[s] for s in signs if s and s != BREAK)

    def _fits(self, audio: Audio, spelled: Sequence[tuple[int, ...]]) -> tuple[Fit, ...]:
        """Where each word lies; nothing where the sound has too few frames for the letters."""
        labels, owners = list[int](), list[int]()
        for n, letters in enumerate(spelled):
            between = [self._letters[BREAK]] if n and BREAK in self._letters else []
            labels += [*between, *letters]
            owners += [*([-1] * len(between)), *([n] * len(letters))]
        scores = self._scores(audio)
        path = viterbi(scores, labels, self._blank)
        if path is None:
            return ()
        step_s, found = audio.duration_s / len(scores), list[Fit]()
        said = np.array([owners[state // 2] if state % 2 else -1 for state in path])
        for n in range(len(spelled)):
            frames = np.flatnonzero(said == n)
            sure = float(np.mean([scores[t, labels[path[t] // 2]] for t in frames]))
            found.append(Fit(audio.start_s + step_s * frames[0], audio.start_s + step_s * (frames[-1] + 1), sure))
        return tuple(found)

    def _scores(self, audio: Audio) -> NDArray[np.float32]:
        """Natural log-probabilities of the vocabulary, shape (frames, signs)."""
        import torch

        sound = np.nan_to_num(audio.samples)
        sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        with self._lock, torch.inference_mode():
            logits = self._model(torch.from_numpy(sound.astype(np.float32))[None]).logits[0]
            scores: NDArray[np.float32] = torch.log_softmax(logits.float(), -1).numpy()
        return scores


def viterbi(scores: NDArray[np.float32], labels: Sequence[int], blank: int) -> list[int] | None:
    """The best way through labels with blanks around them: a state for each frame, label n being state 2n + 1.

    None where there are more labels than frames to hold them.
    """
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    best = np.full(len(states), -np.inf)
    best[:2] = scores[0, states[:2]]
    back = np.zeros((len(scores), len(states)), np.int8)
    for t in range(1, len(scores)):
        one, two = np.roll(best, 1), np.where(skips, np.roll(best, 2), -np.inf)
        one[0] = -np.inf
        ways = np.stack([best, one, two])
        back[t] = ways.argmax(0)
        best = ways.max(0) + scores[t, states]
    state = len(states) - 1 if best[-1] >= best[-2] else len(states) - 2
    if not np.isfinite(best[state]):
        return None
    path = [state]
    for t in range(len(scores) - 1, 0, -1):
        path.append(path[-1] - int(back[t, path[-1]]))
    return path[::-1]


@dataclass(slots=True)
class _Folder:
    """One model in the model directory."""

    folder: Path
    name: str
    languages: tuple[str, ...]
    does: str = "aligner"

    def missing(self) -> str | None:
        return spec.missing()

    def load(self) -> Aligner:
        from transformers import AutoModelForCTC

        try:
            vocabulary = json.loads((self.folder / "vocab.json").read_text("utf-8"))
            inner = next((v for v in vocabulary.values() if isinstance(v, dict)), vocabulary)  # MMS: by language
            model = AutoModelForCTC.from_pretrained(self.folder, local_files_only=True, use_safetensors=True)
            return Ctc(model.eval(), inner, self.languages)
        except Exception as error:
            raise EngineFailed(f"the aligner {self.name} can't be loaded: {type(error).__name__}: {error}") from error


class _Spec:
    name = "ctc"
    does = "aligner"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        lacks = [name for name in ("torch", "transformers") if find_spec(name) is None]
        return f"{' and '.join(lacks)} not installed: pip install 'earwitness[torch]'" if lacks else None

    def load(self) -> Aligner:
        raise EngineFailed(
            "this aligner needs a model", remedy="Put one into phenome/alignment/CODE of the model directory."
        )

    def inside(self, models: Path) -> tuple[PartSpec[Aligner], ...]:
        """One part for each model in the model directory."""
        places = models / "alignment", parts_folder(models, "alignment")  # the last to have a name has it
        found = {p.parent.name: p.parent for place in places for p in place.glob("*/config.json")}
        return tuple(_Folder(p, name, (name.lower().split("-")[0],)) for name, p in sorted(found.items()))


spec = _Spec()
