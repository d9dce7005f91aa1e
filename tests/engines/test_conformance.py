"""The laws of `engines.Engine` and `engines.Spec`, kept by every engine that is installed, on a model it reads."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import pytest
from pydantic import ValidationError

from earwitness.audio import timebase
from earwitness.engines import Engine, Spec
from earwitness.errors import EngineFailed, Missing, NotFound, Unsupported
from earwitness.hardware import probe
from earwitness.models.isolated import Apart
from earwitness.plugins import ENGINES, Found, Plugins
from earwitness.types import Ask, Audio, Can, Clip, Machine, ModelFiles, Samples, Segment
from support import sounds, subjects
from support.subjects import Subject

RUNTIMES = "onnxruntime torch ctranslate2 faster_whisper pywhispercpp openvino transformers mlx moonshine_voice av"

Results = list[tuple[Segment, ...]]


ISOLATED = {"moonshine", "ctranslate2"}
"""Engines that are tried in a process of their own too."""


def _params() -> Iterator[object]:
    engines: Plugins[Spec] = Plugins(ENGINES)
    for found in engines:
        why_not = found.why_not if found.spec is not None else None
        marks = pytest.mark.skipif(bool(why_not), reason=why_not or "usable")
        yield pytest.param(found, id=found.name, marks=marks)
        if found.spec is not None and found.name in ISOLATED:
            apart: Found[Spec] = Found(found.name, Apart(found.spec), why_not)
            yield pytest.param(apart, id=f"{found.name}-isolated", marks=marks)


def _load(subject: Subject) -> Engine:
    spec = subject.spec
    return spec.load(subject.files, spec.devices(probe.machine())[0], spec.Options())


@pytest.fixture(scope="module", params=list(_params()))
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sample: Path
) -> Iterator[Subject]:
    """Each installed engine with a model."""
    found: Found[Spec] = request.param
    assert found.spec is not None, found.why_not
    with ExitStack() as held:
        yield subjects.subject(found.spec, tmp_path_factory.mktemp(found.name), sample, held)


@pytest.fixture(scope="module")
def spec(subject: Subject) -> Spec:
    """Each installed engine's Spec."""
    return subject.spec.inner if isinstance(subject.spec, Apart) else subject.spec


@pytest.fixture(scope="module")
def engine(subject: Subject) -> Iterator[Engine]:
    """Each installed engine, loaded."""
    loaded = _load(subject)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def speech(subject: Subject) -> list[Samples]:
    """Real speech of unlike lengths that the engine's model understands."""
    return subject.speech


def _clips(sounds_: list[Samples], ask: Ask | None = None, *, start_s: float = 0.0) -> list[Clip]:
    """The sounds one after the other from `start_s` on, each a clip."""
    clips, at = [], timebase.samples(start_s)
    for sound in sounds_:
        clips.append(Clip(Audio(sound, at), ask or Ask(language="en")))
        at += len(sound) + timebase.RATE
    return clips


def _texts(results: Results) -> list[str]:
    return [" ".join(s.text for s in segments) for segments in results]


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split()) or "-"


# ── what it returns ──
@pytest.mark.parametrize("start_s", [0.0, 35_000.0], ids=["from-the-start", "hours-in"])
def test_results_come_in_order_and_their_times_lie_in_their_clips(
    engine: Engine, speech: list[Samples], start_s: float
) -> None:
    clips = _clips([speech[0], sounds.silence(1), *speech[1:]], start_s=start_s)
    results = list(engine.transcribe(clips))
    assert len(results) == len(clips)
    assert all(results[i] for i in (0, 2, 3, 4)), "real speech gave no text"
    for clip, segments in zip(clips, results, strict=True):
        at_s = clip.audio.start_s
        for segment in segments:
            assert at_s <= segment.start_s <= segment.end_s <= clip.audio.end_s
            at_s = segment.start_s


def test_texts_are_stripped_and_never_empty(engine: Engine, speech: list[Samples]) -> None:
    for segments in engine.transcribe(_clips(speech)):
        for segment in segments:
            assert segment.text == segment.text.strip() != ""


def test_no_clips_give_no_results(engine: Engine) -> None:
    assert list(engine.transcribe([])) == []


ODD = {
    "no samples": sounds.silence(0),
    "one sample": np.array([0.5], np.float32),
    "10 ms": sounds.tone(0.01),
    "silence": sounds.silence(2),
    "noise": sounds.noise(2),
    "clipping": np.sign(sounds.tone(1.5, peak=1)).astype(np.float32),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_sounds_do_no_harm(engine: Engine, name: str) -> None:
    clip = Clip(Audio(ODD[name], timebase.samples(100)), Ask())
    (segments,) = engine.transcribe([clip])
    for segment in segments:
        assert clip.audio.start_s <= segment.start_s <= segment.end_s <= clip.audio.end_s


def test_the_longest_clip_is_recognised(engine: Engine, subject: Subject) -> None:
    longest = np.tile(subject.speech[0], 15)[: timebase.samples(min(engine.can.max_clip_s, 60.0))]
    (segments,) = engine.transcribe(_clips([longest]))
    assert len(_texts([segments])[0].split()) >= subject.words


def test_a_batch_may_be_larger_than_the_best_size(engine: Engine, speech: list[Samples]) -> None:
    count = engine.can.batch + 2
    some = [speech[-1][: len(speech[-1]) - i] for i in range(count)]
    results = list(engine.transcribe(_clips(some)))
    assert len(results) == count
    assert all(results)


def test_a_clip_says_nearly_the_same_alone_and_among_others(engine: Engine, speech: list[Samples]) -> None:
    """Nearly: int8 graphs take their scale from the whole batch, so a clip's numbers depend a little on its neighbours.

    One word in twenty may differ; a padding or a mask that is wrong costs far more.
    """
    together = _texts(list(engine.transcribe(_clips(speech))))
    alone = [_texts(list(engine.transcribe([clip])))[0] for clip in _clips(speech)]
    assert jiwer.wer([_plain(t) for t in alone], [_plain(t) for t in together]) <= 0.05


def test_the_same_call_gives_the_same(engine: Engine, speech: list[Samples]) -> None:
    assert list(engine.transcribe(_clips(speech))) == list(engine.transcribe(_clips(speech)))


def test_clips_are_not_changed(engine: Engine, speech: list[Samples]) -> None:
    own = [s.copy() for s in speech]
    engine.transcribe(_clips(own))
    assert all(np.array_equal(a, b) for a, b in zip(own, speech, strict=True))


def test_threads_get_what_a_single_caller_gets(engine: Engine, speech: list[Samples]) -> None:
    if not engine.can.parallel:
        pytest.skip("this engine is called by one thread at a time")
    expected = [list(engine.transcribe([clip])) for clip in _clips(speech)]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            assert list(threads.map(lambda c: list(engine.transcribe([c])), _clips(speech))) == expected


def test_who_calls_first_need_not_be_the_thread_that_loaded(
    subject: Subject, engine: Engine, speech: list[Samples]
) -> None:
    clip, fresh = _clips(speech)[0], _load(subject)
    try:
        with ThreadPoolExecutor(1) as other:
            found = other.submit(fresh.transcribe, [clip]).result()
        assert list(found) == list(engine.transcribe([clip]))
    finally:
        fresh.close()


# ── what is asked ──
WISHES = {
    "language": Ask(language="xx"),
    "languages": Ask(languages=("en", "de")),
    "task": Ask(task="translate"),
    "word_times": Ask(word_times=True),
    "logprobs": Ask(logprobs=True),
    "prompt": Ask(prompt="Nell and Nagg"),
    "hotwords": Ask(hotwords=("Nagg",)),
    "temperature": Ask(temperature=0.5),
}


def _inside(can: Can, name: str) -> bool:
    possible = {
        "language": can.languages is None,
        "languages": can.detects_language or can.languages == ("en", "de"),
        "task": "translate" in can.tasks,
        "word_times": can.word_times,
        "logprobs": can.logprobs,
        "prompt": can.prompt,
        "hotwords": can.hotwords,
        "temperature": can.temperature,
    }
    return possible[name]


@pytest.mark.parametrize("name", WISHES)
def test_a_wish_is_fulfilled_refused_or_a_hint(engine: Engine, speech: list[Samples], name: str) -> None:
    firm = replace(WISHES[name], optional=frozenset())
    if _inside(engine.can, name):
        assert engine.transcribe(_clips(speech[-1:], firm))[0]
    else:
        with pytest.raises(Unsupported) as failure:
            engine.transcribe(_clips(speech[-1:], firm))
        assert failure.value.param == name
    hint = replace(firm, optional=frozenset({name}))
    assert engine.transcribe(_clips(speech[-1:], hint))[0]


def test_languages_it_names_are_accepted(engine: Engine) -> None:
    known = engine.can.languages or ("en",)
    for code in {known[0], known[len(known) // 2], known[-1]}:
        engine.transcribe(_clips([sounds.silence(0.2)], Ask(language=code)))


def test_token_logprobs_add_up(engine: Engine, speech: list[Samples]) -> None:
    if not engine.can.logprobs:
        pytest.skip("this engine gives no log-probabilities")
    for segments in engine.transcribe(_clips(speech, Ask(logprobs=True))):
        for segment in segments:
            count, total = len(segment.tokens), sum(t.logprob for t in segment.tokens)
            assert count
            assert all(t.logprob <= 0 for t in segment.tokens)
            assert b"".join(t.raw for t in segment.tokens).decode("utf-8", "replace").strip() == segment.text
            assert tuple(t.id for t in segment.tokens) == segment.token_ids
            assert segment.avg_logprob is not None
            end_mark = segment.avg_logprob * (count + 1) - total
            assert end_mark <= 1e-4 or segment.avg_logprob * count == pytest.approx(total, abs=1e-4)


def test_confidence_is_a_share(engine: Engine, speech: list[Samples]) -> None:
    found = [s for segments in engine.transcribe(_clips([*speech, sounds.noise(2)])) for s in segments]
    assert found
    assert all(s.confidence is None or 0 <= s.confidence <= 1 for s in found)


def test_word_times_run_forward_inside_their_segment(engine: Engine, speech: list[Samples]) -> None:
    if not engine.can.word_times:
        pytest.skip("this engine gives no word times")
    for segments in engine.transcribe(_clips(speech, Ask(word_times=True))):
        for segment in segments:
            assert " ".join(w.text.strip() for w in segment.words).split() == segment.text.split()
            edges = [segment.start_s, *(w.start_s for w in segment.words), segment.words[-1].end_s, segment.end_s]
            assert edges == sorted(edges)


# ── the Spec ──
def test_the_spec_is_named_as_its_entry_point(spec: Spec) -> None:
    engines: Plugins[Spec] = Plugins(ENGINES)
    assert engines.get(spec.name) is spec
    assert spec.formats


def test_unknown_options_are_refused(spec: Spec) -> None:
    spec.Options()
    with pytest.raises(ValidationError, match="beam_sise"):
        spec.Options(beam_sise=5)


def test_devices_are_those_of_the_machine(spec: Spec) -> None:
    machine = probe.machine()
    assert set(spec.devices(machine)) <= set(machine.devices)
    assert spec.devices(Machine("none", "none", 1, 0, ())) == ()


def test_closing_twice_is_fine(subject: Subject) -> None:
    engine = _load(subject)
    engine.transcribe([Clip(Audio(sounds.silence(0.2)))])
    engine.close()
    engine.close()


def test_a_model_that_is_not_there_or_broken_is_told(subject: Subject, tmp_path: Path) -> None:
    if not subject.files.files:
        pytest.skip("this engine reads no files")
    broken = tmp_path / "broken"
    broken.write_bytes(b"no model")
    for path in (tmp_path / "absent", broken):
        files = ModelFiles("made-up", subject.files.format, dict.fromkeys(subject.files.files, path))
        with pytest.raises((Missing, NotFound, EngineFailed), match="made-up"):
            subject.spec.load(files, subject.spec.devices(probe.machine())[0], subject.spec.Options())


def test_looking_at_a_spec_imports_no_runtime(spec: Spec) -> None:
    code = (
        f"import sys; from {type(spec).__module__} import spec; spec.missing(); spec.Options(); "
        f"print(*[m for m in {RUNTIMES.split()} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
