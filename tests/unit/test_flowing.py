"""Containers that come in pieces: what they give is what the whole file gives, and what is none breaks clearly."""

import io
import random
import threading
import time
from collections.abc import Callable, Iterator

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from earwitness.audio import decode, flowing
from earwitness.audio.flowing import Flow
from earwitness.errors import NoSoundTrack, NotAudio, TooLarge, UnsafeSource
from earwitness.types import Samples
from support import sounds

KINDS = [("ogg", "libopus", 48_000), ("webm", "libopus", 48_000), ("mp3", "libmp3lame", 44_100),
         ("flac", "flac", 16_000), ("wav", "pcm_s16le", 16_000), ("adts", "aac", 44_100)]  # fmt: skip
WAIT_S = 20.0


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    until = time.monotonic() + WAIT_S
    while any(t.name == "flow" for t in threading.enumerate()):
        assert time.monotonic() < until, "a decoder's thread was left behind"
        time.sleep(0.01)


def until(wanted: Callable[[], bool]) -> None:
    """Wait for something that a thread does."""
    end = time.monotonic() + WAIT_S
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.005)


class Heard:
    """A flow and all it gave."""

    def __init__(self) -> None:
        self.pieces = list[Samples]()
        self.flow = Flow(self.pieces.append)

    @property
    def samples(self) -> Samples:
        return np.concatenate([np.zeros(0, np.float32), *self.pieces])


@pytest.mark.parametrize(("container", "codec", "rate"), KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_pieces_give_what_the_file_gives(container: str, codec: str, rate: int, seed: int) -> None:
    sound = np.concatenate([sounds.tone(1, 300, rate), sounds.silence(0.5, rate), sounds.tone(1, 900, rate)])
    file, dice, heard = sounds.encoded(sound, container, codec, rate), random.Random(seed), Heard()
    at = 0
    while at < len(file):
        size = dice.choice([1, 7, 100, 1_000, 5_000])
        heard.flow.feed(file[at : at + size])
        at += size
    heard.flow.end()
    wanted = decode.decode(file).samples
    assert len(heard.samples) == pytest.approx(len(wanted), abs=200)  # a file tells at its end where MP3 ends
    size = min(len(heard.samples), len(wanted))
    assert np.abs(heard.samples[:size] - wanted[:size])[:-500].max() < 1e-4  # so does how its last frame fades
    assert (heard.flow.damaged, heard.flow.waiting, heard.flow.done) == (0, 0, True)


def test_sound_comes_before_its_container_ends() -> None:
    heard = Heard()
    file = sounds.encoded(sounds.tone(5, rate=48_000), "ogg", "libopus", 48_000)
    heard.flow.feed(file[: len(file) // 2])
    until(lambda: heard.flow.idle)
    assert len(heard.samples) > 16_000
    heard.flow.feed(file[len(file) // 2 :])
    heard.flow.end()
    assert len(heard.samples) == pytest.approx(5 * 16_000, abs=1_000)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\0" * 100_000, NotAudio),
        (random.Random(3).randbytes(100_000), NotAudio),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100, NotAudio),
        (b"OggS" + b"\xff" * 50_000, NotAudio),
        (b"x", NotAudio),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", UnsafeSource),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", UnsafeSource),
        (b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>" * 20, UnsafeSource),
    ],
)
def test_what_is_no_stream_is_told(data: bytes, error: type[Exception]) -> None:
    heard = Heard()
    heard.flow.feed(data)
    with pytest.raises(error):
        heard.flow.end()
    with pytest.raises(error):
        heard.flow.feed(b"more")
    assert not heard.pieces


def test_a_film_without_sound_is_told() -> None:
    heard = Heard()
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        track = file.add_stream("mpeg4", rate=10)
        assert isinstance(track, VideoStream)
        track.width = track.height = 16
        picture = VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))
        for packet in [*track.encode(picture), *track.encode(None)]:
            file.mux(packet)
    heard.flow.feed(out.getvalue())
    with pytest.raises(NoSoundTrack):
        heard.flow.end()


@pytest.mark.parametrize(("container", "codec", "rate"), KINDS)
def test_a_stream_that_is_cut_gives_what_came_whole(container: str, codec: str, rate: int) -> None:
    file, heard = sounds.encoded(sounds.tone(2, rate=rate), container, codec, rate), Heard()
    heard.flow.feed(file[: len(file) * 3 // 4])
    heard.flow.end()
    assert 0.5 * 16_000 < len(heard.samples) < 1.9 * 16_000


def test_damage_in_the_middle_is_counted_and_what_follows_is_heard() -> None:
    file, heard = bytearray(sounds.encoded(sounds.tone(4, rate=44_100), "adts", "aac", 44_100)), Heard()
    middle = len(file) // 2
    for at in range(middle, middle + 3_000, 10):
        file[at] ^= 0xFF
    heard.flow.feed(bytes(file))
    heard.flow.end()
    assert heard.flow.damaged
    assert len(heard.samples) > 3 * 16_000


def test_nothing_at_all_ends_at_once() -> None:
    heard = Heard()
    heard.flow.end()
    assert not heard.pieces


def test_silence_forever_gives_silence_and_keeps_nothing() -> None:
    heard = Heard()
    file = sounds.encoded(sounds.silence(30, 48_000), "ogg", "libopus", 48_000)
    for low in range(0, len(file), 500):
        heard.flow.feed(file[low : low + 500])
    until(lambda: heard.flow.idle)
    assert heard.flow.waiting == 0
    heard.flow.end()
    assert np.abs(heard.samples).max() < 1e-3
    assert len(heard.samples) == pytest.approx(30 * 16_000, abs=1_000)


def test_more_than_may_wait_is_refused() -> None:
    gate = threading.Event()

    def held(_: Samples) -> None:
        gate.wait(WAIT_S)

    flow = Flow(held)
    for _ in range(4):
        flow.feed(sounds.wav(sounds.noise(60)))
    with pytest.raises(TooLarge):
        flow.feed(sounds.wav(sounds.noise(60)))
    assert flow.waiting <= flowing.MOST_WAITING
    flow.stop()
    gate.set()


def test_a_stream_that_is_let_go_of_ends_its_thread_wherever_it_is() -> None:
    file = sounds.encoded(sounds.tone(2, rate=48_000), "ogg", "libopus", 48_000)
    for size in (0, 3, 200, len(file) // 2, len(file)):
        heard = Heard()
        heard.flow.feed(file[:size])
        until(lambda heard=heard: heard.flow.idle)  # type: ignore[misc]
        assert not heard.flow.done
        heard.flow.stop()
        until(lambda heard=heard: heard.flow.done)  # type: ignore[misc]
        heard.flow.stop()


def test_whoever_breaks_what_is_given_is_told() -> None:
    def broken(_: Samples) -> None:
        raise LookupError("this listener is gone")

    flow = Flow(broken)
    flow.feed(sounds.wav(sounds.tone(3)))
    with pytest.raises(NotAudio, match="listener is gone"):
        flow.end()
