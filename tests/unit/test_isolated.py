"""Engines in processes of their own: whatever those do, callers get an answer or a clear error, and nothing is left."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from earwitness import errors
from earwitness.config import Settings
from earwitness.engines import fake
from earwitness.errors import BadInput, Busy, Cancelled, EarwitnessError, EngineFailed, Missing, Unsupported
from earwitness.hardware.probe import limits
from earwitness.kit import Kit
from earwitness.models.isolated import Apart, engine
from earwitness.models.isolated.engine import Isolated, Patience
from earwitness.models.lane import Elsewhere, Lane
from earwitness.types import Ask, Audio, Clip, Device
from support import awful, sounds

CPU = Device("cpu", "test")
WAIT_S = 30.0
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals")

Open = Callable[..., Isolated]


@pytest.fixture(autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    awful.installed(tmp_path_factory.mktemp("awful"), monkeypatch)


@pytest.fixture
def deaths() -> list[str]:
    """How processes ended."""
    return []


@pytest.fixture
def load(deaths: list[str]) -> Iterator[Open]:
    """Loads awful engines, closes them, and sees that nothing of them is left."""
    made: list[Isolated] = []

    def load(patience: Patience | None = None, **options: object) -> Isolated:
        apart = Apart(awful.spec, died=deaths.append, patience=patience or Patience())
        loaded = apart.load(awful.FILES, CPU, awful.Options.model_validate(options))
        assert isinstance(loaded, Isolated)
        made.append(loaded)
        return loaded

    yield load
    for one in made:
        one.close()
        assert awful.gone(pid_of(one))
    assert not [t for t in threading.enumerate() if t.name == "isolated"]


def clip(prompt: str = "", seconds: float = 0.1, start: int = 0) -> Clip:
    """A clip that has something done."""
    return Clip(Audio(sounds.tone(seconds), start), Ask(prompt=prompt, optional=frozenset()))


def pid_of(one: Isolated) -> int:
    """The process that an engine has now."""
    process = one._process._process
    assert process is not None
    return process.pid


def said(one: Isolated, *clips: Clip) -> list[str]:
    """What an engine says to clips."""
    return [s.text for segments in one.transcribe(clips) for s in segments]


# ── as any engine ──
def test_it_runs_in_another_process_and_says_the_same(load: Open) -> None:
    one = load()
    assert one.can == awful.Awful(awful.Options()).can
    assert said(one, clip(), clip(seconds=0.2)) == [f"1600 {pid_of(one)}", f"3200 {pid_of(one)}"]
    assert pid_of(one) != os.getpid()
    assert one.transcribe([]) == []


def test_the_double_says_the_same_there(settings: Settings) -> None:
    there = Apart(fake.spec).load(awful.FILES, CPU, fake.Options())
    clips = [Clip(Audio(sounds.tone(1.0, peak=p), 16_000 * n), Ask(word_times=True)) for n, p in enumerate((0.1, 0.9))]
    assert list(there.transcribe(clips)) == fake.Fake(fake.Options()).transcribe(clips)
    there.close()
    there.close()
    with pytest.raises(Cancelled):
        there.transcribe(clips)


def test_calls_share_the_process_at_the_same_time(load: Open) -> None:
    one = load()
    began = time.monotonic()
    with ThreadPoolExecutor(6) as threads:
        texts = list(threads.map(lambda n: said(one, clip("sleep:1", 0.1 * (n + 1))), range(6)))
    assert [t[0].split()[0] for t in texts] == [str(1600 * (n + 1)) for n in range(6)]
    assert time.monotonic() - began < 6.0


def test_one_call_at_a_time_where_the_engine_wants_that(load: Open) -> None:
    one = load(parallel=False)
    began = time.monotonic()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: said(one, clip("sleep:0.3")), range(3)))
    assert time.monotonic() - began >= 0.9


def test_large_batches_go_through(load: Open) -> None:
    one = load()
    assert len(said(one, *(clip(seconds=20.0) for _ in range(12)))) == 12


@pytest.mark.skipif(limits.resident() is None, reason="only Linux tells")
def test_its_memory_is_told(load: Open) -> None:
    one = load()
    assert isinstance(one, Elsewhere)
    lane = Lane(one)
    assert lane.elsewhere > 10e6
    lane.close()
    assert lane.elsewhere == 0


# ── errors ──
@pytest.mark.parametrize(
    ("deed", "kind", "message"),
    [
        ("unsupported", Unsupported, "not even that"),
        ("value", EngineFailed, "ValueError: that was awful"),
        ("quit", EngineFailed, "SystemExit"),
        ("busy", Busy, "too much"),
    ],
)
def test_errors_come_back_as_they_are(
    load: Open, deaths: list[str], deed: str, kind: type[EarwitnessError], message: str
) -> None:
    one = load()
    with pytest.raises(kind, match=message) as failure:
        one.transcribe([clip(deed)])
    if isinstance(failure.value, Unsupported):
        assert (failure.value.remedy, failure.value.param) == ("Leave it.", "prompt")
    if isinstance(failure.value, Busy):
        assert failure.value.retry_after_s == 7.5
    assert said(one, clip())
    assert deaths == [], "an error is no death"


def test_noise_on_the_standard_streams_does_no_harm(load: Open, deaths: list[str]) -> None:
    one = load(at_load="noise")
    assert said(one, clip("noise"), clip()) != []
    assert deaths == []


# ── crashes ──
@POSIX
@pytest.mark.parametrize(("deed", "how"), [("segv", "SIGSEGV"), ("kill", "SIGKILL"), ("leave:3", "code 3")])
def test_a_call_that_kills_twice_fails_with_the_reason_and_the_next_is_served(
    load: Open, deaths: list[str], deed: str, how: str
) -> None:
    one = load()
    first = pid_of(one)
    with pytest.raises(EngineFailed, match=f"ended twice over the same clip.*{how}"):
        one.transcribe([clip(deed)])
    assert len(deaths) == 2
    assert how in deaths[0]
    assert said(one, clip())
    assert awful.gone(first)


@POSIX
def test_a_call_that_kills_once_is_served(load: Open, deaths: list[str], tmp_path: Path) -> None:
    one = load()
    assert said(one, clip(f"first:{tmp_path}/done,segv")) == [f"1600 {pid_of(one)}"]
    assert len(deaths) == 1


@POSIX
def test_a_process_killed_from_outside_in_a_call_is_started_again(load: Open, deaths: list[str]) -> None:
    one = load()
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(said, one, clip("sleep:1"))
        time.sleep(0.3)
        os.kill(pid_of(one), signal.SIGKILL)
        assert future.result(WAIT_S)
    assert "SIGKILL, which is also how a system short of memory ends it" in deaths[0]


@POSIX
def test_a_process_killed_between_calls_is_started_again(load: Open) -> None:
    one = load()
    first = pid_of(one)
    os.kill(first, signal.SIGKILL)
    assert awful.gone(first)
    assert said(one, clip())


@POSIX
@pytest.mark.parametrize("deed", ["sleep:1000", "hang", "stop"])
def test_a_call_that_hangs_is_ended(load: Open, deed: str, deaths: list[str]) -> None:
    one = load(Patience(base_s=0.6, times=0.0))
    with pytest.raises(EngineFailed, match="gave no answer"):
        one.transcribe([clip(deed), clip()])
    assert len(deaths) == 1


@POSIX
def test_a_stopped_process_that_reads_nothing_is_ended_too(load: Open) -> None:
    one = load(Patience(base_s=3.0, times=0.0))
    os.kill(pid_of(one), signal.SIGSTOP)
    with pytest.raises(EngineFailed, match="gave no answer"):
        one.transcribe([clip(seconds=20.0), clip(seconds=20.0)])
    assert said(one, clip())


def test_patience_grows_with_the_sound() -> None:
    patience = Patience(base_s=100.0, times=10.0, least_s=30.0)
    assert patience.of([clip(seconds=0.1)]) == 400.0
    assert patience.of([clip(seconds=0.1), clip(seconds=60.0)]) == 1000.0


@POSIX
def test_in_a_lane_one_bad_clip_harms_no_other(load: Open, deaths: list[str]) -> None:
    lane = Lane(load(), workers=2)
    with lane.seat() as seat:
        sleeping = [seat.submit(clip("sleep:0.3")) for _ in range(2)]
        futures = [seat.submit(clip("segv" if n == 3 else "", seconds=0.1 * (n + 1))) for n in range(8)]
        for n, future in enumerate(futures):
            if n == 3:
                assert isinstance(future.exception(WAIT_S), EngineFailed)
            else:
                assert future.result(WAIT_S)[0].text.split()[0] == str(1600 * (n + 1))
        assert all(f.result(WAIT_S) for f in sleeping)
    lane.close()
    assert 2 <= len(deaths) <= 4


@POSIX
def test_a_process_that_only_dies_is_left_alone_for_a_while(load: Open, deaths: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    one = load(always=f"while:{broken},segv")
    now = [0.0]
    one._clock = lambda: now[0]
    with pytest.raises(EngineFailed, match="ended twice"):
        one.transcribe([clip()])
    assert len(deaths) == 3, "the clip twice, and sound that harms no one"
    for _ in range(5):
        with pytest.raises(EngineFailed, match="ended again and again and rests for 60 s"):
            one.transcribe([clip(seconds=0.2)])
    assert len(deaths) == 3
    broken.unlink()
    now[0] = 61.0
    assert said(one, clip()), "a clip is not blamed for what the engine does to all"


@POSIX
def test_a_process_that_ends_while_it_loads_is_left_alone_too(load: Open, deaths: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    one = load(at_load=f"while:{broken},segv")
    now = [0.0]
    one._clock = lambda: now[0]
    broken.touch()
    os.kill(pid_of(one), signal.SIGKILL)
    until_over(one)
    for _ in range(engine.MOST_LOADS):
        with pytest.raises(EngineFailed, match="ended while it loaded the model"):
            one.transcribe([clip()])
    with pytest.raises(EngineFailed, match="rests for 60 s"):
        one.transcribe([clip()])
    assert len(deaths) == engine.MOST_LOADS + 1
    broken.unlink()
    now[0] = 61.0
    assert said(one, clip())


def until_over(one: Isolated) -> None:
    """Wait until it is known that the process of an engine has ended."""
    one._process._thread.join(WAIT_S)
    assert one._process.over


@POSIX
def test_poison_of_two_at_once_makes_nobody_rest(load: Open) -> None:
    lane = Lane(load(), workers=2)
    with lane.seat() as bad:
        for _ in range(2):
            poison = [bad.submit(clip("segv", seconds=0.1 * n)) for n in range(1, 6)]
            assert all(isinstance(f.exception(WAIT_S), EngineFailed) for f in poison)
            assert not [f for f in poison if "rests" in str(f.exception())]
    with lane.seat() as good:
        assert good.submit(clip(seconds=0.9)).result(WAIT_S)
    lane.close()


@POSIX
def test_poison_of_one_client_costs_no_other(load: Open, deaths: list[str]) -> None:
    one = load()
    now = [0.0]
    one._clock = lambda: now[0]
    lane = Lane(one, workers=2)
    with lane.seat() as bad, lane.seat() as good:
        for n in range(6):
            poison = bad.submit(clip("segv", seconds=0.1 + 0.1 * (n % 3)))
            assert good.submit(clip(seconds=0.3)).result(WAIT_S), "no rest for those who do no harm"
            assert isinstance(poison.exception(WAIT_S), EngineFailed)
            if n == 2:
                ended = len(deaths)
                alive = pid_of(one)
        assert (len(deaths), pid_of(one)) == (ended, alive), "the second time it is refused without a try"
        again = bad.submit(clip("segv", start=16_000)).exception(WAIT_S)
        assert "so it is not tried" in str(again)
        batch = [good.submit(clip(seconds=0.4)), bad.submit(clip("segv")), good.submit(clip(seconds=0.4))]
        assert [f.exception(WAIT_S) is None for f in batch] == [True, False, True]
        assert len(deaths) == ended
        now[0] = engine.REFUSED_S + 1
        assert "ended twice" in str(bad.submit(clip("segv")).exception(WAIT_S)), "it is tried again after a while"
    lane.close()


@POSIX
def test_of_poison_so_much_is_remembered(load: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_REFUSED", 1)
    one = load()
    for seconds in (0.1, 0.2):
        with pytest.raises(EngineFailed, match="ended twice"):
            one.transcribe([clip("segv", seconds)])
    with pytest.raises(EngineFailed, match="not tried"):
        one.transcribe([clip("segv", 0.2)])
    with pytest.raises(EngineFailed, match="ended twice"):
        one.transcribe([clip("segv", 0.1)])


# ── loading ──
@POSIX
def test_an_engine_that_kills_its_process_while_loading_is_told(deaths: list[str]) -> None:
    apart = Apart(awful.spec, died=deaths.append)
    with pytest.raises(EngineFailed, match=r"the process of awful ended while it loaded the model: .*SIGILL"):
        apart.load(awful.FILES, CPU, awful.Options(at_load="illegal"))
    assert len(deaths) == 1


def test_a_broken_library_is_told(deaths: list[str]) -> None:
    apart = Apart(awful.spec, died=deaths.append)
    with pytest.raises(EngineFailed, match=r"awful broke while it was loaded: OSError: libmissing\.so"):
        apart.load(awful.FILES, CPU, awful.Options(at_load="library:libmissing.so"))
    assert deaths == []


def test_a_load_that_hangs_is_ended() -> None:
    apart = Apart(awful.spec, patience=Patience(load_s=3.0))
    with pytest.raises(EngineFailed, match="gave no answer for 3 s"):
        apart.load(awful.FILES, CPU, awful.Options(at_load="sleep:1000"))


def test_an_engine_that_is_not_installed_is_told() -> None:
    apart = Apart(awful.spec)
    apart.name = "nothing-like-it"
    with pytest.raises((Missing, errors.NotFound), match="nothing-like-it"):
        apart.load(awful.FILES, CPU, awful.Options())


@POSIX
def test_with_isolation_an_illegal_instruction_leaves_the_work_to_the_next_engine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWFUL_AT_LOAD", "illegal")
    with Kit(settings.model_copy(update={"isolate": ("awful",)})) as kit, kit.lane("fake") as (plan, lane):
        assert plan.engine == "fake"
        assert "SIGILL" in plan.fell_from[0]
        with lane.seat() as seat:
            assert seat.submit(clip(seconds=0.5)).result(WAIT_S)


def test_an_unknown_engine_to_isolate_is_an_error(settings: Settings) -> None:
    with pytest.raises(BadInput, match="no engine 'moonshin' to isolate") as failure:
        Kit(settings.model_copy(update={"isolate": ("moonshin",)}))
    assert "moonshine" in failure.value.remedy


@pytest.mark.parametrize("isolate", ["all", ("fake", "awful")])
def test_named_engines_and_all_are_isolated(settings: Settings, isolate: str | tuple[str, ...]) -> None:
    with Kit(settings.model_copy(update={"isolate": isolate})) as kit, kit.lane("fake") as (_, lane):
        assert isinstance(lane._engine, Isolated)
