"""`/api/recordings/{ident}/clip`: any stretch of what is kept, exact to a sample, and any bytes of it."""

import io
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from earwitness import config
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.types import Provenance, Samples, Transcript
from support import pieces, sounds
from support.faults import ended, serving, until
from support.sockets import joined

SILENT = Transcript((), 14.0, "en", "transcribe", Provenance("0", "fake", "fake", "test", {}))
RATE = 16_000
NEAR = 16
"""Samples, a millisecond: at so few bits Opus keeps the sound, and not its phase."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def archive(home: Path) -> Iterator[Archive]:
    """The archive of that server, as a second program opens it."""
    settings = config.load(home=home)
    with closing(Archive(settings.archive, settings.kept)) as found:
        yield found


@pytest.fixture(scope="module")
def http(kit: Kit, home: Path) -> Iterator[httpx.Client]:
    with serving(kit, home) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    return decode.decode(sample, to_s=14.0).samples


@pytest.fixture(scope="module")
def ident(archive: Archive, http: httpx.Client, talk: Samples) -> str:
    """A live recording in three pieces; between the second and the third a second is missing."""
    made = archive.recordings.add(SILENT, viewer=HOUSE, title="", kind="live", began_s=0.0)
    for low, high in ((0, 5 * RATE + 7), (5 * RATE + 7, 9 * RATE), (10 * RATE, 14 * RATE)):
        pieces.keep(archive, made, talk[low:high], low)
    return made


def heard(content: bytes) -> Samples:
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert file.getnframes() * 2 + 44 == len(content)
        found: Samples = (np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15).astype(np.float32)
        return found


def lag(one: Samples, other: Samples) -> int:
    """By how many samples the one lies after the other, where they are most alike."""
    size = 1 << (2 * len(one)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size).conj())
    at = int(alike.argmax())
    return at if at < size // 2 else at - size


@pytest.mark.parametrize("form", ["wav", "ogg"])
@pytest.mark.parametrize(("from_s", "to_s"), [(0.0, 2.0), (3.25, 8.75), (4.0001, 6.0), (4.875, 5.25)])
def test_a_stretch_is_where_it_is_in_the_recording(
    http: httpx.Client, ident: str, talk: Samples, form: str, from_s: float, to_s: float
) -> None:
    found = http.get(f"/api/recordings/{ident}/clip", params={"from_s": from_s, "to_s": to_s, "format": form})
    assert (found.status_code, found.headers["content-type"]) == (200, f"audio/{form}")
    start, end = round(from_s * RATE), round(to_s * RATE)
    assert (found.headers["x-earwitness-start"], found.headers["x-earwitness-end"]) == (
        str(start / RATE),
        str(end / RATE),
    )
    samples = heard(found.content) if form == "wav" else decode.decode(found.content).samples
    assert len(samples) == end - start
    assert abs(lag(samples, talk[start:end])) < NEAR
    if form == "wav":
        whole = heard(http.get(f"/api/recordings/{ident}/clip").content)
        np.testing.assert_array_equal(samples, whole[start:end])


def test_where_there_is_no_sound_there_is_silence_and_the_end_is_the_end(http: httpx.Client, ident: str) -> None:
    url = f"/api/recordings/{ident}/clip"
    samples = heard(http.get(url, params={"from_s": 8.5, "to_s": 10.5}).content)
    assert not samples[RATE // 2 : RATE * 3 // 2].any()
    assert samples[: RATE // 2].any()
    assert samples[RATE * 3 // 2 :].any()
    last = http.get(url, params={"from_s": 12.0, "to_s": 99.0})
    assert (last.headers["x-earwitness-end"], len(heard(last.content))) == ("14.0", 2 * RATE)
    assert len(heard(http.get(url).content)) == 14 * RATE


@pytest.mark.parametrize("form", ["wav", "ogg"])
def test_any_bytes_of_it_are_given_out(http: httpx.Client, ident: str, form: str) -> None:
    url = f"/api/recordings/{ident}/clip?from_s=3.5&to_s=6.5&format={form}"
    whole = http.get(url)
    size = len(whole.content)
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(size))
    random = np.random.default_rng(1)
    spans = [(0, 0), (0, 43), (10, 60), (44, 44), (45, 47), (size - 1, size - 1)]
    spans += [(min(a, b), max(a, b)) for a, b in random.integers(0, size, (12, 2)).tolist()]
    for low, high in spans:
        part = http.get(url, headers={"range": f"bytes={low}-{high}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {low}-{high}/{size}"
        assert part.content == whole.content[low : high + 1], (low, high)
    tag = whole.headers["etag"]
    for told, status, content in (
        ({"range": "bytes=100-"}, 206, whole.content[100:]),
        ({"range": "bytes=-33"}, 206, whole.content[-33:]),
        ({"range": f"bytes=5-{size * 9}"}, 206, whole.content[5:]),
        ({"range": "bytes=5-9", "if-range": tag}, 206, whole.content[5:10]),
        ({"range": "bytes=5-9", "if-range": '"other"'}, 200, whole.content),
        ({"range": "bytes=5-2"}, 200, whole.content),
        ({"range": "bytes=1-2,5-6"}, 200, whole.content),
        ({"range": "bytes=-"}, 200, whole.content),
        ({"range": f"bytes={size}-"}, 416, b""),
        ({"range": "bytes=-0"}, 416, b""),
    ):
        found = http.get(url, headers=told)
        assert (found.status_code, found.content) == (status, content), told
    assert http.get(f"{url}&to_s=6.25").headers["etag"] != tag


def test_a_file_that_is_kept_is_cut_too(http: httpx.Client, talk: Samples) -> None:
    files = {"file": ("a.wav", sounds.wav(talk))}
    job = http.post("/api/jobs", files=files, data={"keep_audio": "true"}).json()
    until(lambda: http.get(f"/api/jobs/{job['id']}").json()["state"] == "done")
    ident = http.get(f"/api/jobs/{job['id']}").json()["recording"]
    found = http.get(f"/api/recordings/{ident}/clip", params={"from_s": 2.5, "to_s": 3.0})
    np.testing.assert_allclose(heard(found.content), talk[RATE * 5 // 2 : RATE * 3].clip(-1, 1), atol=1e-4)


def test_a_session_can_be_heard_while_it_goes_on(http: httpx.Client, archive: Archive, talk: Samples) -> None:
    with joined(str(http.base_url), keep=True, keep_audio=True, title="On air") as client:
        client.sound(talk[: 10 * RATE])
        client.until("final")
        (ident,) = [r.id for r in archive.recordings.page().recordings if r.title == "On air"]
        segment = archive.recordings.transcript(ident).segments[0]
        wanted = {"from_s": segment.start_s, "to_s": segment.end_s}
        until(lambda: float(got(http, ident, wanted).headers.get("x-earwitness-end", 0)) == segment.end_s)
        samples = heard(got(http, ident, wanted).content)
        low, high = round(segment.start_s * RATE), round(segment.end_s * RATE)
        assert abs(lag(samples, talk[low:high])) < NEAR
        ended(client)
    assert len(heard(got(http, ident, {}).content)) == 10 * RATE


def got(http: httpx.Client, ident: str, wanted: dict[str, float]) -> httpx.Response:
    return http.get(f"/api/recordings/{ident}/clip", params=wanted)


def test_what_can_not_be_heard(
    http: httpx.Client, archive: Archive, ident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/api/recordings/{ident}/clip"
    for wanted, status in (
        ({"from_s": 14.0}, 404),
        ({"from_s": 9.1, "to_s": 9.9}, 404),
        ({"from_s": 3.0, "to_s": 3.0}, 400),
        ({"from_s": 3.0, "to_s": 2.0}, 400),
        ({"from_s": -1.0}, 400),
        ({"from_s": "nan"}, 400),
        ({"to_s": "inf"}, 400),
        ({"format": "mp3"}, 400),
    ):
        assert http.get(url, params=wanted).status_code == status, wanted
    monkeypatch.setattr("earwitness.api.clips.LONGEST_OGG_S", 3.0)
    assert http.get(url, params={"format": "ogg"}).status_code == 400
    monkeypatch.setattr("earwitness.api.clips.LARGEST_WAV", 14 * RATE)
    assert http.get(url).status_code == 400
    silent = archive.recordings.add(SILENT, viewer=HOUSE, title="", kind="live", began_s=0.0)
    assert http.get(f"/api/recordings/{silent}/clip").status_code == 404
    assert http.get("/api/recordings/r_none/clip").status_code == 404
    monkeypatch.setattr("earwitness.api.clips.viewer", lambda _: Viewer("u_me"))
    assert http.get(url).status_code == 404
