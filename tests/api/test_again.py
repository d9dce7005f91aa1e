"""`POST /api/recordings/{ident}/transcribe`: real servers, real speech, and what people have corrected."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from earwitness import batch, config
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Provenance, Samples, Segment, Transcript
from support import pieces, sounds
from support.faults import serving

END_S = 14.0
ORIGIN = Provenance("0", "fake", "fake", "test", {})
SPOKEN = Transcript((Segment(0.0, 4.0, "Hello."),), 5.0, "en", "transcribe", ORIGIN)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("again")


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
    return decode.decode(sample, to_s=END_S).samples


@pytest.fixture(scope="module")
def whole(talk: Samples, kit: Kit) -> Transcript:
    """What is said in it."""
    return batch.run(sounds.wav(talk), Recipe(), kit)


@pytest.fixture
def ident(http: httpx.Client, talk: Samples) -> str:
    """A recording of a file that is kept."""
    wishes = {"keep_audio": "true", "name": "Talk", "fresh": "true"}
    made = http.post("/api/jobs", files={"file": ("a.wav", sounds.wav(talk))}, data=wishes).json()
    return str(over(http, made)["recording"])


def over(http: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + 60
    while job["state"] in {"waiting", "running"}:
        assert time.monotonic() < end
        time.sleep(0.05)
        job = http.get(f"/api/jobs/{job['id']}").json()
    return job


def again(http: httpx.Client, ident: str, **wishes: object) -> dict[str, Any]:
    """The job, once it is done."""
    found = http.post(f"/api/recordings/{ident}/transcribe", json=wishes)
    assert found.status_code == 201, found.text
    job = over(http, found.json())
    assert (job["kind"], job["state"], job["recording"]) == ("again", "done", ident), job
    return job


def times(segments: tuple[Segment, ...]) -> list[tuple[str, float, float]]:
    return [(s.text, s.start_s, s.end_s) for s in segments]


def test_all_of_it_is_done_again_but_for_what_people_said(
    http: httpx.Client, archive: Archive, ident: str, whole: Transcript
) -> None:
    second = archive.editing.page(ident)[1]
    archive.editing.edit(second.id, 0, HOUSE, text="What a person wrote.")
    count = len(archive.recordings.page().recordings)
    job = http.post(f"/api/recordings/{ident}/transcribe")
    assert (job.status_code, job.headers["location"]) == (201, f"/api/jobs/{job.json()['id']}")
    assert over(http, job.json())["state"] == "done"
    found = archive.recordings.transcript(ident)
    expected = times(whole.segments)
    expected[1] = ("What a person wrote.", *expected[1][1:])
    assert times(found.segments) == expected
    assert [s.by_person for s in archive.editing.page(ident)] == [n == 1 for n in range(len(expected))]
    assert (archive.recordings.one(ident).state, len(archive.recordings.page().recordings)) == ("whole", count)


def test_a_selection_is_done_with_other_wishes(http: httpx.Client, archive: Archive, ident: str) -> None:
    first, *others = archive.editing.page(ident)
    assert first.segment.text == "Do you hear me?"
    job = again(http, ident, words=True, from_s=first.segment.start_s + 0.2, to_s=first.segment.end_s - 0.2, priority=2)
    assert (job["priority"], job["total_s"]) == (2, pytest.approx(first.segment.end_s + 0.5, abs=0.01))
    anew, *rest = archive.editing.page(ident)
    assert rest == others
    assert [w.text.lower() for w in anew.segment.words] == ["do", "you", "hear", "me?"]
    assert anew.segment.end_s == pytest.approx(first.segment.end_s, abs=0.1)


def test_a_live_recording_is_done_again_over_its_pieces(
    http: httpx.Client, archive: Archive, kit: Kit, talk: Samples, whole: Transcript
) -> None:
    """There is no sound of its beginning: what was said there stays."""
    heard = batch.run(sounds.wav(talk), live(Recipe()), kit)
    first, *others = heard.segments
    start = round((first.end_s + others[0].start_s) / 2 * 16_000)
    wrong = replace(heard, segments=(first, *(replace(s, text="Nonsense.") for s in others)))
    ident = archive.recordings.add(wrong, viewer=HOUSE, title="Live", kind="live", began_s=1000.0)
    for low, high in pairwise((start, start + 70_001, start + 100_000, len(talk))):
        pieces.keep(archive, ident, talk[low:high], low)
    again(http, ident)
    found = archive.recordings.transcript(ident).segments
    assert found[0] == first
    assert "Nonsense" not in " ".join(s.text for s in found)
    assert found[1].start_s == pytest.approx(others[0].start_s, abs=0.1)
    assert found[-1].end_s == pytest.approx(others[-1].end_s, abs=0.1)
    assert len(" ".join(s.text for s in found).split()) == pytest.approx(len(heard.text.split()), abs=3)
    (said, *_) = archive.editing.page(ident)[1:]
    assert said.said_s == pytest.approx(1000.0 + found[1].start_s)


@pytest.mark.parametrize(
    ("wishes", "status"),
    [
        ({"model": "nobody"}, 404),
        ({"from_s": 99.0}, 400),
        ({"from_s": 5.0, "to_s": 4.0}, 400),
        ({"from_s": "x"}, 400),
        ({"to_s": -1}, 400),
        ({"keep_audio": True}, 400),
        ({"speakers": "auto", "num_speakers": 0.5}, 400),
        ({"priority": 10}, 400),
        ({"words": {"a": 1}}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, archive: Archive, wishes: dict[str, object], status: int
) -> None:
    ident = archive.recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=0.0)
    pieces.keep(archive, ident, sounds.silence(5.0))
    found = http.post(f"/api/recordings/{ident}/transcribe", json=wishes)
    assert found.status_code == status, found.text
    assert archive.recordings.transcript(ident) == SPOKEN


def test_without_sound_it_is_refused(http: httpx.Client, archive: Archive) -> None:
    ident = archive.recordings.add(SPOKEN, viewer=HOUSE, title="", kind="file", began_s=0.0)
    found = http.post(f"/api/recordings/{ident}/transcribe", json={})
    assert (found.status_code, found.json()["code"]) == (409, "conflict")
    assert "no sound" in found.json()["error"].lower()
    assert http.post("/api/recordings/r_none/transcribe").status_code == 404
    assert http.post(f"/api/recordings/{ident}/transcribe", content=b"[]").status_code == 400
