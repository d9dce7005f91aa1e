"""What a page asks of a whole recording: its outline, how loud it is, where something was said, who speaks."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from earwitness import config
from earwitness.api.house import House
from earwitness.archive import told
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.audio import decode
from earwitness.types import Provenance, Segment, Speaker, Transcript
from support.colours import KitOfColours, spoken
from support.server import housed

URL = "/api/recordings"


@dataclass(frozen=True)
class Place:
    """A server and what is behind its doors."""

    http: httpx.Client
    house: House

    def recording(self, folder: str, *sounds: bytes, owner: Viewer = HOUSE) -> str:
        """A recording of some clips one after the other, a speaker each, with its sound in pieces."""
        archive, at_s, segments, rows = self.house.archive, 0.0, list[Segment](), list[dict[str, object]]()
        for n, clip in enumerate(sounds, 1):
            path = archive.folder / "uploads" / f"{folder}{n}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clip)
            end_s = at_s + decode.decode(clip).duration_s
            segments.append(Segment(at_s, end_s, f"This is speaker {n}.", "en", speaker=f"S{n}"))
            row = {"kind": "upload", "path": f"uploads/{folder}{n}", "start_s": at_s, "end_s": end_s, "size": len(clip)}
            rows.append({**row, "sha256": None, "made_s": 0.0})
            at_s = end_s
        said = Transcript(
            tuple(segments),
            at_s,
            "en",
            "transcribe",
            Provenance("0", "fake", "fake", "test", {}),
            speakers=tuple(Speaker(s.speaker or "", 1.0) for s in segments),
        )
        ident = archive.recordings.add(said, viewer=owner, title="Talk", kind="file", began_s=0.0)
        for row in rows:
            archive.writer.write(lambda c, row=row: told.piece({**row, "recording_id": ident}, c))  # type: ignore[misc]
        return ident


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = config.load(home=tmp_path_factory.mktemp("overview"), preload=False, log_level="error")
    with housed(settings, KitOfColours(settings)) as (base, house), httpx.Client(base_url=base, timeout=60) as http:
        yield Place(http, house)


@pytest.fixture
def ident(place: Place, request: pytest.FixtureRequest) -> str:
    """A recording with two speakers."""
    return place.recording(request.node.name[5:25], spoken("espeak", 1), spoken("flite", 6, 2))


def test_the_outline_names_segments_that_are_there(place: Place, ident: str) -> None:
    table = place.http.get(f"{URL}/{ident}/outline").json()
    segments = place.http.get(f"{URL}/{ident}/segments").json()["segments"]
    assert table["id"] == [s["id"] for s in segments]
    assert table["speaker"] == ["S1", "S2"]
    assert table["start_s"] == [s["start_s"] for s in segments]
    assert place.http.get(f"/api/segments/{table['id'][1]}").json() == segments[1]
    last = f"{table['start_s'][0]!r}:{table['id'][0]}"
    page = place.http.get(f"{URL}/{ident}/segments", params={"at": last}).json()
    assert [s["id"] for s in page["segments"]] == table["id"][1:]
    some = place.http.get(f"{URL}/{ident}/segments", params={"only": [table["id"][1], 999_999]}).json()
    assert [s["id"] for s in some["segments"]] == table["id"][1:]
    assert place.http.get(f"{URL}/{ident}/segments", params={"only": "x"}).status_code == 400


def test_peaks_come_with_the_sound(place: Place, ident: str) -> None:
    while not (found := place.http.get(f"{URL}/{ident}/peaks").json())["whole"]:
        pass
    assert found["per_s"] == 10
    duration_s = place.http.get(f"{URL}/{ident}").json()["duration_s"]
    assert len(found["peaks"]) == pytest.approx(10 * duration_s, abs=2)
    assert 20 < max(found["peaks"]) <= 127
    silent = place.recording("none")
    assert place.http.get(f"{URL}/{silent}/peaks").json() == {"per_s": 10.0, "whole": True, "peaks": []}


def test_sound_without_an_extension_is_given_out_as_what_it_is(place: Place, ident: str) -> None:
    assert place.http.get(f"{URL}/{ident}/audio").headers["content-type"] == "audio/wav"


def test_what_was_said_is_found(place: Place, ident: str) -> None:
    found = place.http.get(f"{URL}/{ident}/find", params={"text": "SPEAKER", "limit": 1}).json()
    assert ([hit["text"] for hit in found["segments"]], found["more"]) == (["This is speaker 1."], True)
    assert place.http.get(f"{URL}/{ident}/find", params={"text": "SPEAKER", "case": True}).json()["segments"] == []
    assert place.http.get(f"{URL}/{ident}/find", params={"text": ""}).status_code == 400


def test_two_speakers_become_one_and_two_again(place: Place, ident: str) -> None:
    answer = place.http.post(f"{URL}/{ident}/speakers", json={"speaker": "S2", "into": "S1"}).json()
    assert len(answer["segments"]) == 1
    assert place.http.get(f"{URL}/{ident}/outline").json()["speaker"] == ["S1", "S1"]
    back = {"speaker": "S1", "into": "S2", "segments": answer["segments"]}
    assert place.http.post(f"{URL}/{ident}/speakers", json=back).json() == answer
    assert place.http.get(f"{URL}/{ident}/outline").json()["speaker"] == ["S1", "S2"]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"speaker": "S1", "into": "S1"}, 400),
        ({"speaker": "S1", "into": "Anna"}, 400),
        ({"speaker": "S9", "into": "S1"}, 404),
        ({"speaker": "S1"}, 400),
        ({"speaker": "S1", "into": "S2", "segments": ["x"]}, 400),
    ],
)
def test_who_is_put_to_whom_makes_sense(place: Place, ident: str, told: dict[str, object], status: int) -> None:
    assert place.http.post(f"{URL}/{ident}/speakers", json=told).status_code == status


def test_another_persons_is_not_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = place.recording("theirs", spoken("espeak", 1), owner=Viewer("u_them"))
    monkeypatch.setattr("earwitness.api.overview.viewer", lambda _: Viewer("u_me"))
    for method, url, body in (
        ("GET", "outline", None),
        ("GET", "peaks", None),
        ("GET", "find?text=x", None),
        ("POST", "speakers", {"speaker": "S1", "into": "S2"}),
    ):
        assert place.http.request(method, f"{URL}/{theirs}/{url}", json=body).status_code == 404, url
