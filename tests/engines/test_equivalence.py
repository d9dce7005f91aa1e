"""One Whisper on every runtime: the same words, and the same times, whatever the format and the precision."""

from itertools import combinations
from pathlib import Path

import jiwer
import pytest

from earwitness.engines import Spec
from earwitness.hardware import probe
from earwitness.plugins import ENGINES, Plugins
from earwitness.types import Ask, Audio, Clip, Segment
from support import subjects, whisper

VARIANTS = {
    ("ctranslate2", "float32"): 0.0,
    ("ctranslate2", "int8"): 0.02,
    ("torch", "float32"): 0.0,
    ("openvino", "float16"): 0.0,
    ("openvino", "int8"): 0.02,
    ("onnx", "float32"): 0.0,
    ("onnx", "int8"): 0.02,
    ("whispercpp", "f16"): 0.0,
    ("whispercpp", "q8_0"): 0.02,
    ("whispercpp", "q5_0"): 0.02,
}
"""The word error rate that each may have on the exact recordings."""

Results = list[tuple[Segment, ...]]


def _usable() -> list[tuple[str, str]]:
    engines: Plugins[Spec] = Plugins(ENGINES)
    there = {found.name for found in engines if found.spec is not None and not found.why_not}
    return [variant for variant in VARIANTS if variant[0] in there]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Results]:
    """What each variant makes of all recordings, the language left to it, words timed."""
    if not _usable():
        pytest.skip("no Whisper engine is installed: pip install 'earwitness[whisper]'")
    clips = [Clip(Audio(r.samples, 16_000 * 100 * i), Ask(word_times=True)) for i, r in enumerate(whisper.recordings())]
    return {variant: _hear(*variant, tmp_path_factory.mktemp("micro"), clips) for variant in _usable()}


def _hear(engine: str, precision: str, folder: Path, clips: list[Clip]) -> Results:
    engines: Plugins[Spec] = Plugins(ENGINES)
    spec = engines.get(engine)
    files = subjects.micro(spec.formats[0], folder, precision)
    loaded = spec.load(files, spec.devices(probe.machine())[0], spec.Options())
    try:
        return list(loaded.transcribe(clips))
    finally:
        loaded.close()


def _text(segments: tuple[Segment, ...]) -> str:
    return " ".join(s.text for s in segments).lower().replace(".", "").replace("?", "").replace(",", "")


def _exact(results: Results) -> list[str]:
    numbered = zip(whisper.recordings(), results, strict=True)
    return [_text(found) for spoken, found in numbered if spoken.name[:2] in whisper.EXACT]


@pytest.fixture(params=VARIANTS, ids="-".join)
def variant(request: pytest.FixtureRequest, heard: dict[tuple[str, str], Results]) -> tuple[str, str]:
    """Each variant whose engine is installed."""
    found: tuple[str, str] = request.param
    if found not in heard:
        pytest.skip(f"{found[0]} is not installed")
    return found


def test_exact_recordings_come_out_to_the_word(heard: dict[tuple[str, str], Results], variant: tuple[str, str]) -> None:
    said = [r.text.lower().replace(".", "").replace("?", "").replace(",", "") for r in whisper.exact()]
    assert jiwer.wer(said, _exact(heard[variant])) <= VARIANTS[variant]


def test_any_two_agree_on_at_least_95_of_100_words(heard: dict[tuple[str, str], Results]) -> None:
    spoken = [i for i, r in enumerate(whisper.recordings()) if r.text]
    texts = {variant: [_text(results[i]) for i in spoken] for variant, results in heard.items()}
    for one, other in combinations(texts, 2):
        assert jiwer.wer(texts[one], texts[other]) <= 0.05, f"{one} and {other}"


def test_languages_are_told_apart_and_silence_says_nothing(
    heard: dict[tuple[str, str], Results], variant: tuple[str, str]
) -> None:
    for spoken, segments in zip(whisper.recordings(), heard[variant], strict=True):
        assert {s.language for s in segments} == ({spoken.language} if spoken.text else set())


def test_sentences_begin_and_end_where_they_were_said(
    heard: dict[tuple[str, str], Results], variant: tuple[str, str]
) -> None:
    for i, (spoken, segments) in enumerate(zip(whisper.recordings(), heard[variant], strict=True)):
        if spoken.name[:2] in whisper.EXACT:
            ((start_s, end_s, _),) = spoken.segments
            assert segments[0].start_s - 100 * i == pytest.approx(start_s, abs=0.25)
            assert segments[-1].end_s - 100 * i == pytest.approx(end_s, abs=0.4)


def test_word_times_of_the_runtimes_lie_close(heard: dict[tuple[str, str], Results]) -> None:
    one, other = ("ctranslate2", "float32"), ("whispercpp", "f16")
    if one not in heard or other not in heard:
        pytest.skip("both runtimes are needed")
    ends = [
        abs(a.end_s - b.end_s)
        for these, those in zip(heard[one], heard[other], strict=True)
        for s, t in zip(these, those, strict=True)
        if s.text == t.text
        for a, b in zip(s.words, t.words, strict=True)
    ]
    assert len(ends) > 40
    assert sorted(ends)[len(ends) // 2] < 0.15
