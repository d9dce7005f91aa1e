"""The embedded recogniser: what it hears in the sample, and its own token loop around scripted graphs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from earwitness.audio import decode
from earwitness.audio.decode import Report
from earwitness.engines import Engine
from earwitness.engines.embedded import graphs as written
from earwitness.engines.moonshine import END, SHORTEST, START, TOKENS_A_SECOND, Moonshine, read_vocabulary, spec
from earwitness.errors import EngineFailed
from earwitness.hardware import ort, probe
from earwitness.models import catalog
from earwitness.types import Audio, Clip, Samples

WORDS = (b"", b"<s>", b"</s>", b" one", b" two", b" three", b" four", b" five")


@pytest.fixture(scope="module")
def moonshine() -> Iterator[Engine]:
    """The real model."""
    loaded = spec.load(catalog.locate(catalog.default()), probe.machine().devices[0], spec.Options())
    yield loaded
    loaded.close()


def _read(path: Path) -> Samples:
    return np.concatenate([a.samples for a in decode.stream(path, Report())])


def test_it_hears_the_words_of_the_sample(moonshine: Engine, sample: Path) -> None:
    beckett, cities = _read(sample.parent / "beckett.wav"), _read(sample.parent / "two_cities.wav")
    results = moonshine.transcribe([Clip(Audio(s)) for s in (beckett, cities[: 9 * 16_000])])
    first, second = (segments[0].text.lower() for segments in results)
    for phrase in ("ever tried", "ever failed", "no matter", "try again", "fail again", "fail better"):
        assert phrase in first
    assert "it was the best of times" in second
    assert "it was the worst of times" in second


def test_what_a_clip_says_does_not_depend_on_who_shares_its_batch(moonshine: Engine, sample: Path) -> None:
    beckett, cities = _read(sample.parent / "beckett.wav"), _read(sample.parent / "two_cities.wav")
    clips = [
        Clip(Audio(s)) for s in (beckett, cities[: 9 * 16_000], beckett[:20_000] * 3, np.zeros(30_000, np.float32))
    ]
    together = list(moonshine.transcribe(clips))
    assert together == [found for clip in clips for found in moonshine.transcribe([clip])]
    assert list(moonshine.transcribe(clips[::-1])) == together[::-1]


def test_clear_speech_is_believed_more_than_the_same_speech_reversed(moonshine: Engine, sample: Path) -> None:
    beckett = _read(sample.parent / "beckett.wav")
    (clear,), (foreign,) = moonshine.transcribe([Clip(Audio(beckett)), Clip(Audio(beckett[::-1].copy()))])
    assert clear.confidence is not None
    assert foreign.confidence is not None
    assert clear.confidence > 0.8 > foreign.confidence


# ── the token loop, around graphs that play a script ──
@dataclass
class Graphs:
    """Both graphs: one passes on the loudness of a clip, the other says what `script` has for it."""

    script: Mapping[float, list[int]]
    said: list[float] = field(default_factory=list)
    """The loudness of the clip of each step."""
    fail: bool = False

    def listening(self) -> "_Graph":
        return _Graph(lambda feed: [np.full((1, 1, 1, 1), feed["sound"].max(), np.float32)] * len(written.HEARD))

    def saying(self) -> "_Graph":
        return _Graph(self._step)

    def _step(self, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        if self.fail:
            raise RuntimeError("the graph broke")
        past, loudness = feed[written.PAST[-1]], round(float(feed[written.HEARD[-1]].max()), 2)
        at, line = past.shape[2], self.script[loudness]
        assert feed["place"].tolist() == [at]
        assert feed["token"].tolist() == [[line[at - 1] if at else START]]
        self.said.append(loudness)
        logits = np.full((1, 1, len(WORDS)), -9.0, np.float32)
        logits[0, 0, line[at]] = 9.0
        return [logits, *[np.zeros((1, past.shape[1], at + 1, past.shape[3]), np.float32)] * len(written.GROWN)]


class _Graph:
    def __init__(self, step: Any) -> None:
        self.step = step

    def run(self, outputs: list[str] | None, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = self.step(feed)
        assert outputs is None or len(found) == len(outputs)
        return found

    def get_inputs(self) -> list[ort.Value]:
        return []

    def get_outputs(self) -> list[ort.Value]:
        return []


def _engine(graphs: Graphs) -> Moonshine:
    return Moonshine(graphs.listening(), graphs.saying(), WORDS)


def _clip(loudness: float, seconds: float = 4.0) -> Clip:
    return Clip(Audio(np.full(round(seconds * 16_000), loudness, np.float32)))


def test_clips_are_decoded_one_by_one_and_keep_their_place() -> None:
    graphs = Graphs({0.1: [3, 4, 5, END], 0.2: [END], 0.3: [6, END]})
    found = _engine(graphs).transcribe([_clip(0.1), _clip(0.2), _clip(0.3)])
    assert [[s.text for s in segments] for segments in found] == [["one two three"], [], ["four"]]
    assert graphs.said == [0.1] * 4 + [0.2] + [0.3] * 2


def test_what_is_heard_in_a_clip_does_not_depend_on_who_else_speaks(moonshine: Engine, sample: Path) -> None:
    sound = _read(sample)
    clips = [Clip(Audio(sound[n * 16_000 : (n + 4) * 16_000])) for n in (1, 5, 9)]
    assert moonshine.transcribe(clips) == [moonshine.transcribe([clip])[0] for clip in clips]


def test_a_loop_is_cut_and_marked() -> None:
    graphs = Graphs({0.1: [6, *[3, 4, 5] * 40]})
    ((segment,),) = _engine(graphs).transcribe([_clip(0.1, 20)])
    assert segment.text == "four one two three"
    assert segment.marks == ("loop_cut",)
    assert len(segment.tokens) == len(segment.token_ids) == 4


def test_text_longer_than_anybody_speaks_is_capped_and_marked() -> None:
    line = np.random.default_rng(1).integers(3, 8, 99).tolist()
    ((segment,),) = _engine(Graphs({0.1: line})).transcribe([_clip(0.1, 4)])
    assert segment.marks == ("token_cap",)
    assert len(segment.token_ids) == int(4 * TOKENS_A_SECOND) + 2


def test_a_clip_shorter_than_the_graph_takes_is_padded() -> None:
    seen: list[tuple[int, ...]] = []
    graphs = Graphs({0.1: [3, END]})
    listening = graphs.listening()
    whole = listening.step

    def watched(feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        seen.append(feed["sound"].shape)
        found: list[NDArray[Any]] = whole(feed)
        return found

    listening.step = watched
    ((segment,),) = Moonshine(listening, graphs.saying(), WORDS).transcribe([_clip(0.1, 0.01)])
    assert seen == [(1, SHORTEST)]
    assert segment.end_s == 0.01


def test_a_broken_graph_is_an_engine_failure_with_its_cause() -> None:
    with pytest.raises(EngineFailed, match="the graph broke") as failure:
        _engine(Graphs({}, fail=True)).transcribe([_clip(0.1)])
    assert isinstance(failure.value.__cause__, RuntimeError)


def test_the_vocabulary_is_read_with_short_and_long_lengths(tmp_path: Path) -> None:
    long = "ö".encode() * 100  # two length bytes: 200 = 72 + 128 * 1
    pieces = [b"<unk>", b"<s>", b"</s>", "▁the".encode(), long, b"<<ST_7>>"]
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(b"".join((bytes([len(p)]) if len(p) < 128 else bytes([200, 1])) + p for p in pieces))
    assert read_vocabulary(path) == (b"", b"", b"", b" the", long, b"")
