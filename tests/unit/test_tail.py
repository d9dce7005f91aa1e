"""The last lines of the log: what is kept of them, and what is not."""

import itertools

import pytest

from earwitness import telemetry
from earwitness.tail import HIDDEN, Tail, clean, places


def _tail(kept: int = 100) -> Tail:
    return Tail(kept, itertools.count(1.0).__next__)


def test_the_oldest_lines_go_first_and_numbers_go_on() -> None:
    tail = _tail(2)
    for number in range(3):
        tail(None, "info", {"event": f"e{number}"})
    assert [(line.number, line.event, line.at_s) for line in tail.lines()] == [(2, "e1", 2.0), (3, "e2", 3.0)]
    assert [line.number for line in tail.lines(after=2)] == [3]
    assert [line.number for line in tail.lines(most=1)] == [3]
    assert tail.newest == 3


def test_a_level_is_that_and_above() -> None:
    tail = _tail()
    for level in ("debug", "info", "warning", "error", "critical"):
        tail(None, level, {"event": level})
    assert [line.event for line in tail.lines(level="warning")] == ["warning", "error", "critical"]


@pytest.mark.parametrize("name", ["setup_code", "api_key", "key", "Token", "oidc_secret", "password", "authorization"])
def test_what_is_secret_by_its_name_is_not_kept(name: str) -> None:
    assert clean(name, "x") == HIDDEN
    assert clean("about", {name: "x", "n": 1}) == {name: HIDDEN, "n": 1}
    assert clean(name, None) is None, "that there is none is no secret"


def test_logins_in_addresses_are_not_kept() -> None:
    assert clean("why", "rtsp://anna:pw@cam.example/1 is away") == f"rtsp://{HIDDEN}@cam.example/1 is away"


def test_of_an_exception_the_places_are_kept_and_not_what_it_says() -> None:
    try:
        raise ValueError("what was said")
    except ValueError as error:
        found = places(error)
        tail = _tail()
        tail(None, "error", {"event": "unexpected", "exc_info": error})
    assert len(found) == 1
    assert "test_tail.py" in str(found[0])
    assert "what was said" not in repr(tail.lines())


def test_the_logger_keeps_what_it_writes_and_no_more(capfd: pytest.CaptureFixture[str]) -> None:
    tail = _tail()
    log = telemetry.logger("info", "json", tail)
    log.debug("quiet")
    with telemetry.named(request="req_1"):
        log.warning("loud", model="m", setup_code="ABCD")
    (line,) = tail.lines()
    assert (line.event, line.request, line.facts) == ("loud", "req_1", {"model": "m", "setup_code": HIDDEN})
    assert '"setup_code": "ABCD"' in capfd.readouterr().err, "the log itself is where the code is read"
