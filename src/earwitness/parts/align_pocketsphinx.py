"""Word times for English by PocketSphinx, whose acoustic model and dictionary come in its wheel.

The words are put into the sounds of a dictionary, those it does not list by rules, and laid over the recording by
Viterbi search. How well a word's sounds fit, per frame, tells right words from wrong ones: that is the confidence, and
runs of words that fit nowhere are told as not aligned. Times are the middle between the centres of two frames.

Source: Huggins-Daines et al., PocketSphinx, 2006; measured in `docs/words.md`.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from earwitness.errors import EngineFailed
from earwitness.parts import Aligner
from earwitness.parts.pronounce import Rules, Speller
from earwitness.parts.spoken import spoken
from earwitness.parts.timing import Fit, laid_out
from earwitness.types import Audio, Word

if TYPE_CHECKING:
    from pocketsphinx import Decoder

FRAME_S = 0.01
CENTRE_S = 0.0256 / 2 - FRAME_S / 2
"""A frame's window is 25.6 ms long, so the middle between two of them lies this far behind the second one's start."""

WIDER = {"beam": 1e-80, "wbeam": 1e-60, "pbeam": 1e-80}
"""For text that the usual beams lose on the way; slower by a third."""

NEPERS = 0.1024
"""The decoder counts in 1024ths of logarithms to the base 1.0001, and hands them out as if they were whole ones."""

PIECE = 3200
"""Samples a call: the decoder holds Python's lock for a fiftieth of their time."""

MOST_ADDED = 20_000
"""Words outside the dictionary that a decoder has learned before it makes way for a new one."""

SHORTEST_S = 0.1


@dataclass(slots=True)
class _Seat:
    """What aligns one recording at a time: the decoder, and one that only finds the loudness of each band."""

    decoder: "Decoder"
    ears: "Decoder"
    added: int = 0


class PocketSphinx:
    """The loaded aligner; `align` is that of `Aligner`. Each call has a decoder of its own while it lasts."""

    languages: tuple[str, ...] = ("en",)

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: dict[bool, list[_Seat]] = {False: [_seat(wide=False)], True: []}
        self._speller = Speller(Rules.load())

    def align(self, audio: Audio, words: Sequence[str]) -> tuple[Word, ...]:
        with self._seat(wide=False) as seat:
            decoder = seat.decoder
            pieces = spoken(words, lambda word: decoder.lookup_word(word) is not None)
        text = [piece for said in pieces for piece in said]
        fits = self._fits(audio, text) if text and audio.duration_s >= SHORTEST_S else ()
        return laid_out(words, pieces, fits, audio.start_s, audio.end_s)

    def _fits(self, audio: Audio, text: Sequence[str]) -> tuple[Fit, ...]:
        """Where each piece lies; nothing where the search finds no way through the text."""
        sound = (np.clip(np.nan_to_num(audio.samples), -1.0, 1.0) * 32767).astype("<i2")
        for wide in (False, True):
            with self._seat(wide=wide) as seat:
                self._teach(seat, text)
                found = _searched(seat, sound, text)
            if found:
                return tuple(Fit(audio.start_s + f.start_s, audio.start_s + f.end_s, f.score) for f in found)
        return ()

    def _teach(self, seat: _Seat, text: Sequence[str]) -> None:
        """Add the words that the dictionary lacks."""
        lookup = seat.decoder.lookup_word
        for piece in text:
            if lookup(piece) is None:
                seat.decoder.add_word(piece, " ".join(self._speller.say(piece, lookup)), True)
                seat.added += 1

    @contextmanager
    def _seat(self, *, wide: bool) -> Iterator[_Seat]:
        with self._lock:
            idle = self._idle[wide]
            seat = idle.pop() if idle else None
        seat = seat or _seat(wide=wide)
        yield seat  # one whose work failed is not used again
        if seat.added < MOST_ADDED:
            with self._lock:
                self._idle[wide].append(seat)


def _seat(*, wide: bool) -> _Seat:
    from pocketsphinx import Decoder

    plain = {"samprate": 16_000, "lm": None, "bestpath": False, "loglevel": "FATAL"}
    try:
        ears = Decoder(**plain, dict=None, beam=0.01, wbeam=0.01, pbeam=0.01)
        ears.add_word("a", "AH", True)
        ears.set_align_text("a")
        return _Seat(Decoder(**plain, **(WIDER if wide else {})), ears)
    except RuntimeError as error:
        raise EngineFailed(f"PocketSphinx could not be loaded: {error}") from error


def _searched(seat: _Seat, sound: np.ndarray[tuple[int], np.dtype[np.int16]], text: Sequence[str]) -> tuple[Fit, ...]:
    """One search over the whole sound, from the first sample: the means of the whole are found before."""
    ears, decoder, raw = seat.ears, seat.decoder, sound.tobytes()
    ears.reinit_feat()  # nothing of the sound before may be left in it
    ears.start_utt()
    ears.process_raw(raw, no_search=True, full_utt=True)
    ears.end_utt()
    decoder.reinit_feat()
    decoder.set_align_text(" ".join(text))
    decoder.set_cmn(ears.get_cmn(False))
    decoder.start_utt()
    for at in range(0, len(raw), 2 * PIECE):
        decoder.process_raw(raw[at : at + 2 * PIECE])
    decoder.end_utt()
    found, end_s = list[Fit](), len(sound) / 16_000
    for piece in decoder.seg() or ():
        if piece.word[0] not in "<[":
            frames = piece.end_frame + 1 - piece.start_frame
            score = NEPERS / math.log(1.0001) * math.log(max(piece.ascore, 1e-300)) / frames
            start_s, stop_s = (min(end_s, FRAME_S * f + CENTRE_S) for f in (piece.start_frame, piece.end_frame + 1))
            found.append(Fit(start_s, stop_s, score))
    return tuple(found) if len(found) == len(text) else ()


class _Spec:
    name = "pocketsphinx"
    does = "aligner"
    languages = PocketSphinx.languages
    licence = "BSD, Carnegie Mellon University and Alpha Cephei"

    def missing(self) -> str | None:
        return None if find_spec("pocketsphinx") else "pocketsphinx is not installed: pip install pocketsphinx"

    def load(self) -> Aligner:
        return PocketSphinx()


spec = _Spec()
