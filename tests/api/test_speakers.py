"""`/api/speakers`: people are enrolled, found, changed and forgotten, also while requests are on their way."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest

from earwitness import config, reference
from earwitness.archive.people import People
from earwitness.archive.person import Voiceprint
from earwitness.archive.told import piece
from earwitness.archive.viewer import HOUSE
from earwitness.archive.whole import Archive
from earwitness.audio import decode
from earwitness.audio.container import Source
from earwitness.kit import Kit
from earwitness.types import Provenance, Segment, Speaker, Transcript
from support import sounds
from support.colours import KitOfColours, spoken
from support.server import running

URL = "/api/speakers"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> config.Settings:
    """A home of its own."""
    return config.load(home=tmp_path_factory.mktemp("people"), preload=False, log_level="error")


@pytest.fixture(scope="module")
def server(settings: config.Settings) -> Iterator[httpx.Client]:
    """A server whose diarizer goes by colours."""
    with running(settings, KitOfColours(settings)) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def http(server: httpx.Client) -> Iterator[httpx.Client]:
    """A client of that server, which knows nobody again at the end."""
    yield server
    for person in server.get(URL).json()["people"]:
        server.delete(f"{URL}/{person['id']}").raise_for_status()


def enrol(http: httpx.Client, name: str, clip: bytes, **fields: str) -> httpx.Response:
    """A request as a client makes it."""
    return http.post(URL, files={"file": ("clip.wav", clip)}, data={"name": name, **fields})


def test_people_are_enrolled_and_told_from_each_other(http: httpx.Client) -> None:
    anna = enrol(http, "Anna", spoken("espeak", 1))
    bert = enrol(http, "Bert", spoken("flite", 6, 2))
    assert (anna.status_code, anna.json()["name"], bert.status_code) == (201, "Anna", 201)
    assert "embedding" not in anna.text
    (voice,) = anna.json()["voices"]
    assert (voice["model"], voice["origin"]) == ("colours", "upload")
    assert voice["speech_s"] > 2
    listed = http.get(URL).json()["people"]
    assert listed == [anna.json(), bert.json()]
    assert http.get(f"{URL}/{anna.json()['id']}").json() == anna.json()
    for clip, whose in ((spoken("espeak", 4, 2), anna), (spoken("flite", 8, 2), bert)):
        found = http.post(f"{URL}/identify", files={"file": ("x.wav", clip)}).json()
        assert (found["tier"], found["id"], found["name"]) == ("auto", whose.json()["id"], whose.json()["name"])
        assert found["score"] == found["candidates"][0]["score"] > found["candidates"][1]["score"]
        assert found["margin"] == pytest.approx(found["score"] - found["candidates"][1]["score"], abs=1e-3)


def test_a_stranger_is_unknown(http: httpx.Client) -> None:
    clip = spoken("flite", 8, 2)
    found = http.post(f"{URL}/identify", files={"file": ("x.wav", clip)}).json()
    assert found.pop("candidates") == []
    assert found == {"tier": "unknown", "id": None, "name": None, "score": None, "margin": None}
    enrol(http, "Anna", spoken("espeak", 1)).raise_for_status()
    found = http.post(f"{URL}/identify", files={"file": ("x.wav", clip)}).json()
    assert (found["tier"], found["id"]) == ("unknown", None)
    assert len(found["candidates"]) == 1


def test_people_are_renamed_merged_split_and_forgotten(http: httpx.Client, settings: config.Settings) -> None:
    anna = enrol(http, "Annabella", spoken("espeak", 1)).json()
    bert = enrol(http, "Bert", spoken("flite", 6, 2)).json()
    more = http.post(f"{URL}/{anna['id']}/voices", files={"file": ("x.wav", spoken("espeak", 4, 2))})
    assert (more.status_code, len(more.json()["voices"])) == (201, 2)
    assert http.patch(f"{URL}/{bert['id']}", json={"name": "Bertram"}).json()["name"] == "Bertram"
    merged = http.post(f"{URL}/merge", json={"id": bert["id"], "into": anna["id"]}).json()
    assert (merged["merged"], len(merged["voices"])) == ([bert["id"]], 3)
    assert http.get(f"{URL}/{bert['id']}").json() == merged
    ids = [v["id"] for v in bert["voices"]]
    apart = http.post(f"{URL}/split", json={"id": anna["id"], "voices": ids, "name": "Bert"})
    assert (apart.status_code, [v["id"] for v in apart.json()["voices"]]) == (201, ids)
    gone = http.delete(f"{URL}/{anna['id']}")
    assert gone.json() == {"id": anna["id"], "erased": True}
    assert http.get(f"{URL}/{anna['id']}").status_code == 404
    content = b"".join(path.read_bytes() for path in settings.home.glob("archive.db*"))
    assert b"Bert" in content
    assert b"Annabella" not in content
    assert anna["id"].encode() not in content


def test_a_name_that_is_known_is_told(http: httpx.Client) -> None:
    first = enrol(http, "Anna", spoken("espeak", 1)).json()
    again = enrol(http, "anna", spoken("flite", 6, 2))
    assert (again.status_code, again.json()["code"]) == (400, "bad_input")
    assert first["id"] in again.json()["error"]
    assert enrol(http, "Anna", spoken("flite", 6, 2), another="true").status_code == 201


@pytest.mark.parametrize(
    ("clip", "code", "said"),
    [
        (b"Dear diary", "not_audio", "not a recording"),
        (b"", "empty_audio", "no sound"),
        (sounds.wav(sounds.silence(5)), "bad_input", "nobody speaks"),
        (spoken("espeak", 1, 1), "bad_input", "s are needed"),
    ],
    ids=["text", "empty", "silent", "short"],
)
def test_a_bad_clip_is_told_and_nobody_is_made(http: httpx.Client, clip: bytes, code: str, said: str) -> None:
    for found in (enrol(http, "Anna", clip), http.post(f"{URL}/identify", files={"file": ("x.wav", clip)})):
        assert (found.status_code, found.json()["code"]) == (400, code)
        assert said in found.json()["error"].lower()
    assert http.get(URL).json() == {"people": []}


@pytest.mark.parametrize(
    ("fields", "said"),
    [({}, "no field 'name'"), ({"name": "A\x1bb"}, "printable"), ({"name": "x" * 101}, "printable"),
     ({"name": "Anna", "voice": "x"}, "'voice'"), ({"name": "Anna", "another": "perhaps"}, "another")],
)  # fmt: skip
def test_bad_fields_are_told(http: httpx.Client, fields: dict[str, str], said: str) -> None:
    found = http.post(URL, files={"file": ("x.wav", spoken("espeak", 1))}, data=fields)
    assert found.status_code == 400
    assert said in found.json()["error"].lower()
    assert http.get(URL).json() == {"people": []}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "'; DROP TABLE people; --", "Zoë 漢字 🦊", "A" * 100])
def test_any_printable_name_is_just_a_name(http: httpx.Client, name: str) -> None:
    made = enrol(http, name, spoken("espeak", 1)).json()
    assert http.get(f"{URL}/{made['id']}").json()["name"] == name


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/p_none", None),
        ("PATCH", "/p_none", {"name": "Anna"}),
        ("DELETE", "/p_none", None),
        ("DELETE", "/%2e%2e%2farchive.db", None),
        ("POST", "/merge", {"id": "p_none", "into": "p_nobody"}),
        ("POST", "/split", {"id": "p_none", "voices": ["v_1"], "name": "Anna"}),
    ],
)
def test_who_is_not_there_is_told(http: httpx.Client, method: str, path: str, body: dict[str, object] | None) -> None:
    found = http.request(method, URL + path, json=body)
    assert (found.status_code, found.json()["code"]) == (404, "not_found")


def test_more_than_one_voice_in_a_clip_is_told(tmp_path: Path) -> None:
    own = config.load(home=tmp_path, preload=False, log_level="error")
    with running(own, KitOfColours(own, crowd=2)) as address, httpx.Client(base_url=address, timeout=60) as http:
        found = enrol(http, "Anna", spoken("espeak", 1))
    assert found.status_code == 400
    assert "More than one person" in found.json()["error"]


def test_a_speaker_of_a_recording_becomes_a_person(tmp_path: Path) -> None:
    own = config.load(home=tmp_path, preload=False, log_level="error")
    both = {"file": ("x.wav", spoken("espeak", 1))}
    with running(own, KitOfColours(own, crowd=2)) as address, httpx.Client(base_url=address, timeout=60) as http:
        anna = enrol(http, "Anna", both["file"][1], speaker="S1")
        bert = enrol(http, "Bert", both["file"][1], speaker="S2", num_speakers="2")
        assert (anna.status_code, bert.status_code) == (201, 201), anna.text
        assert [v["origin"] for v in bert.json()["voices"]] == ["upload, S2"]
        more = http.post(f"{URL}/{bert.json()['id']}/voices", files=both, data={"speaker": "S2"})
        assert len(more.json()["voices"]) == 2
        for speaker, whose in (("S1", anna), ("S2", bert)):
            found = http.post(f"{URL}/identify", files=both, data={"speaker": speaker}).json()
            assert (found["tier"], found["id"]) == ("auto", whose.json()["id"])
        for fields, said in (
            ({"speaker": "S3"}, "The recording has no speaker 'S3': there are S1, S2"),
            ({"num_speakers": "2"}, "num_speakers goes with speaker"),
            ({"speaker": "S1", "num_speakers": "-1"}, "num_speakers is '-1'"),
        ):
            refused = enrol(http, "Carl", both["file"][1], **fields)
            assert refused.status_code == 400
            assert said in refused.json()["error"]
        assert len(http.get(URL).json()["people"]) == 2


@pytest.fixture
def kept(settings: config.Settings) -> Iterator[str]:
    """A recording in the archive, with its sound in two files: S1 speaks, then S2, then S3 for a moment."""
    voices = [decode.decode(spoken("espeak", 1)).samples, decode.decode(spoken("flite", 6, 2)).samples]
    ends = np.cumsum([len(v) for v in voices]) / 16_000
    times = (0.0, *ends.tolist(), float(ends[-1]) + 1.0)
    said = tuple(Segment(a, b, "Well.", "en", speaker=f"S{n}") for n, (a, b) in enumerate(pairwise(times), 1))
    speakers = tuple(Speaker(s.speaker or "", s.duration_s) for s in said)
    told = Transcript(said, times[-1], "en", "transcribe", Provenance("0", "", "", "", {}), speakers=speakers)
    sound = np.concatenate([*voices, sounds.silence(1)])
    with closing(Archive(settings.archive, settings.kept)) as archive:
        ident = archive.recordings.add(told, viewer=HOUSE, title="Talk", kind="live", began_s=100.0)
        for n, (first, last) in enumerate(((0, 40_000), (40_000, len(sound)))):
            file = archive.folder / ident / f"{n}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(sounds.wav(sound[first:last]))
            row = {"recording_id": ident, "kind": "audio", "path": f"{ident}/{n}.wav", "size": 1, "made_s": 0.0}
            archive.writer.write(partial(piece, row | {"start_s": first / 16_000, "end_s": last / 16_000}))
        yield ident
        archive.recordings.remove(ident)


def test_a_speaker_of_the_archive_becomes_a_person(http: httpx.Client, kept: str) -> None:
    made = http.post(f"{URL}/heard", json={"recording": kept, "speaker": "S1", "name": "Anna"})
    assert made.status_code == 201, made.text
    assert [v["origin"] for v in made.json()["voices"]] == [f"{kept}, S1"]
    again = http.post(f"{URL}/heard", json={"recording": kept, "speaker": "S1", "id": made.json()["id"]})
    assert len(again.json()["voices"]) == 2
    http.post(f"{URL}/heard", json={"recording": kept, "speaker": "S2", "name": "Bert"}).raise_for_status()
    speakers = http.get(f"/api/recordings/{kept}").json()["speakers"]
    assert [s["name"] for s in speakers] == ["Anna", "Bert", None]
    assert http.get(f"{URL}/suggested").json() == {"suggested": []}
    (found,) = http.get("/api/recordings", params={"person": made.json()["id"]}).json()["recordings"]
    assert found["id"] == kept
    for clip, name in ((spoken("espeak", 4, 2), "Anna"), (spoken("flite", 8, 2), "Bert")):
        found = http.post(f"{URL}/identify", files={"file": ("x.wav", clip)}).json()
        assert (found["tier"], found["name"]) == ("auto", name)


@pytest.mark.parametrize(
    ("wish", "status", "said"),
    [
        ({"speaker": "S9", "name": "Anna"}, 404, "Nobody in this recording is 'S9'"),
        ({"speaker": "S3", "name": "Anna"}, 400, "Nobody speaks in the clip"),
        ({"speaker": "S1"}, 400, "give a name, or the id"),
        ({"speaker": "S1", "name": "Anna", "id": "p_1"}, 400, "give a name, or the id"),
        ({"speaker": "S1", "id": "p_none"}, 404, "Nobody is known as 'p_none'"),
        ({"speaker": "S1", "name": "A\x1bb"}, 400, "printable"),
        ({"speaker": "S1", "name": "Anna", "recording": "r_none"}, 404, "r_none"),
    ],
)
def test_who_can_not_be_learnt_is_told(
    http: httpx.Client, kept: str, wish: dict[str, str], status: int, said: str
) -> None:
    found = http.post(f"{URL}/heard", json={"recording": kept, **wish})
    assert found.status_code == status
    assert said.lower() in found.json()["error"].lower()
    assert http.get(URL).json() == {"people": []}


def test_without_its_sound_a_recording_has_no_voices(http: httpx.Client, kept: str, settings: config.Settings) -> None:
    with closing(Archive(settings.archive, settings.kept)) as archive:
        told = archive.recordings.transcript(kept)
        silent = archive.recordings.add(told, viewer=HOUSE, title="", kind="file", began_s=0.0)
    found = http.post(f"{URL}/heard", json={"recording": silent, "speaker": "S1", "name": "Anna"})
    assert found.status_code == 404
    assert "No sound of what they say is kept" in found.json()["error"]
    http.delete(f"/api/recordings/{silent}").raise_for_status()


def test_a_person_who_is_forgotten_meanwhile_is_told(
    http: httpx.Client, settings: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = enrol(http, "Anna", spoken("espeak", 1)).json()
    whole = reference.voiceprint

    def forgetting(source: Source, kit: Kit, origin: str = "") -> Voiceprint:
        found = whole(source, kit, origin)
        other = People(settings.archive)
        if other.all():
            other.forget(anna["id"])
        other.close()
        return found

    monkeypatch.setattr(reference, "voiceprint", forgetting)
    clip = {"file": ("x.wav", spoken("espeak", 4, 2))}
    assert http.post(f"{URL}/{anna['id']}/voices", files=clip).status_code == 404
    assert http.post(f"{URL}/identify", files=clip).json()["tier"] == "unknown"
    assert http.get("/livez").status_code == 200


def test_a_damaged_database_lets_nobody_in_and_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_bytes(np.random.default_rng(0).bytes(5000))
    own = config.load(home=tmp_path, preload=False, log_level="error")
    with running(own) as address, httpx.Client(base_url=address, timeout=60) as http:
        found = http.get(URL)
        assert (found.status_code, found.json()["code"]) == (507, "storage_failed")
        assert http.get("/livez").status_code == 200
    assert (tmp_path / "archive.db").stat().st_size == 5000


def test_strangers_are_kept_out(tmp_path: Path) -> None:
    own = config.load(home=tmp_path, preload=False, log_level="error", api_key="secret")
    with running(own) as address, httpx.Client(base_url=address) as http:
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/p_1"), ("POST", "/merge"), ("POST", "/identify")):
            assert http.request(method, URL + path).status_code == 401
        assert http.get(URL, headers={"authorization": "Bearer secret"}).json() == {"people": []}
