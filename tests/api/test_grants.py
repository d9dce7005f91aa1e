"""What may be done with a recording by each verb that is granted, and how often anything may be done."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from earwitness import config
from earwitness.archive.account import By
from earwitness.archive.told import piece
from earwitness.archive.whole import Archive
from support import said
from support.server import running

PASSWORD = "tall ships over quiet water"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, dict[str, str]]]:
    """A server's address, a recording with sound, and a key for each verb, of whom nothing else was granted."""
    settings = config.load(home=tmp_path_factory.mktemp("granted"), preload=False, log_level="error")
    keys, by = dict[str, str](), By()
    with closing(Archive(settings.archive, settings.kept)) as archive:
        accounts = archive.accounts
        accounts.begin("Anna", PASSWORD, by)
        with archive.database.writing() as connection:
            ident = said.recording(connection)
            said.say(connection, ident, "The fire alarm went off")
        archive.folder.mkdir(exist_ok=True)
        (archive.folder / "a.ogg").write_bytes(b"OggS")
        row = {"recording_id": ident, "kind": "audio", "path": "a.ogg", "start_s": 0.0, "end_s": 1.0, "made_s": 0.0}
        archive.writer.write(lambda c: piece(row | {"size": 4}, c))
        for verb in ("nothing", "view", "listen", "control", "edit"):
            user = accounts.add(verb, "viewer", PASSWORD, by)
            if verb != "nothing":
                accounts.grant(user.id, verb, by, recording=ident)
            if verb == "edit":
                accounts.grant(user.id, "view", by, recording=ident)
            keys[verb] = accounts.keys.make(user, "k", ("transcribe", "archive:read", "archive:write"), by)[1]
    with running(settings) as address:
        yield address, ident, keys


def statuses(place: tuple[str, str, dict[str, str]], verb: str) -> list[int]:
    """Of reading, finding, hearing, changing and taking away."""
    address, ident, keys = place
    with httpx.Client(base_url=address, headers={"x-api-key": keys[verb]}, timeout=60) as http:
        found = http.get("/api/transcripts", params={"q": "fire"}).json()["hits"]
        segment = {"revision": 99, "text": "No."}
        return [
            http.get(f"/api/recordings/{ident}/export").status_code,
            200 if found else 404,
            http.get(f"/api/recordings/{ident}/audio").status_code,
            http.patch(f"/api/recordings/{ident}", json={"title": verb}).status_code,
            http.patch("/api/segments/1", json=segment).status_code,
            404 if verb == "edit" else http.delete(f"/api/recordings/{ident}").status_code,
        ]


@pytest.mark.parametrize(
    ("verb", "can"),
    [
        ("nothing", [404, 404, 404, 404, 404, 404]),
        ("view", [200, 200, 404, 404, 404, 404]),
        ("listen", [404, 404, 200, 404, 404, 404]),
        ("control", [404, 404, 404, 404, 404, 404]),
        ("edit", [200, 200, 404, 200, 409, 404]),
    ],
)
def test_each_verb_is_for_itself(place: tuple[str, str, dict[str, str]], verb: str, can: list[int]) -> None:
    assert statuses(place, verb) == can


# ── how often ──
def until_refused(http: httpx.Client, method: str, path: str) -> tuple[int, httpx.Response]:
    """How often something is let through, and the refusal."""
    for count in range(1000):
        found = http.request(method, path)
        if found.status_code == 429:
            return count, found
    raise AssertionError("it was let through a thousand times")


@pytest.mark.parametrize(
    ("method", "paths", "times"),
    [
        ("GET", ("/api/transcripts?q=fire", "/api/analytics/top-terms", "/api/transcripts/export?q=x"), 60),
        ("POST", ("/api/uploads", "/v1/audio/transcriptions"), 300),
    ],
)
def test_who_asks_too_often_is_told_when_to_come_back(
    place: tuple[str, str, dict[str, str]], method: str, paths: tuple[str, ...], times: int
) -> None:
    address, _, keys = place
    with httpx.Client(base_url=address, headers={"x-api-key": keys["control"]}, timeout=60) as http:
        count, found = until_refused(http, method, paths[0])
        assert times - 3 <= count <= times, "some were used above"
        assert 0 < int(found.headers["retry-after"]) <= 60
        assert found.json()["code"] == "too_many_requests"
        assert all(http.request(method, path).status_code == 429 for path in paths), "they count together"
    with httpx.Client(base_url=address, headers={"x-api-key": keys["nothing"]}, timeout=60) as http:
        assert http.request(method, paths[0]).status_code != 429, "each has their own"
