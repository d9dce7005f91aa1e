"""Spans of a request, of the recording it brought and of that recording's clips, and where they are sent."""

import sys
import threading
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typing_extensions import override

from earwitness import config, traces
from earwitness.errors import Missing
from support.server import running

ABOVE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> tuple[ReadableSpan, ...]:
    """All spans of two requests."""
    exporter = InMemorySpanExporter()
    with (
        traces.exporting(exporter),
        running(config.load(home=tmp_path_factory.mktemp("traced"), log_level="error")) as address,
    ):
        httpx.get(f"{address}/livez?token=secret", timeout=60)
        files = {"file": ("secret-name.wav", sample.read_bytes())}
        headers = {"traceparent": ABOVE, "x-request-id": "mine"}
        form = {"model": "whisper-1"}
        answer = httpx.post(f"{address}/v1/audio/transcriptions", data=form, files=files, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
    return exporter.get_finished_spans()


def named(spans: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [s for s in spans if s.name == name]


def test_a_request_its_recording_and_its_clips_hang_together(spans: tuple[ReadableSpan, ...]) -> None:
    ping, request = sorted(named(spans, "request"), key=lambda s: s.start_time or 0)
    (recording,) = named(spans, "recording")
    clips = named(spans, "clip")
    assert request.attributes == {
        "request": "mine", "method": "POST", "route": "/v1/audio/transcriptions", "status": 200,
    }  # fmt: skip
    assert request.parent is not None
    assert f"{request.parent.trace_id:032x}-{request.parent.span_id:016x}" == ABOVE[3:52]
    assert recording.parent is not None
    assert recording.parent.span_id == request.context.span_id
    assert len(clips) > 1
    warming = {request.context.span_id}  # who comes while the model is loaded tries it out
    assert {c.parent.span_id for c in clips if c.parent} - warming == {recording.context.span_id}
    assert ping.parent is None
    assert {s.resource.attributes["service.name"] for s in spans} == {"earwitness"}


def test_no_span_tells_more_than_a_log_line(spans: tuple[ReadableSpan, ...]) -> None:
    told = " ".join(s.to_json() for s in spans)
    assert "secret" not in told


def test_they_are_sent_to_the_collector_that_is_named(
    spans: tuple[ReadableSpan, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = list[bytes]()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.path.encode() + self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv(traces.COLLECTOR, f"http://127.0.0.1:{server.server_port}")
        exporter = traces.collector()
        exporter.export(spans)
        exporter.shutdown()
        server.shutdown()
    assert bodies[0].startswith(b"/v1/traces")
    assert b"earwitness" in bodies[0]


def test_a_collector_without_the_packages_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(traces.COLLECTOR, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Missing, match="OpenTelemetry is not installed"), traces.exporting():
        pass


def test_without_a_collector_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(traces.COLLECTOR, raising=False)
    future = Future[int]()
    with traces.exporting(), traces.span("request", {"traceparent": ABOVE}, request="r") as facts:
        assert traces.followed("clip", future) is future
        facts["status"] = 200
    future.set_result(1)
