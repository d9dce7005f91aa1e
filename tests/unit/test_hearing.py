"""What clients send becomes samples of a session: it waits, leaves nothing behind, says what is wrong."""

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from earwitness.api.live.hearing import MOST_AHEAD, Taking, _Container, taking
from earwitness.api.live.line import Line
from earwitness.audio.flowing import MOST_WAITING
from earwitness.errors import BadInput, NotAudio
from earwitness.events import Noted, Numbered
from support import sounds
from support.hosting import Double, all_of, hosting, run, until


def flows() -> int:
    """Threads of decoders."""
    return sum(t.name == "flow" for t in threading.enumerate())


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever reads for a test ends with it."""
    made, real = list[Taking](), taking

    def kept(line: Line, encoding: str, rate: int, channels: int, channel: int | None = None, skip: int = 0) -> Taking:
        made.append(real(line, encoding, rate, channels, channel, skip=skip))
        return made[-1]

    monkeypatch.setitem(globals(), "taking", kept)
    yield
    for taker in made:
        taker.stop()
    until = time.monotonic() + 10
    while flows() and time.monotonic() < until:
        time.sleep(0.01)


def notices(told: list[Numbered]) -> list[str]:
    return [e.event.notice.code for e in told if isinstance(e.event, Noted)]


def test_hours_of_silence_in_some_bytes_fill_no_memory() -> None:
    async def test() -> None:
        double = Double()
        double.gate.clear()
        file = sounds.encoded(sounds.silence(900), "flac", "flac")
        assert len(file) < 300_000
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "container", 16_000, 1)
            assert isinstance(taker, _Container)
            job = asyncio.create_task(taker.take(file))
            await until(lambda: taker._ahead > MOST_AHEAD)
            await asyncio.sleep(0.2)
            assert not job.done()
            assert taker._ahead < MOST_AHEAD + 65_536
            assert hosted.expected < 31 * 16_000
            double.gate.set()
            await job
            await taker.end()
            await hosted.settled()
            assert double.received == pytest.approx(900 * 16_000, abs=10_000)
        assert flows() == 0

    run(test)


def test_a_container_far_larger_than_what_may_wait_is_made_to_wait() -> None:
    async def test() -> None:
        double = Double()
        sound = np.zeros(2 * MOST_WAITING // 2, np.float32)
        file = sounds.wav(sound)
        async with hosting(double) as (hosted, _):
            taker = taking(hosted.join(), "container", 16_000, 1)
            for low in range(0, len(file), 4 * 2**20):
                await taker.take(file[low : low + 4 * 2**20])
            await taker.end()
            await hosted.settled()
            assert double.received == len(sound)

    run(test)


@pytest.mark.parametrize("size", [0, 3, 500, 10_000])
@pytest.mark.parametrize("held", [False, True])
def test_a_connection_that_ends_ends_its_decoder(size: int, held: bool) -> None:
    async def test() -> None:
        double = Double()
        if held:
            double.gate.clear()
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "container", 16_000, 1)
            file = sounds.encoded(sounds.silence(200), "flac", "flac")
            job = asyncio.create_task(taker.take(file[:size]))
            await asyncio.sleep(0.1)
            assert flows() == 1
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            taker.stop()
            line.leave()
            await until(lambda: flows() == 0)

    run(test)


def test_what_is_flushed_is_heard_at_once() -> None:
    async def test() -> None:
        double = Double()
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "container", 16_000, 1)
            file = sounds.wav(sounds.silence(10))
            await taker.take(file)
            await taker.flush()
            assert hosted.expected > 9 * 16_000
            line.leave()

    run(test)


def test_rubbish_is_told_to_whoever_sends_it() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "container", 16_000, 1)
            with pytest.raises(NotAudio):
                await asyncio.gather(taker.take(b"\0" * 100_000), taker.end())
            taker.stop()
            line.leave()
            await until(lambda: flows() == 0)

    run(test)


def test_what_is_wrong_with_sound_is_said_once() -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "f32le", 16_000, 1)
            for _ in range(3):
                await taker.take(np.full(10, np.nan, "<f4").tobytes())
            await taker.take(b"\1\2\3")
            await taker.end()
            line.end()
            assert notices(await all_of(line)) == ["not_finite", "not_whole"]

    run(test)


def test_damage_in_a_container_is_said() -> None:
    async def test() -> None:
        file = bytearray(sounds.encoded(sounds.tone(4, rate=44_100), "adts", "aac", 44_100))
        for at in range(len(file) // 2, len(file) // 2 + 3_000, 10):
            file[at] ^= 0xFF
        async with hosting(Double()) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "container", 16_000, 1)
            await taker.take(bytes(file))
            await taker.end()
            line.end()
            assert "damaged" in notices(await all_of(line))
            line.leave()

    run(test)


def test_what_was_heard_is_left_out() -> None:
    async def test() -> None:
        double = Double()
        async with hosting(double) as (hosted, _):
            line = hosted.join()
            taker = taking(line, "linear16", 8_000, 1, skip=1_000)
            await taker.take(bytes(2 * 1_000))
            await taker.end()
            line.end()
            await all_of(line)
            assert double.received == 1_000

    run(test)


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "channel"),
    [("opus", 16_000, 1, None), ("s16le", 0, 1, None), ("s16le", 16_000, 0, None), ("s16le", 16_000, 2, 2),
     ("container", 16_000, 1, -1)],
)  # fmt: skip
def test_what_is_not_read_here(encoding: str, rate: int, channels: int, channel: int | None) -> None:
    async def test() -> None:
        async with hosting(Double()) as (hosted, _):
            with pytest.raises(BadInput):
                taking(hosted.join(), encoding, rate, channels, channel)
        assert flows() == 0

    run(test)
