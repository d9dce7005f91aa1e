"""`/api/recordings`: what is kept is found, given out, corrected and taken away."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from earwitness import config
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.archive.whole import Archive
from earwitness.export import FORMATS, full, render
from earwitness.kit import Kit
from earwitness.types import Provenance, Segment, Speaker, Transcript, Turn, Word
from support import pieces
from support.faults import serving

URL = "/api/recordings"
WORDS = tuple(Word(w, n, n + 0.5, 0.9, True, "S1") for n, w in enumerate("Their is a house.".split()))
SPOKEN = Transcript(
    (Segment(0.0, 4.0, "Their is a house.", "en", WORDS, speaker="S1"), Segment(5.0, 6.0, "Hello.", speaker="S2")),
    7.0,
    "en",
    "transcribe",
    Provenance("0", "fake", "fake", "test", {}),
    turns=(Turn(0.0, 4.0, "S1"), Turn(5.0, 6.0, "S2")),
    speakers=(Speaker("S1", 4.0), Speaker("S2", 1.0)),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


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


@pytest.fixture
def ident(archive: Archive) -> str:
    """A recording."""
    return archive.recordings.add(SPOKEN, viewer=HOUSE, title="Talk", kind="file", began_s=100.0, sha256="a" * 64)


def test_recordings_are_listed_and_given_out(http: httpx.Client, archive: Archive, ident: str) -> None:
    other = archive.recordings.add(replace(SPOKEN, complete=False), viewer=HOUSE, title="x", kind="file", began_s=9e9)
    page = http.get(URL, params={"limit": 1}).json()
    assert [r["id"] for r in page["recordings"]] == [other]
    after = http.get(URL, params={"at": page["next"]}).json()
    (listed,) = (r for r in after["recordings"] if r["id"] == ident)
    assert [(s["id"], s["name"], s["speech_s"]) for s in listed["speakers"]] == [("S1", None, 4.0), ("S2", None, 1.0)]
    assert [r["id"] for r in http.get(URL, params={"state": "part"}).json()["recordings"]] == [other]
    assert http.get(URL, params={"sha256": "a" * 64, "before_s": 50}).json()["recordings"] == []
    card = http.get(f"{URL}/{ident}").json()
    assert (card["title"], card["state"], card["duration_s"], card["files"]) == ("Talk", "whole", 7.0, [])
    assert [s["id"] for s in card["speakers"]] == ["S1", "S2"]
    assert card["editable"]
    assert "session" not in card, "whoever knows that of a live session may go on with it"
    assert http.delete(f"{URL}/{other}").json() == {"id": other}
    assert http.get(f"{URL}/{other}").status_code == 404


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format(http: httpx.Client, ident: str, name: str) -> None:
    found = http.get(f"{URL}/{ident}/export", params={"format": name})
    assert found.status_code == 200
    assert found.text == render(SPOKEN, name)
    assert found.headers["content-disposition"] == f'attachment; filename="{ident}.{FORMATS[name].extension}"'
    assert found.headers["content-type"].split(";")[0] == FORMATS[name].media_type.split(";")[0]


def test_a_format_that_needs_speakers_and_one_that_is_none(http: httpx.Client, archive: Archive) -> None:
    plain = archive.recordings.add(
        replace(SPOKEN, speakers=(), turns=()), viewer=HOUSE, title="", kind="file", began_s=0
    )
    assert http.get(f"{URL}/{plain}/export", params={"format": "rttm"}).status_code == 400
    assert http.get(f"{URL}/{plain}/export", params={"format": "../etc"}).status_code == 400


def test_a_segment_is_corrected_by_one_at_a_time(http: httpx.Client, ident: str) -> None:
    page = http.get(f"{URL}/{ident}/segments", params={"limit": 1}).json()
    (first,) = page["segments"]
    (second,) = http.get(f"{URL}/{ident}/segments", params={"at": page["next"]}).json()["segments"]
    assert (first["text"], first["revision"], second["text"]) == ("Their is a house.", 0, "Hello.")
    url = f"/api/segments/{first['id']}"
    changed = http.patch(url, json={"revision": 0, "text": "There is a house."}).json()
    assert (changed["text"], changed["revision"], changed["by_person"]) == ("There is a house.", 1, True)
    late = http.patch(url, json={"revision": 0, "text": "Mine."})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert http.patch(url, json={"revision": 1, "speaker": None}).json()["speaker"] is None
    halves = http.post(f"{url}/split", json={"revision": 2, "at": 8}).json()["segments"]
    assert [h["text"] for h in halves] == ["There is", "a house."]
    assert http.post(f"{url}/join", json={"revision": 3}).json()["text"] == "There is a house."
    assert http.post(f"{url}/undo", json={"revision": 4}).json()["text"] == "There is"
    found = http.get(f"{url}/history").json()["history"]
    assert [p["what"] for p in found] == ["undone", "joined", "split", "speaker", "text"]
    assert found[-1]["text"] == "Their is a house."
    told = full.loads(http.get(f"{URL}/{ident}/export", params={"format": "json"}).text)
    assert told.text == "There is a house. Hello."


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PATCH", "/api/segments/{n}", {"text": "x"}),
        ("PATCH", "/api/segments/{n}", {"revision": 0, "text": ""}),
        ("PATCH", "/api/segments/{n}", {"revision": 0, "speaker": "Robert'); DROP"}),
        ("PATCH", "/api/segments/{n}", {"revision": 0, "words": []}),
        ("POST", "/api/segments/{n}/split", {"revision": 0, "at": 0}),
        ("POST", "/api/segments/{n}/split", {"revision": 0, "at": 9999}),
        ("POST", "/api/segments/{n}/undo", {"revision": 0}),
        ("PATCH", "/api/recordings/{r}", {"owner_id": "u_me"}),
        ("GET", "/api/recordings?at=%00:%00", None),
        ("GET", "/api/recordings?kind=any", None),
        ("GET", "/api/recordings/{r}/segments?at=x", None),
        ("GET", f"/api/segments/{2**70}/history", None),
    ],
)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, archive: Archive, ident: str, method: str, url: str, body: dict[str, object] | None
) -> None:
    number = archive.editing.page(ident)[0].id
    found = http.request(method, url.replace("{n}", str(number)).replace("{r}", ident), json=body)
    assert found.status_code == 400, found.text
    assert archive.recordings.transcript(ident) == SPOKEN


@pytest.mark.parametrize("where", ["", "/segments", "/export", "/audio"])
def test_what_is_not_there(http: httpx.Client, where: str) -> None:
    for ident in ("r_none", "%00", "..%2f..%2fetc"):
        assert http.get(f"{URL}/{ident}{where}").status_code == 404


def test_speakers_are_named(http: httpx.Client, ident: str) -> None:
    told = {"title": "New", "kept": True, "speakers": {"S1": {"name": "<b>Anna</b>"}}}
    card = http.patch(f"{URL}/{ident}", json=told).json()
    assert (card["title"], card["kept"]) == ("New", True)
    assert [s["name"] for s in card["speakers"]] == ["<b>Anna</b>", None]
    (listed,) = (r for r in http.get(URL).json()["recordings"] if r["id"] == ident)
    assert listed["speakers"] == card["speakers"]
    assert http.patch(f"{URL}/{ident}", json={"speakers": {"S7": {"name": "X"}}}).status_code == 404
    assert http.patch(f"{URL}/{ident}", json={"speakers": {"S1": {"person": "p_x"}}}).status_code == 404
    card = http.patch(f"{URL}/{ident}", json={"speakers": {"S1": {"name": None}}}).json()
    assert card["speakers"][0]["name"] is None


def test_sound_is_given_out_in_ranges(http: httpx.Client, archive: Archive, ident: str) -> None:
    assert http.get(f"{URL}/{ident}/audio").status_code == 404
    for start_s in (0, 3):
        pieces.keep(archive, ident, np.zeros(48_000, np.float32), start_s * 16_000)
    assert [f["start_s"] for f in http.get(f"{URL}/{ident}").json()["files"]] == [0.0, 3.0]
    whole = http.get(f"{URL}/{ident}/audio", params={"at": 4.5})
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/ogg")
    assert (whole.headers["x-earwitness-start"], whole.headers["x-earwitness-end"]) == ("3.0", "6.0")
    part = http.get(f"{URL}/{ident}/audio", params={"at": 4.5}, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert http.get(f"{URL}/{ident}/audio", params={"at": 6.0}).status_code == 404
    http.delete(f"{URL}/{ident}").raise_for_status()
    assert not list((archive.folder / "audio").glob(f"{ident}/*"))


def test_another_persons_is_not_there(http: httpx.Client, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = archive.recordings.add(SPOKEN, viewer=Viewer("u_them"), title="Theirs", kind="file", began_s=0.0)
    number = archive.editing.page(theirs)[0].id
    monkeypatch.setattr("earwitness.api.recordings.viewer", lambda _: Viewer("u_me"))
    seen = {"revision": 0}
    for method, url, body in (
        ("GET", f"{URL}/{theirs}", None),
        ("GET", f"{URL}/{theirs}/export", None),
        ("GET", f"{URL}/{theirs}/audio", None),
        ("GET", f"{URL}/{theirs}/segments", None),
        ("PATCH", f"{URL}/{theirs}", {"title": "Mine"}),
        ("DELETE", f"{URL}/{theirs}", None),
        ("PATCH", f"/api/segments/{number}", {**seen, "text": "Mine."}),
        ("GET", f"/api/segments/{number}/history", None),
        ("POST", f"/api/segments/{number}/undo", seen),
        ("POST", f"/api/segments/{number}/split", {**seen, "at": 5}),
        ("POST", f"/api/segments/{number}/join", seen),
    ):
        assert http.request(method, url, json=body).status_code == 404, url
    assert http.get(URL).json()["recordings"] == []
    assert archive.recordings.transcript(theirs) == SPOKEN


def test_notes_come_and_go_and_leave_with_the_recording(http: httpx.Client, ident: str) -> None:
    url = f"/api/recordings/{ident}/notes"
    note = {"start_s": 4.5, "end_s": 5.5, "text": "Ask --> Anna\n\nabout it"}
    made = http.post(url, json=note)
    assert made.status_code == 201
    light = http.post(url, json={"start_s": 0, "end_s": 1, "kind": "highlight"}).json()
    assert [n["kind"] for n in http.get(url).json()["notes"]] == ["highlight", "note"]
    exported = http.get(f"/api/recordings/{ident}/export", params={"format": "json"}).json()
    assert exported["notes"] == [
        {"start_s": 0.0, "end_s": 1.0, "kind": "highlight", "text": ""},
        {**note, "kind": "note"},
    ]
    vtt = http.get(f"/api/recordings/{ident}/export", params={"format": "vtt"}).text
    assert vtt.count("NOTE") == 1
    assert "NOTE 00:00:04.500\nAsk -> Anna\nabout it\n\n" in vtt
    number = made.json()["id"]
    assert http.patch(f"{url}/{number}", json={"text": "Done"}).json()["text"] == "Done"
    assert http.patch(f"{url}/{number}", json={"text": ""}).status_code == 400
    assert http.post(url, json={"start_s": 2, "end_s": 1, "text": "x"}).status_code == 400
    assert http.post(url, json={"start_s": 0, "end_s": 1, "kind": "poem", "text": "x"}).status_code == 400
    for one in (number, light["id"]):
        assert http.delete(f"{url}/{one}").json() == {"id": one}
    assert http.delete(f"{url}/{number}").status_code == 404
    assert "notes" not in http.get(f"/api/recordings/{ident}/export", params={"format": "json"}).json()
