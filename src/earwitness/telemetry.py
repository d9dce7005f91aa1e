"""Metrics and logs. Identifiers and numbers only: never speech, names of files or people, prompts, keys or queries."""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from earwitness.__about__ import __version__
from earwitness.tail import Tail

Gauges = Callable[[], dict[str, tuple[str, float]]]
"""Names of gauges, each with its help and its value now."""

Labelled = Callable[[], dict[str, tuple[str, str, Mapping[str, float]]]]
"""Names of gauges, each with its help, the name of its label, and its values now by the label."""


class Spoken:
    """What is counted of speech, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.segments = Counter(
            "earwitness_segments", "Segments given out: of recordings, or live", ["of"], registry=registry
        )
        self.speech = Counter(
            "earwitness_speech_seconds", "Seconds of speech in those segments", ["of"], registry=registry
        )
        self.rtf = Histogram(
            "earwitness_asr_rtf",
            "Seconds of work for a second of a recording",
            buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.latency = Histogram(
            "earwitness_caption_latency_seconds",
            "From the end of a live utterance to the last of its text",
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=registry,
        )
        self.dropped = Counter(
            "earwitness_dropped_audio_seconds",
            "Live sound that was not listened to",
            ["reason"],
            registry=registry,
        )


class Metrics:
    """The process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "earwitness_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "earwitness_request_seconds",
            "Time to answer a request",
            ["route"],
            buckets=(0.005, 0.05, 0.25, 1, 2.5, 10, 60, 300, 1800),
            registry=self.registry,
        )
        self.audio = Counter(
            "earwitness_audio_seconds", "Seconds of sound transcribed", ["model"], registry=self.registry
        )
        self.work = Counter("earwitness_work_seconds", "Seconds spent transcribing", ["model"], registry=self.registry)
        self.words = Counter("earwitness_words", "Words given out", ["model"], registry=self.registry)
        self.suppressed = Counter(
            "earwitness_suppressed", "Stretches whose text was held back", ["reason"], registry=self.registry
        )
        self.fallbacks = Counter(
            "earwitness_fallbacks",
            "Recordings for which a preferred engine could not be loaded or broke",
            ["model"],
            registry=self.registry,
        )
        self.loads = Counter("earwitness_loads", "Models loaded", ["model"], registry=self.registry)
        self.load_seconds = Counter(
            "earwitness_load_seconds", "Seconds spent loading models", ["model"], registry=self.registry
        )
        self.unloads = Counter(
            "earwitness_unloads",
            "Models unloaded: idle, evicted, or asked for",
            ["model", "reason"],
            registry=self.registry,
        )
        self.crashes = Counter(
            "earwitness_engine_crashes", "Isolated engines whose process ended", ["engine"], registry=self.registry
        )
        self.failures = Counter("earwitness_failures", "Recordings that failed", ["code"], registry=self.registry)
        self.shared = Counter(
            "earwitness_shared_uploads",
            "Uploads that joined an identical one in work",
            registry=self.registry,
        )

        self.live_ended = Counter("earwitness_live_ended", "Live sessions that ended", ["how"], registry=self.registry)
        self.live_seconds = Counter("earwitness_live_seconds", "Seconds of live sessions", registry=self.registry)
        self.events = Counter(
            "earwitness_events_told", "Events sent to browsers and other clients", ["topic"], registry=self.registry
        )
        self.spoken = Spoken(self.registry)
        self.deliveries = Counter(
            "earwitness_deliveries",
            "Tries to tell a hook: sent, or missed",
            ["target", "result"],
            registry=self.registry,
        )
        Info("earwitness_build", "The version", registry=self.registry).info({"version": __version__})
        self.writes = Counter("earwitness_archive_writes", "Transactions of the archive", registry=self.registry)

    def session_ended(self, how: str, after_s: float) -> None:
        """A live session is over."""
        self.live_ended.labels(how).inc()
        self.live_seconds.inc(after_s)

    def delivered(self, target: str, result: str) -> None:
        """A hook was told something, or was not."""
        self.deliveries.labels(target, result).inc()

    def watch_labelled(self, gauges: Labelled) -> None:
        """Add gauges with a label that are read at each scrape."""
        self.registry.register(_Labelled(gauges))

    def watch(self, gauges: Gauges) -> None:
        """Add gauges that are read at each scrape."""
        self.registry.register(_Watched(gauges))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Watched(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    @override
    def collect(self) -> Iterable[Metric]:
        for name, (about, value) in self._gauges().items():
            yield GaugeMetricFamily(name, about, value=value)


class _Labelled(Collector):
    def __init__(self, gauges: Labelled) -> None:
        self._gauges = gauges

    @override
    def collect(self) -> Iterable[Metric]:
        for name, (about, label, values) in self._gauges().items():
            found = GaugeMetricFamily(name, about, labels=[label])
            for of, value in values.items():
                found.add_metric([of], value)
            yield found


def named(**idents: str) -> AbstractContextManager[None]:
    """Put ids into every line that is logged inside, also by tasks and threads that are begun there."""
    return structlog.contextvars.bound_contextvars(**idents)


def name(**idents: str) -> None:
    """Put ids into every line of this task from here on."""
    structlog.contextvars.bind_contextvars(**idents)


def logger(level: str, style: str, tail: Tail | None = None) -> structlog.typing.FilteringBoundLogger:
    """A structured logger that writes to standard error: one JSON object a line, or text for people.

    A `tail` keeps the last lines too.
    """
    rendered: list[Any] = [structlog.processors.format_exc_info]  # never with locals: they hold what was said
    if style == "json":
        rendered.append(structlog.processors.JSONRenderer())
    else:
        colours = sys.stderr.isatty()
        plain = structlog.dev.plain_traceback
        rendered.append(structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain))
    found: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,  # the ids of the request, the job and the session at work
            structlog.processors.add_log_level,
            *([tail] if tail else []),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    )
    return found
