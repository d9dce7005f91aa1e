"""Whisper on whisper.cpp: any processor, Apple's cards, quantised models in one file.

A context of the runtime takes one call at a time, so there is one for each worker. Its parameters are made anew for
each clip: those of pywhispercpp's `Model` stick. No batches; words are timed by its alignment of the cross-attention
(DTW). Gives no probability of silence, which its Python side does not hand out.

Source: whisper.cpp 1.8, include/whisper.h, as the wheel pywhispercpp 1.5 carries it.
"""

import atexit
import queue
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from earwitness.engines import Engine
from earwitness.engines.whisper import AGAIN, MOST_TOKENS, calls, ggml
from earwitness.engines.whisper.decoded import Decoded, timed
from earwitness.engines.whisper.vocabulary import MULTILINGUAL
from earwitness.errors import EarwitnessError, EngineFailed, Missing
from earwitness.types import Ask, Clip, Device, Machine, ModelFiles, Samples, Segment


class WhisperCpp:
    """The loaded contexts, and the spelling of their tokens."""

    def __init__(self, contexts: Sequence[Any], header: ggml.Header, options: calls.Options) -> None:
        import _pywhispercpp as runtime

        self._cpp, self._options = runtime, options
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._contexts = list(contexts)
        for context in contexts:
            self._free.put(context)
        self.first_stamp: int = runtime.whisper_token_beg(contexts[0])
        self.multilingual = header.vocabulary >= MULTILINGUAL
        count = header.vocabulary - MULTILINGUAL + 99 if self.multilingual else 0
        self.languages = [str(runtime.whisper_lang_str(i)) for i in range(count)]
        self.can = calls.can(self, batch=1, parallel=True)

    def raw(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        plain = token < self._cpp.whisper_token_eot(self._contexts[0])
        return bytes(self._cpp.whisper_token_to_bytes(self._contexts[0], token)) if plain else b""

    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        """Segments by the model's own time stamps. See `Engine.transcribe`."""
        return calls.in_calls(clips, self.can, lambda _: None, lambda *of: list(map(self._one, *of)))

    def close(self) -> None:
        """Free the contexts."""
        while self._contexts:
            self._contexts.remove(context := self._free.get())
            self._cpp.whisper_free(context)

    def _one(self, clip: Clip, ask: Ask) -> tuple[Segment, ...]:
        sound = ggml.filled(clip.audio.samples)
        context = self._free.get()
        try:
            language, prob = self._language(context, sound, ask)
            if self._cpp.whisper_full(context, self._parameters(ask, language), sound, len(sound)):
                raise EngineFailed("whisper.cpp could not decode a clip")
            found = list(self._said(context))
        finally:
            self._free.put(context)
        decoded = Decoded(language=language, language_prob=prob, temperature=ask.temperature)
        return timed(decoded, found, clip, self, word_times=ask.word_times)

    def _said(self, context: Any) -> Iterator[tuple[int, float, float]]:
        """Tokens with log-probabilities and ends in seconds; the runtime leaves the first time stamps out."""
        cpp = self._cpp
        for i in range(cpp.whisper_full_n_segments(context)):
            edges = [
                self.first_stamp + t(context, i) // 2
                for t in (cpp.whisper_full_get_segment_t0, cpp.whisper_full_get_segment_t1)
            ]
            yield edges[0], 0.0, 0.0
            for j in range(cpp.whisper_full_n_tokens(context, i)):
                step = cpp.whisper_full_get_token_data(context, i, j)
                if step.id < self.first_stamp:
                    yield step.id, min(0.0, step.plog), step.t_dtw / 100
            yield edges[1], 0.0, 0.0

    def _language(self, context: Any, sound: Samples, ask: Ask) -> calls.Language:
        if ask.language or not self.languages:
            return ask.language or "en", None
        probs = np.zeros(self._cpp.whisper_lang_max_id() + 1, np.float32)
        self._cpp.whisper_pcm_to_mel(context, sound, len(sound), self._options.threads)
        self._cpp.whisper_lang_auto_detect(context, 0, self._options.threads, probs)
        return calls.language(ask, zip(self.languages, probs.tolist(), strict=False))

    def _parameters(self, ask: Ask, language: str) -> Any:
        kinds, wide = self._cpp.whisper_sampling_strategy, self._options.beam_size > 1 and not ask.temperature
        kind = kinds.WHISPER_SAMPLING_BEAM_SEARCH if wide else kinds.WHISPER_SAMPLING_GREEDY
        made = self._cpp.whisper_full_default_params(kind)
        made.beam_search = {"beam_size": self._options.beam_size, "patience": -1.0}
        made.n_threads, made.language, made.translate = self._options.threads, language, ask.task == "translate"
        made.initial_prompt = " ".join((*ask.hotwords, ask.prompt or "")).strip()
        made.temperature, made.temperature_inc, made.no_context = ask.temperature, 0.0, True
        made.no_speech_thold, made.logprob_thold, made.entropy_thold = 1.0, -1e9, -1e9  # judged by the stages
        made.max_tokens, made.token_timestamps = MOST_TOKENS, True
        made.print_progress = made.print_realtime = made.print_timestamps = made.print_special = False
        return made


class _Spec:
    name = "whispercpp"
    formats = ("ggml",)
    libraries = ("pywhispercpp",)
    Options: type[BaseModel] = calls.Options

    def missing(self) -> str | None:
        return calls.missing("whispercpp", "_pywhispercpp")

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        return tuple(d for d in machine.devices if "metal" in d.apis or d.kind == "cpu")

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        if why := self.missing():
            raise Missing(why)
        path, chosen = files.files["model"], options if isinstance(options, calls.Options) else calls.Options()
        try:
            header = ggml.look(path)
        except EarwitnessError as error:
            raise EngineFailed(f"{files.name} does not load: {error}", remedy=AGAIN) from error
        import _pywhispercpp as runtime

        runtime.whisper_log_set(lambda *_: None)  # it prints some forty lines a model
        atexit.register(runtime.whisper_log_set)  # and calls back when Python is gone already
        how = runtime.whisper_context_default_params()
        how.use_gpu, how.gpu_device = device.kind == "gpu", device.index
        how.flash_attn, how.dtw_token_timestamps = False, True  # one excludes the other
        how.dtw_aheads_preset = runtime.whisper_alignment_heads_preset.WHISPER_AHEADS_N_TOP_MOST
        how.dtw_n_top = (header.decoder_layers + 1) // 2
        contexts = [runtime.whisper_init_from_file_with_params(str(path), how) for _ in range(chosen.workers)]
        return WhisperCpp(contexts, header, chosen)


spec = _Spec()
