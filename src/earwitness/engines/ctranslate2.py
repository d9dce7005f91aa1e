"""Whisper on CTranslate2, the runtime of faster-whisper: processors (int8, float32) and NVIDIA cards (float16, int8).

Clips are decoded together, greedily unless `beam_size` says more. The runtime is called directly: faster-whisper's own
loop cuts recordings by itself, loses the start of a lone segment and decodes clips one by one.
Source: CTranslate2 4, `ctranslate2.models.Whisper`; options and scores as faster-whisper 1.2 uses them.
"""

import json
from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from earwitness.audio import features
from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, MOST_TOKENS, calls
from earwitness.engines.whisper.decoded import Decoded, logprob, segments, worded
from earwitness.engines.whisper.vocabulary import Vocabulary
from earwitness.errors import EngineFailed, Missing
from earwitness.hardware import heap
from earwitness.types import Ask, Clip, Device, Machine, ModelFiles, Segment

BATCH = 8
FRAMES_A_SECOND, POSITIONS_A_SECOND = 100, 50  # of the spectrogram, and of the encoder


class Options(calls.Options):
    """`precision` is CTranslate2's compute type; by default that of the files, or what the device does best."""

    precision: Literal["default", "int8", "int8_float32", "int8_float16", "float16", "bfloat16", "float32"] = "default"


class CTranslate2:
    """The loaded model."""

    def __init__(self, model: Any, words: Vocabulary, options: Options) -> None:
        self._model, self._words, self._options = model, words, options
        self.can = calls.can(words, batch=BATCH, parallel=True)

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments by the model's own time stamps. See `Engine.transcribe`."""

        def alike(ask: Ask) -> Hashable:
            return len(self._words.prompt(ask, None)), ask.temperature, ask.logprobs

        return calls.in_calls(clips, self.can, alike, self._call)

    def close(self) -> None:
        """Give the memory back."""
        self._model.unload_model()
        heap.give_back()

    def _call(self, clips: Sequence[Clip], asks: Sequence[Ask]) -> list[tuple[Segment, ...]]:
        heard = self._heard(np.stack([features.log_mel(c.audio.samples, self._model.n_mels) for c in clips]))
        languages = self._languages(heard, asks)
        prompts = [self._words.prompt(ask, code) for ask, (code, _) in zip(asks, languages, strict=True)]
        warm = asks[0].temperature > 0
        results = self._model.generate(
            heard,
            prompts,
            beam_size=1 if warm else self._options.beam_size,
            sampling_topk=0 if warm else 1,
            sampling_temperature=asks[0].temperature if warm else 1.0,
            max_length=len(prompts[0]) + MOST_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
            return_logits_vocab=asks[0].logprobs,
        )
        found = [
            segments(self._decoded(result, ask, *language), clip, self._words)
            for result, ask, language, clip in zip(results, asks, languages, clips, strict=True)
        ]
        return self._aligned(heard, found, clips, languages) if any(a.word_times for a in asks) else found

    def _heard(self, mels: NDArray[np.float32]) -> Any:
        """The encoder's view of the clips; on a processor one by one, which is faster there than together."""
        from ctranslate2 import StorageView

        if self._model.device != "cpu" or len(mels) == 1:
            return self._model.encode(StorageView.from_array(mels))
        each = (self._model.encode(StorageView.from_array(mel[None])) for mel in mels)
        return StorageView.from_array(np.concatenate([np.array(one) for one in each]))

    def _languages(self, heard: Any, asks: Sequence[Ask]) -> list[calls.Language]:
        if not self._words.multilingual or all(a.language for a in asks):
            return [(a.language or "en", None) for a in asks]
        found = self._model.detect_language(heard)
        return [calls.language(a, ((t[2:-2], p) for t, p in of_clip)) for a, of_clip in zip(asks, found, strict=True)]

    def _decoded(self, result: Any, ask: Ask, language: str, prob: float | None) -> Decoded:
        ids, score = result.sequences_ids[0], result.scores[0]
        steps = result.logits[0] if ask.logprobs else ()
        logprobs = [logprob(np.array(step).ravel(), token) for token, step in zip(ids, steps, strict=False)]
        mean = score * len(ids) / (len(ids) + 1)  # the runtime's mean leaves the end mark out of the count
        return Decoded(ids, mean, logprobs, language, prob, float(result.no_speech_prob), ask.temperature)

    def _aligned(
        self, heard: Any, found: list[tuple[Segment, ...]], clips: Sequence[Clip], languages: Sequence[Any]
    ) -> list[tuple[Segment, ...]]:
        """The segments with their words' times, from the cross-attention."""
        ids = [[i for segment in of_clip for i in segment.token_ids] or [self._words.end] for of_clip in found]
        frames = [max(2, int(clip.audio.duration_s * FRAMES_A_SECOND)) for clip in clips]
        made = list(found)
        for code in {code for code, _ in languages}:  # one call takes one language; most batches have one
            start = self._words.prompt(Ask(), code)
            for n, aligned in enumerate(self._model.align(heard, start, ids, frames)):
                if languages[n][0] == code:
                    token, position = (np.array(side) for side in zip(*aligned.alignments, strict=True))
                    starts_s = position[np.diff(token, prepend=-1) > 0] / POSITIONS_A_SECOND
                    made[n] = worded(found[n], clips[n], starts_s.tolist(), aligned.text_token_probs, self._words)
        return made


class _Spec:
    name = "ctranslate2"
    formats = ("ctranslate2",)
    libraries = ("ctranslate2",)
    Options: type[BaseModel] = Options

    def missing(self) -> str | None:
        return calls.missing("ctranslate2", "ctranslate2", "tokenizers")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if "cuda" in d.apis or d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        import ctranslate2

        folder, chosen = files.files["folder"], options if isinstance(options, Options) else Options()
        try:
            size = len(json.loads((folder / "vocabulary.json").read_text("utf-8")))
            model = ctranslate2.models.Whisper(
                str(folder),
                device="cuda" if device.kind == "gpu" else "cpu",
                device_index=device.index,
                compute_type=chosen.precision,
                inter_threads=chosen.workers,
                intra_threads=chosen.threads,
            )
            heap.keep()
        except Exception as error:
            raise EngineFailed(f"{files.name} does not load: {error}", remedy=AGAIN) from error
        return CTranslate2(model, Vocabulary(folder / "tokenizer.json", size), chosen)


spec = _Spec()
