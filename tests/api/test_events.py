"""The stream of what happens, by clients that read it, that vanish, that are slow, and that claim nonsense."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import Request
from sqlalchemy import Connection

from earwitness import config
from earwitness.api import streams
from earwitness.api.house import House
from earwitness.archive.happened import happened
from earwitness.archive.viewer import HOUSE, Viewer
from earwitness.errors import Unauthorized
from support.eventful import eventful
from support.server import housed
from support.sockets import free_port
from support.watching import Stream, Watcher, until, watching


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[str, House]]:
    with housed(config.load(home=tmp_path, log_level="error", preload=False)) as found:
        yield found


def one(number: int, connection: Connection, topic: str = "models", text: str = "", owner: str | None = None) -> None:
    happened(connection, topic, "loaded", {"n": number, "text": text}, owner=owner)


def tell(house: House, *numbers: int, topic: str = "models", text: str = "", owner: str | None = None) -> None:
    for told in [house.archive.writer.submit(partial(one, n, topic=topic, text=text, owner=owner)) for n in numbers]:
        told.result()


def test_a_client_is_greeted_and_told_what_happens_from_then_on(home: tuple[str, House]) -> None:
    address, house = home
    tell(house, 1, 2)
    stream = Stream(address)
    assert stream.answer.getheader("content-type", "").startswith("text/event-stream")
    assert stream.answer.getheader("cache-control") == "no-cache, no-transform"
    assert stream.answer.getheader("x-accel-buffering") == "no"
    hello = stream.next()
    assert (hello.kind, hello.data["last_id"], stream.last) == ("hello", house.archive.events.newest(), str(hello.id))
    assert set(hello.data) == {"version", "boot", "last_id"}
    tell(house, 3, 4)
    told = stream.take(2)
    assert [(e.kind, e.data["kind"], e.data["about"]["n"]) for e in told] == [("models", "loaded", n) for n in (3, 4)]
    assert [int(e.id or 0) for e in told] == [hello.data["last_id"] + n for n in (1, 2)]
    stream.close()
    until(lambda: len(house.streams) == 0)


def test_browsers_are_told_when_to_come_again(home: tuple[str, House]) -> None:
    with httpx.stream("GET", f"{home[0]}/api/events") as answer:
        lines = answer.iter_lines()
        head = [next(lines) for _ in range(4)]
    assert head[0] == "event: hello"
    assert "retry: 2000" in head


def test_only_the_topics_that_are_wanted_are_told(home: tuple[str, House]) -> None:
    address, house = home
    with watching(address, "?topics=jobs,alerts") as stream:
        tell(house, 1)
        tell(house, 2, topic="jobs")
        assert stream.next().data["about"]["n"] == 2
    answer = httpx.get(f"{address}/api/events?topics=jobs,secrets")
    assert answer.status_code == 400
    assert "'secrets' is no topic" in answer.text


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_client_that_comes_again_is_told_what_it_missed(home: tuple[str, House], way: str) -> None:
    address, house = home
    tell(house, *range(1, 1201))
    last = house.archive.events.newest() - 1199
    given = {"last": str(last)} if way == "header" else {"query": f"?after={last}"}
    with watching(address, **given) as stream:
        assert [e.data["about"]["n"] for e in stream.take(1199)] == list(range(2, 1201))
        tell(house, 1201)
        assert stream.next().data["about"]["n"] == 1201


def test_an_id_that_never_was_begins_anew(home: tuple[str, House]) -> None:
    address, house = home
    tell(house, 1, 2)
    newest = house.archive.events.newest()
    for last in ("-1", "x", "1e3", "9" * 18, "9" * 40, "²", "1 OR 1=1", "0x10", "1,2", "%00", "\xff", str(newest + 1)):
        with watching(address, last=last) as stream:
            found = stream.next()
            assert (found.kind, found.data, found.id) == ("resync", {"last_id": newest}, str(newest)), last
    with watching(address, last="x") as stream:
        assert stream.next().kind == "resync"
        tell(house, 3)
        assert stream.next().data["about"]["n"] == 3


def test_such_a_one_in_the_address_is_an_error(home: tuple[str, House]) -> None:
    for after in ("-1", "x", "9" * 30):
        assert httpx.get(f"{home[0]}/api/events", params={"after": after}).status_code == 400


def test_who_was_away_for_too_long_begins_anew(home: tuple[str, House]) -> None:
    address, house = home
    tell(house, *range(1, 6))
    house.archive.events.prune(time.time() + 1)
    with watching(address, "?topics=jobs", last="2") as stream:
        assert stream.next().kind == "resync", "whatever its topics are"


def test_a_client_that_does_not_read_costs_nothing_and_misses_nothing(
    home: tuple[str, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "REMEMBERED", 100)
    address, house = home
    with watching(address) as slow, watching(address) as quick:
        count, text = 1500, 10_000 * "x"
        for first in range(0, count, 500):
            tell(house, *range(first, first + 500), text=text)
            assert [e.data["about"]["n"] for e in quick.take(500)] == list(range(first, first + 500))
            (channel,) = house.streams._channels.values()
            assert len(channel.kept) <= 100
        assert [e.data["about"]["n"] for e in slow.take(count)] == list(range(count))


def test_a_stream_on_which_nothing_happens_shows_that_it_lives(
    home: tuple[str, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.1)
    address, house = home
    with watching(address, "?topics=jobs") as stream:
        tell(house, 1)
        while len(stream.comments) < 3:
            stream.answer.readline()  # so that nothing else came
            stream.comments += [stream.answer.readline().decode()]
        tell(house, 2, topic="jobs")
        assert stream.next().data["about"]["n"] == 2


def test_there_are_only_so_many(home: tuple[str, House], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FOR_ONE", 2)
    with watching(home[0]), watching(home[0]):
        answer = httpx.get(f"{home[0]}/api/events")
        assert (answer.status_code, "too many streams" in answer.text) == (503, True)
        assert int(answer.headers["retry-after"]) > 0
    until(lambda: len(home[1].streams) == 0)
    with watching(home[0]):
        pass


# ── who is told ──
@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Viewers go by a header; those in the set are nobody any more."""
    gone = set[str]()

    def viewer(request: Request) -> Viewer:
        name = request.headers.get("x-name", "")
        if name in gone:
            raise Unauthorized("nobody")
        return Viewer(name) if name else HOUSE

    monkeypatch.setattr("earwitness.api.events.viewer", viewer)
    monkeypatch.setattr("earwitness.api.events.again", lambda request: lambda: viewer(request))
    return gone


def told(stream: Stream) -> list[int]:
    """All numbers up to 99."""
    found = list[int]()
    while not found or found[-1] != 99:
        found.append(stream.next().data["about"]["n"])
    return found


def test_each_viewer_is_told_what_is_theirs(home: tuple[str, House], named: set[str]) -> None:
    address, house = home
    with ExitStack() as stack:
        anna, bert = (stack.enter_context(watching(address, **{"x-name": n})) for n in ("anna", "bert"))
        everything = stack.enter_context(watching(address))
        tell(house, 1, topic="jobs", owner="anna")
        tell(house, 2, topic="jobs", owner="bert")
        tell(house, 3, topic="accounts")
        tell(house, 99)
        assert (told(anna), told(bert), told(everything)) == ([1, 99], [2, 99], [1, 2, 3, 99])


def test_whose_rights_change_comes_again(home: tuple[str, House], named: set[str]) -> None:
    address, house = home
    with watching(address, "?topics=jobs", **{"x-name": "anna"}) as stream, watching(address) as other:
        tell(house, 1, topic="accounts", owner="anna")
        assert [e.kind for e in stream] == ["accounts"]
        assert stream.last == str(house.archive.events.newest())
        assert other.next().kind == "accounts"
        tell(house, 2)
        assert other.next().data["about"]["n"] == 2


def test_a_login_that_ends_ends_its_streams(
    home: tuple[str, House], named: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, house = home
    with watching(address, **{"x-name": "anna"}) as anna, watching(address, **{"x-name": "bert"}) as bert:
        loop = house.streams._loop
        assert loop is not None
        loop.call_soon_threadsafe(house.streams.end, "anna")
        assert [e.kind for e in anna] == ["logout"]
        monkeypatch.setattr(streams, "HEARTBEAT_S", 0.05)
        named.add("bert")
        tell(house, 1)
        assert [e.kind for e in bert][-1] == "logout"


# ── drafts ──
def test_drafts_are_told_to_who_may_hear_them_have_no_id_and_miss_some(
    home: tuple[str, House], named: set[str]
) -> None:
    address, house = home
    with watching(address, "?topics=drafts", **{"x-name": "anna"}) as anna, watching(address) as everything:
        loop = house.streams._loop
        assert loop is not None

        def say(number: int, owner: str | None) -> None:
            loop.call_soon_threadsafe(
                house.streams.draft, f"s{owner}", streams.Whose(owner), {"n": number, "whose": owner}
            )

        for number in range(200):
            say(number, "bert")
            say(number, "anna")
            time.sleep(0.002)
        heard = [anna.next()]
        while heard[-1].data["n"] != 199:
            heard.append(anna.next())
        assert {(e.kind, e.id, e.data["whose"]) for e in heard} == {("drafts", None, "anna")}
        assert len(heard) < 20
        whose = set[str]()
        while len(whose) < 2:
            whose.add(everything.next().data["whose"])


# ── servers that end ──
def test_a_server_that_stops_ends_its_streams_at_once(tmp_path: Path) -> None:
    with housed(config.load(home=tmp_path, log_level="error", preload=False)) as (address, house):
        stream = Stream(address)
        assert stream.next().kind == "hello"
    assert list(stream) == [], "the answer has an end"
    stream.close()
    assert len(house.streams) == 0


def test_a_killed_server_loses_and_repeats_nothing(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "go").touch()
    process = eventful(tmp_path, port, 0.003)
    watchers = [Watcher(f"http://127.0.0.1:{port}") for _ in range(3)]
    try:
        until(partial(_watched, watchers, 1, 100))
        process.kill()
        process.wait()
        process = eventful(tmp_path, port, 0.003)
        until(partial(_watched, watchers, 2, 100 + len(watchers[0].numbers)))
        (tmp_path / "go").unlink()
        until(lambda: _still(tmp_path / "kept"))
        last = int((tmp_path / "kept").read_text().split()[-1])
        until(lambda: all(w.numbers[-1] >= last for w in watchers))
        for watcher in watchers:
            assert watcher.numbers == list(range(1, watcher.numbers[-1] + 1))
            assert watcher.resyncs == 0
    finally:
        for watcher in watchers:
            watcher.stop()
        process.kill()
        process.wait()


def _watched(watchers: list[Watcher], greeted: int, many: int) -> bool:
    return all(w.greeted >= greeted and len(w.numbers) > many for w in watchers)


def _still(path: Path) -> bool:
    before = path.read_bytes()
    time.sleep(0.3)
    return path.read_bytes() == before


# ── how it fares ──
def test_the_server_tells_how_it_fares(home: tuple[str, House], named: set[str]) -> None:
    address, house = home
    tell(house, 1)
    with watching(address):
        until(lambda: len(house.streams) == 1)
        house.history.note(house.look())
        found = httpx.get(f"{address}/api/system").json()
        assert found["now"]["streams"] == 1
        assert found["now"]["database_bytes"] > 0
        assert found["now"]["memory_bytes"] > 10_000_000
        assert {len(values) for values in found["recent"].values()} == {len(house.history.recent)}
        lines = httpx.get(f"{address}/metrics").text.splitlines()
    metrics = dict(line.split() for line in lines if line.startswith("earwitness_") and "{" not in line)
    assert float(metrics["earwitness_sse_clients"]) == 1
    assert float(metrics["earwitness_archive_writes_total"]) >= 1
    assert float(metrics["earwitness_archive_bytes"]) == found["now"]["database_bytes"]


def test_how_it_fares_is_told_to_who_sees_everything(
    home: tuple[str, House], named: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earwitness.api.system.viewer", lambda request: Viewer("anna"))
    assert httpx.get(f"{home[0]}/api/system").status_code == 404
