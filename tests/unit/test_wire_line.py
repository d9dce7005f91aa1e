"""A line to a server that answers well, badly, late, not at all, or with lies."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from earwitness.engines.wire import line
from earwitness.engines.wire.line import LONGEST_WAIT_S, TRIES
from earwitness.errors import EarwitnessError, EngineFailed, Unsupported
from support import scripted
from support.far import KEY, PATH, SAID, Far, well
from support.scripted import Reply, Script, say


@pytest.fixture
def far() -> Iterator[Far]:
    """A server that is well until a test changes its script."""
    with scripted.running(script := well()) as url, ExitStack() as held:
        yield Far(script, url, held=held)


# ── second tries ──
def test_429_is_tried_again_when_the_server_says(far: Far) -> None:
    far.script.replies[PATH] = [Reply(429, headers={"Retry-After": "7"}), say(SAID)]
    assert b"hello" in far.send(far.line())
    assert far.waits == [7.0]


def test_a_date_in_retry_after_is_understood(far: Far) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    far.script.replies[PATH] = [Reply(503, headers={"Retry-After": date}), say(SAID)]
    far.send(far.line())
    assert 7 < far.waits[0] <= 10


@pytest.mark.parametrize("value", ["soon", "-5", "1e9", "nan", "", "Wed, 99 Foo 2026"])
def test_nonsense_in_retry_after_is_no_reason_to_wait(far: Far, value: str) -> None:
    far.script.replies[PATH] = [Reply(503, headers={"Retry-After": value}), say(SAID)]
    far.send(far.line())
    assert far.waits[0] <= 4


def test_a_server_that_asks_for_too_much_patience_gets_none(far: Far) -> None:
    far.script.replies[PATH] = [Reply(503, headers={"Retry-After": str(int(LONGEST_WAIT_S) + 1)})]
    with pytest.raises(EngineFailed, match="come back in 21 s"):
        far.send(far.line())
    assert far.script.count(PATH) == 1


@pytest.mark.parametrize("bad", [Reply(502), Reply(503), Reply(504), Reply(body=b'{"text": "hello"}', cut=5)])
def test_what_may_go_better_soon_is_tried_again(far: Far, bad: Reply) -> None:
    far.script.replies[PATH] = [bad, bad, say(SAID)]
    assert b"hello" in far.send(far.line())
    assert far.script.count(PATH) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500, 501, 301])
def test_what_will_not_go_better_is_not_tried_again(far: Far, status: int) -> None:
    far.script.replies[PATH] = [Reply(status), say(SAID)]
    with pytest.raises(EarwitnessError):
        far.send(far.line())
    assert (far.script.count(PATH), far.waits) == (1, [])


def test_tries_end_and_the_last_answer_is_told(far: Far) -> None:
    far.script.replies[PATH] = [Reply(503)]
    with pytest.raises(EngineFailed, match="answered 503"):
        far.send(far.line())
    assert far.script.count(PATH) == TRIES


def test_a_server_that_fails_is_not_hammered(far: Far) -> None:
    far.script.replies[PATH] = [Reply(503, headers={"Retry-After": "0"})]  # busy: the breaker stays closed
    made = far.line()
    for _ in range(20):
        with pytest.raises(EngineFailed):
            far.send(made)
    assert far.script.count(PATH) == 20 + 10


# ── the breaker ──
def test_a_server_that_is_down_rests_and_is_asked_again_by_one(far: Far) -> None:
    far.script.replies[PATH] = [Reply(500)]
    made = far.line()
    for _ in range(5):
        with pytest.raises(EngineFailed, match="answered 500"):
            far.send(made)
    with pytest.raises(EngineFailed, match="rests until it is asked again in 30 s"):
        far.send(made)
    assert far.script.count(PATH) == 5
    far.now = 30.0
    with pytest.raises(EngineFailed, match="answered 500"):
        far.send(made)
    with pytest.raises(EngineFailed, match="rests"):
        far.send(made)
    far.now, far.script.replies[PATH] = 60.0, [say(SAID)]
    assert b"hello" in far.send(made)
    assert made.breaker.state == "closed"
    assert b"hello" in far.send(made)


def test_refusals_and_a_busy_server_do_not_open_it(far: Far) -> None:
    made = far.line()
    for reply in [Reply(400), Reply(429), Reply(503, headers={"Retry-After": "1"}), Reply(404)] * 3:
        far.script.replies[PATH] = [reply]
        with pytest.raises(EarwitnessError):
            far.send(made)
    assert made.breaker.state == "closed"


# ── slow, large and false ──
def test_a_clip_that_takes_too_long_is_told_and_not_sent_twice(far: Far) -> None:
    far.script.replies[PATH] = [Reply(delay_s=1.0)]
    with pytest.raises(EngineFailed, match=r"longer than 0\.2 s") as failure:
        far.send(far.line(timeout_s=0.2))
    assert "--timeout-s" in failure.value.remedy
    assert far.script.count(PATH) == 1


def test_an_answer_that_never_ends_is_cut_off(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MOST_BYTES", 2**21)
    far.script.replies[PATH] = [Reply(endless=True)]
    with pytest.raises(EngineFailed, match="more than 2 MB"):
        far.send(far.line())


def test_an_answer_that_drips_is_cut_off(far: Far) -> None:
    made = far.line(timeout_s=5)
    ticks = iter(range(0, 10**9, 2))
    made._clock = lambda: float(next(ticks))
    far.script.replies[PATH] = [Reply(endless=True)]
    with pytest.raises(EngineFailed, match="longer than 5 s"):
        far.send(made)


def test_a_body_that_says_it_is_packed_and_is_not_is_told(far: Far) -> None:
    far.script.replies[PATH] = [Reply(body=b"no gzip", headers={"Content-Encoding": "gzip"})]
    with pytest.raises(EngineFailed, match="office/remote"):
        far.send(far.line())


def test_a_redirect_is_not_followed(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_KEY", KEY)
    with scripted.running(other := Script({PATH: [say(SAID)]})) as elsewhere:
        far.script.replies[PATH] = [Reply(307, headers={"Location": f"{elsewhere}{PATH}"})]
        with pytest.raises(EngineFailed, match="sends it elsewhere, and that is not followed"):
            far.send(far.line(key_env="OFFICE_KEY"))
    assert other.asked == []


def test_no_proxy_and_no_netrc_of_the_environment_is_used(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with scripted.running(proxy := Script()) as its:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, its)
        far.send(far.line())
    assert proxy.asked == []
    assert far.script.asked[-1].headers["authorization"] is None


# ── refusals ──
@pytest.mark.parametrize("status", [400, 415, 422])
def test_what_the_server_does_not_support_is_unsupported_in_its_own_words(far: Far, status: int) -> None:
    far.script.replies[PATH] = [say({"error": {"message": "No Klingon.", "param": "language"}}, status)]
    with pytest.raises(Unsupported, match="No Klingon") as failure:
        far.send(far.line())
    assert failure.value.param == "language"


@pytest.mark.parametrize("body", [{"detail": "No Klingon."}, {"error": "No Klingon.", "code": "bad_input"}])
def test_errors_of_other_shapes_are_read_too(far: Far, body: object) -> None:
    far.script.replies[PATH] = [say(body, 500)]
    with pytest.raises(EngineFailed, match="answered 500 to office/remote: No Klingon"):
        far.send(far.line())
