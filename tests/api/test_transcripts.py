"""`/api/transcripts` and `/api/analytics`: what was said is found, carried away and counted."""

import contextlib
import io
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from earwitness import config
from earwitness.archive.database import Database
from earwitness.export import FORMATS, full
from earwitness.parts import embed_minilm
from support import said
from support.server import running

URL = "/api/transcripts"


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server that has heard two recordings."""
    settings = config.load(home=tmp_path_factory.mktemp("said"), preload=False, log_level="error")
    with closing(Database(settings.archive)) as database, database.writing() as connection:
        one = said.recording(connection, title='A "talk"; <script>\r\n../../x')
        said.speakers(connection, one, [("S1", "<b>Anna</b>", None)])
        said.say(connection, one, "The fire alarm", "went off", "in the kitchen", speaker="S1")
        said.say(connection, said.recording(connection), "No fire here")
    with running(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def meant(http: httpx.Client) -> httpx.Client:
    """Likewise, once it knows what all of it means."""
    if why := embed_minilm.spec.missing():
        pytest.skip(why)
    deadline = time.monotonic() + 60
    while (told := http.get("/api/system").json()["meaning"])["waiting"] or not told["passages"]:
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
    return http


def test_what_was_said_is_found(http: httpx.Client) -> None:
    found = http.get(URL, params={"q": "fire alarm"}).json()
    assert (found["count"], found["more"], found["next"], found["typos"]) == (1, False, None, False)
    (hit,) = found["hits"]
    assert (hit["text"], hit["name"], hit["said"]) == ("The fire alarm", "<b>Anna</b>", "2026-09-21T14:13:20Z")
    assert hit["marks"] == [
        {"start": 4, "end": 8, "start_s": 0.5, "end_s": 1.0},
        {"start": 9, "end": 14, "start_s": 1.0, "end_s": 1.5},
    ]
    assert http.get(URL, params={"q": "kitchn"}).json()["instead"] == {"kitchn": ["kitchen"]}
    assert http.get(URL, params={"q": "kitchn", "typos": False}).json()["hits"] == []


def test_pages_follow_each_other(http: httpx.Client) -> None:
    for sort in ("newest", "relevance"):
        texts, page = list[str](), None
        while page or not texts:
            found = http.get(URL, params={"sort": sort, "size": 3} | ({"page": page} if page else {})).json()
            texts, page = texts + [hit["text"] for hit in found["hits"]], found["next"]
        assert texts == ["No fire here", "in the kitchen", "went off", "The fire alarm"]


@pytest.mark.parametrize(
    "wrong",
    [{"q": "a" * 2000}, {"q": "?"}, {"q": "after:then"}, {"q": "x", "page": "n0'"}, {"sort": "best"}, {"size": 1000}],
)
def test_what_means_nothing_is_told(http: httpx.Client, wrong: dict[str, str]) -> None:
    answer = http.get(URL, params=wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")


def test_a_megabyte_is_refused(http: httpx.Client) -> None:
    line = HTTPConnection(http.base_url.host, http.base_url.port or 80, timeout=60)
    with closing(line), contextlib.suppress(ConnectionError):  # it may be closed before all of it was sent
        line.request("GET", f"{URL}?q={'a' * 1_000_000}")
        assert line.getresponse().status in {400, 414, 431}
    assert http.get(URL).status_code == 200


def test_what_is_found_is_carried_away_in_any_format(http: httpx.Client) -> None:
    for name, form in FORMATS.items():
        answer = http.get(f"{URL}/export", params={"q": "kitchen", "format": name})
        assert (answer.status_code, answer.headers["content-type"]) == (200, form.media_type)
        assert form.speakers == ("kitchen" not in answer.text) or name == "diarized_json"
        assert answer.headers["content-disposition"].startswith('attachment; filename="a-talk-script-x-r_')
    whole = full.loads(http.get(f"{URL}/export", params={"q": "speaker:anna"}).text)
    assert whole.text == "The fire alarm went off in the kitchen"
    with zipfile.ZipFile(io.BytesIO(http.get(f"{URL}/export", params={"q": "fire", "format": "txt"}).content)) as many:
        assert [many.read(name).decode().strip() for name in sorted(many.namelist())] == [
            "No fire here",
            "<b>Anna</b>: The fire alarm",
        ]
        assert not any("/" in name or ".." in name for name in many.namelist())
    some = [hit["id"] for hit in http.get(URL, params={"q": "went OR kitchen"}).json()["hits"]]
    picked = full.loads(http.get(f"{URL}/export", params={"only": some}).text)
    assert picked.text == "went off in the kitchen"
    assert http.get(f"{URL}/export", params={"q": "alarm", "only": some}).status_code == 404
    assert http.get(f"{URL}/export", params={"only": [0]}).status_code == 400
    assert http.get(f"{URL}/export", params={"q": "nowhere"}).status_code == 404
    assert http.get(f"{URL}/export", params={"q": "fire", "format": "exe"}).status_code == 400


def test_figures_over_it(http: httpx.Client) -> None:
    talk = http.get("/api/analytics/talk-time").json()["speakers"]
    assert [(one["name"], one["speech_s"]) for one in talk] == [("<b>Anna</b>", 6.0), (None, 2.0)]
    when = http.get("/api/analytics/activity", params={"by": "day", "q": "fire"}).json()["activity"]
    assert when == [{"at": "2026-09-21T00:00:00Z", "segments": 2, "speech_s": 4.0}]
    hours = http.get("/api/analytics/activity", params={"by": "hour_of_day", "offset_minutes": 60}).json()["activity"]
    assert [one["at"] for one in hours] == [15]
    terms = http.get("/api/analytics/top-terms", params={"size": 2}).json()["terms"]
    assert terms == [{"term": "fire", "segments": 2}, {"term": "the", "segments": 2}]


# ── by what it means ──
def test_what_means_the_same_is_found_where_that_is_asked_for(meant: httpx.Client) -> None:
    assert meant.get(URL, params={"q": "cooking room"}).json()["hits"] == []
    hit = meant.get(URL, params={"q": "cooking room", "mode": "meaning"}).json()["hits"][0]
    assert (hit["text"], hit["found_by"], hit["marks"]) == ("The fire alarm", "meaning", [])
    passage = "The fire alarm went off in the kitchen"
    assert {k: v for k, v in hit["passage"].items() if k != "likeness"} == {
        "text": passage,
        "start_s": 0.0,
        "end_s": 6.0,
    }
    assert 0.2 < hit["passage"]["likeness"] < 1
    found = meant.get(URL, params={"q": "fire", "mode": "both"}).json()
    assert {(hit["text"], hit["found_by"]) for hit in found["hits"]} == {
        ("The fire alarm", "both"),
        ("No fire here", "both"),
    }
    assert all(hit["marks"] for hit in found["hits"])
    words = meant.get(URL, params={"q": "fire"}).json()["hits"]
    assert {(hit["found_by"], hit["passage"]) for hit in words} == {("words", None)}
    more = meant.get(URL, params={"q": "fire", "mode": "both", "size": 1}).json()["next"]
    assert len(meant.get(URL, params={"q": "fire", "mode": "both", "page": more}).json()["hits"]) == 1
    told = meant.get("/api/system").json()["meaning"]
    assert (told["model"], told["languages"], told["passages"], told["held"]) == (
        "all-MiniLM-L6-v2/int8-1", ["en"], 2, 2
    )  # fmt: skip


def test_what_can_not_be_meant_is_told(meant: httpx.Client) -> None:
    for given in ("q=", "q=speaker:anna", "q=fire&sort=newest", "q=fire&typos=true", "q=fire&page=n1"):
        answer = meant.get(f"{URL}?mode=meaning&{given}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input"), given
    assert meant.get(f"{URL}?mode=feeling&q=fire").status_code == 400


def test_without_the_extra_it_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_minilm, "PACKAGE", "no_such_package")
    settings = config.load(home=tmp_path, preload=False, log_level="error")
    with running(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        answer = client.get(URL, params={"q": "fire", "mode": "both"})
        assert answer.status_code == 501
        assert answer.json()["code"] == "missing_package"
        assert "pip install 'earwitness[semantic]'" in answer.text
        assert client.get(URL, params={"q": "fire"}).status_code == 200
        assert "no_such_package" in client.get("/api/system").json()["meaning"]["why_not"]


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, preload=False, log_level="error", semantic_mb=0)
    with running(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        answer = client.get(URL, params={"q": "fire", "mode": "meaning"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unsupported")
        assert "EARWITNESS_SEMANTIC_MB" in answer.text
