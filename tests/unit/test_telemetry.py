"""Metrics in Prometheus' format and structured logs on standard error."""

import asyncio
import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from earwitness import telemetry
from earwitness.telemetry import Metrics, logger


def _values(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, frozenset(s.labels.values())): s.value for f in families for s in f.samples}


def _labels(*values: str) -> frozenset[str]:
    return frozenset(values)


def test_counters_are_scraped() -> None:
    metrics = Metrics()
    metrics.requests.labels("POST", "/v1/audio/transcriptions", "200").inc()
    metrics.audio.labels("moonshine-tiny-en").inc(12.5)
    metrics.suppressed.labels("phantom").inc()
    metrics.seconds.labels("/health").observe(0.01)
    found = _values(metrics)
    assert found["earwitness_requests_total", _labels("POST", "/v1/audio/transcriptions", "200")] == 1
    assert found["earwitness_audio_seconds_total", _labels("moonshine-tiny-en")] == 12.5
    assert found["earwitness_suppressed_total", _labels("phantom")] == 1
    assert found["earwitness_request_seconds_bucket", _labels("/health", "0.05")] == 1
    assert found["earwitness_request_seconds_bucket", _labels("/health", "0.005")] == 0


def test_gauges_are_read_at_each_scrape() -> None:
    metrics, waiting = Metrics(), [3.0]
    metrics.watch(lambda: {"earwitness_waiting": ("Clips in the queue", waiting[0])})
    assert _values(metrics)["earwitness_waiting", _labels()] == 3
    waiting[0] = 4.0
    assert _values(metrics)["earwitness_waiting", _labels()] == 4


def test_gauges_with_a_label_come_and_go() -> None:
    metrics, lags = Metrics(), {"01234567": 1.5, "fedcba98": 0.0}
    metrics.watch_labelled(lambda: {"earwitness_live_lag_seconds": ("How late a session is", "session", lags)})
    found = _values(metrics)
    assert found["earwitness_live_lag_seconds", _labels("01234567")] == 1.5
    assert found["earwitness_live_lag_seconds", _labels("fedcba98")] == 0
    lags.clear()
    assert not any(name == "earwitness_live_lag_seconds" for name, _ in _values(metrics))


def test_two_apps_in_one_process_do_not_share_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.words.labels("m").inc(5)
    assert ("earwitness_words_total", _labels("m")) not in _values(other)


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = logger("info", "json")
    log.debug("unheard")
    log.info("request", route="/health", status=200)
    log.warning("full")
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert [(line["event"], line["level"]) for line in lines] == [("request", "info"), ("full", "warning")]
    assert lines[0]["status"] == 200
    assert lines[0]["timestamp"].endswith("Z")


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_is_logged_without_the_values_of_variables(capsys: pytest.CaptureFixture[str], style: str) -> None:
    def broken() -> None:
        spoken = " ".join(reversed(["secret", "the"]))
        raise RuntimeError(f"engine stopped after {len(spoken)} letters")

    log = logger("error", style)
    try:
        broken()
    except RuntimeError:
        log.exception("failed")
    logged = capsys.readouterr().err
    assert "engine stopped after 10 letters" in logged
    assert "broken" in logged
    assert "the secret" not in logged


def test_text_logs_are_plain_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logger("info", "text").info("loaded", model="moonshine-tiny-en")
    err = capsys.readouterr().err
    assert "loaded" in err
    assert "model=moonshine-tiny-en" in err
    assert "\x1b" not in err


def test_lines_carry_the_ids_of_what_is_at_work_there_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    log = logger("info", "json")

    async def work(ident: str) -> None:
        telemetry.name(request=ident)
        await asyncio.sleep(0)
        with telemetry.named(job=f"j{ident}"):
            await asyncio.to_thread(log.info, "working")
        log.info("done")

    async def all_of_it() -> None:
        await asyncio.gather(work("a"), work("b"))
        log.info("outside")

    asyncio.run(all_of_it())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    found = {(line["event"], line.get("request"), line.get("job")) for line in lines}
    assert found == {("outside", None, None)} | {
        told for i in "ab" for told in (("working", i, f"j{i}"), ("done", i, None))
    }
