"""The remote engine: what is sent, what comes of it, keys, the file that points to a server, and real servers."""

import io
import logging
import socket
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from earwitness import batch, config
from earwitness.config import Settings
from earwitness.engines.remote import spec
from earwitness.engines.wire import address
from earwitness.errors import BadInput, EarwitnessError, EngineFailed, NotFound, Unsupported
from earwitness.hardware import probe
from earwitness.kit import Kit
from earwitness.models import bring
from earwitness.stages.recipe import Recipe
from earwitness.types import Ask, ModelFiles
from support import scripted, server, sounds
from support.clips import clip
from support.far import KEY, LISTED, PATH, SAID, TRANSLATED, Far, well
from support.scripted import Reply, say


@pytest.fixture
def far() -> Iterator[Far]:
    """A server that is well until a test changes its script."""
    with scripted.running(script := well()) as url, ExitStack() as held:
        yield Far(script, url, held=held)


# ── what is sent, and what comes of it ──
def test_a_clip_goes_out_as_a_wav_with_its_wishes(far: Far, tmp_path: Path) -> None:
    engine = far.engine(tmp_path, word_times=True)
    words = [{"word": "hello", "start": 0.25, "end": 0.5}]
    far.script.replies[PATH] = [say(SAID | {"segments": [{"text": "hello", "start": 0, "end": 1}], "words": words})]
    ask = Ask(language="en", prompt="Nell", temperature=0.5, word_times=True, hotwords=("Nagg",))
    ((segment,),) = engine.transcribe([clip(1.0, ask, start_s=10)])
    assert (segment.start_s, segment.end_s, segment.text, segment.language) == (10.0, 11.0, "hello", "en")
    assert [(w.text, w.start_s, w.end_s) for w in segment.words] == [("hello", 10.25, 10.5)]
    asked = far.script.asked[-1]
    told = {name: asked.text(name) for name in ("model", "response_format", "language", "prompt", "temperature")}
    assert told == {
        "model": "whisper-1", "response_format": "verbose_json", "language": "en", "prompt": "Nell",
        "temperature": "0.5",
    }  # fmt: skip
    assert asked.fields["timestamp_granularities[]"] == (b"word", b"segment")
    assert "keywords[]" not in asked.fields
    with wave.open(io.BytesIO(asked.fields["file"][0])) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 16_000)
        heard = np.frombuffer(file.readframes(16_000), "<i2") / 32_768
    assert np.abs(heard - sounds.tone(1.0)).max() <= 1 / 32_768


def test_nothing_is_sent_that_was_not_asked(far: Far, tmp_path: Path) -> None:
    far.engine(tmp_path).transcribe([clip()])
    assert set(far.script.asked[-1].fields) == {"file", "model", "response_format"}
    assert far.script.asked[-1].headers["authorization"] is None


def test_a_translation_has_its_own_path(far: Far, tmp_path: Path) -> None:
    engine = far.engine(tmp_path)
    ((segment,),) = engine.transcribe([clip(ask=Ask(task="translate"))])
    assert segment.text == "hello"
    assert far.script.asked[-1].path == TRANSLATED
    with pytest.raises(Unsupported, match="language") as failure:
        engine.transcribe([clip(ask=Ask(task="translate", language="de"))])
    assert failure.value.param == "language"


def test_what_a_server_can_is_what_its_file_says(far: Far, tmp_path: Path) -> None:
    plain = far.engine(tmp_path).can
    assert (plain.languages, plain.tasks, plain.word_times) == (None, ("transcribe", "translate"), False)
    assert (plain.hotwords, plain.logprobs, plain.detects_language) == (False, False, False)
    told = far.engine(tmp_path, languages=["en", "de"], tasks=["transcribe"], word_times=True, at_once=2).can
    assert (told.languages, told.tasks, told.word_times, told.batch) == (("en", "de"), ("transcribe",), True, 2)


def test_a_server_that_lists_no_models_may_be_used(far: Far, tmp_path: Path) -> None:
    far.script.replies[LISTED] = [Reply(404)]
    far.script.replies[PATH] = [say({"text": "hello"})]
    ((segment,),) = far.engine(tmp_path, response_format="json").transcribe([clip(2.0, start_s=3)])
    assert (segment.start_s, segment.end_s, segment.text) == (3.0, 5.0, "hello")


def test_no_samples_are_not_sent(far: Far, tmp_path: Path) -> None:
    assert list(far.engine(tmp_path).transcribe([clip(0.0)])) == [()]
    assert far.script.count(PATH) == 0


def test_results_keep_the_order_of_the_clips_whichever_comes_first(far: Far, tmp_path: Path) -> None:
    engine = far.engine(tmp_path, at_once=3)
    slow, *fast = (say({"text": t}) for t in ("a", "b", "c"))
    far.script.replies[PATH] = [Reply(slow.status, slow.body, delay_s=0.3), *fast]
    found = [segments[0].start_s for segments in engine.transcribe([clip(start_s=n) for n in range(6)])]
    assert found == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"segments": []}', b""])
def test_an_answer_that_makes_no_sense_is_told(far: Far, tmp_path: Path, body: bytes) -> None:
    engine = far.engine(tmp_path)
    far.script.replies[PATH] = [Reply(body=body)]
    with pytest.raises(EngineFailed, match="office/remote gave an answer that makes no sense"):
        engine.transcribe([clip()])


def test_foreign_speech_in_one_clip_does_not_end_the_recording(far: Far, tmp_path: Path) -> None:
    engine = far.engine(tmp_path)
    far.script.replies[PATH] = [say({"error": {"message": "No English.", "code": "foreign_speech"}}, 400)]
    assert list(engine.transcribe([clip()])) == [()]


# ── keys ──
@contextmanager
def watched(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that is logged, down to the last detail."""
    with caplog.at_level(logging.DEBUG):
        yield lambda: caplog.text


def test_the_key_comes_from_the_environment_and_goes_into_a_header_alone(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OFFICE_KEY", f" {KEY}\n")
    with watched(caplog) as logged:
        engine = far.engine(tmp_path, key_env="OFFICE_KEY")
        engine.transcribe([clip()])
        assert KEY not in logged()
    assert {a.headers["authorization"] for a in far.script.asked} == {f"Bearer {KEY}"}
    assert all(KEY.encode() not in v for a in far.script.asked for values in a.fields.values() for v in values)
    assert KEY not in (tmp_path / "remote" / "office.json").read_text()


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(
    far: Far, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    monkeypatch.setenv("OFFICE_KEY", KEY)
    far.script.replies[PATH] = [say({"error": {"message": f"wrong key {KEY}\x1b[2J"}}, status)]
    with watched(caplog) as logged, pytest.raises(EarwitnessError) as failure:
        far.send(far.line(key_env="OFFICE_KEY"))
    told = f"{failure.value.message} {failure.value.remedy} {failure.value.__cause__!r} {logged()}"
    assert KEY not in told
    assert "\x1b" not in failure.value.message
    if status in {401, 403}:
        assert "OFFICE_KEY" in failure.value.remedy


@pytest.mark.parametrize("value", [None, "", "two\nlines", "schlüssel"])
def test_a_key_that_is_not_there_or_is_none_is_told_before_anything_is_sent(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("OFFICE_KEY", value)
    with pytest.raises(EngineFailed, match="OFFICE_KEY") as failure:
        far.engine(tmp_path, key_env="OFFICE_KEY")
    assert "OFFICE_KEY" in failure.value.remedy
    assert not value or value not in f"{failure.value.message} {failure.value.remedy}"
    assert far.script.asked == []


# ── the file ──
@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"url": "http://me:hunter2@host/v1"}, "url"),
        ({"url": "ftp://host/v1"}, "url"),
        ({"url": "host:8000"}, "url"),
        ({"url": "http:///v1"}, "url"),
        ({"url": "http://host:99999/v1"}, "url"),
        ({"url": "http://[::1/v1"}, "url"),
        ({"url": "http://host/v1?key=hunter2"}, "url"),
        ({"url": "http://ho st/v1"}, "url"),
        ({"key_env": "sk-hunter2"}, "key_env"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"languages": ["english"]}, "languages"),
        ({"model": ""}, "model"),
        ({"at_once": 0}, "at_once"),
        ({"key": "hunter2"}, "key"),
    ],
    ids=str,
)
def test_a_description_that_is_wrong_is_refused_and_not_repeated(told: dict[str, object], field: str) -> None:
    with pytest.raises(BadInput) as failure:
        address.told(**{"url": "http://host/v1", "model": "x"} | told)
    assert (failure.value.param or "").startswith(field)
    assert "hunter2" not in f"{failure.value.message} {failure.value.remedy} {failure.value.__cause__!r}"


def test_a_slash_at_the_end_of_an_address_is_no_matter() -> None:
    assert address.told(url="https://host/v1/", model="x").url == "https://host/v1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "http://a:hunter2@b/v1", "model": "x"}', "\xff"])
def test_a_file_that_is_damaged_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "office.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(EngineFailed, match=r"office/remote can't be used, office\.json is wrong") as failure:
        spec.load(ModelFiles("office/remote", "remote", {"model": path}), probe.machine().devices[0], spec.Options())
    assert "hunter2" not in failure.value.message
    path.unlink()
    with pytest.raises(NotFound, match="office/remote"):
        address.read(path, "office/remote")


# ── at load, in the kit ──
def test_a_server_that_is_not_there_is_told_at_load_with_its_address(far: Far, tmp_path: Path) -> None:
    port = silent_port()
    with pytest.raises(EngineFailed, match=rf"can't be reached at http://127\.0\.0\.1:{port}/v1"):
        far.engine(tmp_path, url=f"http://127.0.0.1:{port}/v1")


def silent_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("reply", [Reply(401), Reply(500), Reply(307, headers={"Location": "http://nowhere"})])
def test_a_server_that_does_not_let_one_in_is_told_at_load(far: Far, tmp_path: Path, reply: Reply) -> None:
    far.script.replies[LISTED] = [reply]
    with pytest.raises(EngineFailed, match="office/remote"):
        far.engine(tmp_path)


def test_a_remote_that_is_down_leaves_the_work_to_the_next_plan(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error")
    told = address.told(url=f"http://127.0.0.1:{silent_port()}/v1", model="x")
    bring.pointed(settings.models_folder, "office", told)
    with Kit(settings) as kit:
        plans = (kit.plan("office"), kit.plan("fake"))
        assert plans[0].model == "office/remote"
        with ExitStack() as held:
            plan, _ = kit._first_that_loads(plans, held, guess=False)
    assert plan.engine == "fake"
    assert "can't be reached" in plan.fell_from[0]


# ── another Earwitness ──
@pytest.fixture(scope="module")
def earwitness(settings: Settings) -> Iterator[str]:
    """A real server with the embedded model."""
    with server.running(settings) as url:
        yield url


def point(home: Path, url: str, **told: object) -> Settings:
    """Settings under which the model `office` is that server's."""
    settings = config.load(home=home, log_level="error")
    bring.pointed(settings.models_folder, "office", address.told(**{"url": f"{url}/v1", "model": "whisper-1"} | told))
    return settings


def test_another_earwitness_hears_what_one_hears_oneself(
    earwitness: str, kit: Kit, tmp_path: Path, sample: Path
) -> None:
    near = batch.run(sample, Recipe(), kit)
    with Kit(point(tmp_path, earwitness)) as own:
        far_off = batch.run(sample, Recipe(model="office"), own)
        can = own.can("office")
    assert (far_off.provenance.engine, far_off.provenance.model) == ("remote", "office/remote")
    assert (can.languages, can.tasks, can.word_times) == (("en",), kit.can("default").tasks, False)
    same = set(near.text.lower().split()) & set(far_off.text.lower().split())
    assert len(same) >= 0.8 * len(set(near.text.lower().split()))
    assert all(a.end_s <= b.end_s for a, b in pairwise(far_off.segments))


def test_a_model_that_an_earwitness_does_not_have_is_told_at_load(earwitness: str, tmp_path: Path) -> None:
    with Kit(point(tmp_path, earwitness, model="whisper-9")) as own, pytest.raises(EngineFailed, match="whisper-9"):
        own.can("office")


def test_an_earwitness_with_a_key_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = config.load(home=tmp_path / "far", log_level="error", api_key=KEY, preload=False)
    with server.running(guarded) as url:
        with Kit(point(tmp_path / "without", url)) as own, pytest.raises(EngineFailed, match="does not accept the key"):
            own.can("office")
        monkeypatch.setenv("OFFICE_KEY", "wrong")
        settings = point(tmp_path / "with", url, key_env="OFFICE_KEY", model="fake")
        with Kit(settings) as own, pytest.raises(EngineFailed, match="does not accept the key") as failure:
            own.can("office")
        assert "OFFICE_KEY" in failure.value.remedy
        monkeypatch.setenv("OFFICE_KEY", KEY)
        with Kit(settings) as own:
            assert own.can("office").hotwords


def test_hotwords_and_languages_go_to_an_earwitness_that_takes_them(
    settings: Settings, far: Far, tmp_path: Path
) -> None:
    with server.running(settings) as url:
        told = far.engine(tmp_path, url=f"{url}/v1", model="fake").can
    assert told.hotwords
    assert told.detects_language
    far.script.replies["/models/whisper-1"] = [say({"can": _as_told(told)})]
    far.engine(tmp_path).transcribe([clip(ask=Ask(languages=("en", "de"), hotwords=("Nagg", "Nell")))])
    assert far.script.asked[-1].fields["keywords[]"] == (b"Nagg", b"Nell")
    assert far.script.asked[-1].fields["languages[]"] == (b"en", b"de")


def _as_told(can: object) -> dict[str, object]:
    names = ("languages", "tasks", "word_times", "prompt", "hotwords", "temperature", "detects_language")
    return {name: getattr(can, name) for name in names}
