"""Sound that arrives by itself: from an address on loopback, and from a microphone whose library is played."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from earwitness.audio import arriving, decode
from earwitness.errors import BadInput, EarwitnessError, Missing, NotAudio
from earwitness.types import Audio, Samples
from support import sounds
from support.stations import serving


def all_of(found: arriving.Arrivals) -> Samples:
    blocks: list[Audio] = [b for b in found if b is not None]
    assert [b.start for b in blocks] == np.cumsum([0, *(len(b.samples) for b in blocks)])[:-1].tolist()
    return np.concatenate([b.samples for b in blocks])


@pytest.mark.parametrize(("container", "codec"), [("ogg", "libopus"), ("mp3", "libmp3lame"), ("wav", "pcm_s16le")])
def test_an_address_is_heard_as_the_file_is(container: str, codec: str) -> None:
    content = sounds.encoded(sounds.tone(4.0), container, codec, rate=48_000)
    whole = decode.decode(content).samples
    with serving(content) as url, arriving.address(url) as found:
        heard = all_of(found)
        assert "broke off" in found.broke_off, "a station has no end of its own"
    assert len(heard) == pytest.approx(len(whole), abs=1_600)
    assert float(np.abs(heard).max()) == pytest.approx(float(np.abs(whole).max()), rel=0.1)


def test_what_is_no_sound_is_told_without_the_keys_in_the_address() -> None:
    page = b"<html>nothing here</html>" * 100
    with serving(page) as url, arriving.address(url) as found, pytest.raises(NotAudio) as caught:
        all_of(found)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_an_address_where_nobody_is_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with arriving.address(f"http://127.0.0.1:{taken.getsockname()[1]}/") as found, pytest.raises(NotAudio):
            all_of(found)


def test_a_playlist_may_not_lead_to_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(sounds.wav(sounds.tone(2)))
    listed = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{tmp_path}/mine.wav\n#EXT-X-ENDLIST\n".encode()
    with serving(listed) as url, arriving.address(url) as found, pytest.raises(EarwitnessError):
        all_of(found)


def test_while_nothing_comes_the_listener_is_not_held_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with arriving.address(url) as found:
            assert next(iter(found)) is None


class Recorder:
    """What the library sounddevice offers of a microphone: it hands over two pieces when it is opened."""

    pieces = (sounds.tone(0.1), sounds.tone(0.2))

    def __init__(self, *, callback: Callable[..., None], device: object, **how: object) -> None:
        assert how == {"samplerate": 16_000, "channels": 1, "dtype": "float32"}
        if device == "broken":
            raise ValueError("No input device matching 'broken'")
        self.callback = callback

    def __enter__(self) -> None:
        for overflow, piece in enumerate(self.pieces):
            self.callback(piece.reshape(-1, 1), len(piece), None, SimpleNamespace(input_overflow=bool(overflow)))

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("sounddevice")
    module.InputStream = Recorder  # type: ignore[attr-defined]
    module.PortAudioError = OSError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.usefixtures("library")
def test_a_microphone_is_heard_and_lost_sound_is_counted() -> None:
    with arriving.microphone() as found:
        blocks = iter(found)
        first, second = next(blocks), next(blocks)
        assert first is not None
        assert second is not None
        np.testing.assert_array_equal(first.samples, Recorder.pieces[0])
        assert second.start == len(Recorder.pieces[0])
        assert next(blocks) is None, "nothing more has come"
    assert found.overflows == 1


@pytest.mark.usefixtures("library")
def test_a_microphone_that_is_not_there_is_told() -> None:
    with pytest.raises(BadInput, match="broken"), arriving.microphone("broken"):
        pass


def test_a_library_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(Missing, match="microphones"), arriving.microphone():
        pass
