"""Traces by OpenTelemetry: a request, the recording it had transcribed, the clips of it that waited in a lane.

Off unless the environment names a collector (OTEL_EXPORTER_OTLP_ENDPOINT): without one nothing is imported and nothing
measured. Spans hold identifiers and numbers only, as logs do. Our tracer is not the process's: what libraries measure
by themselves holds addresses with their queries, and keys among them.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from earwitness.__about__ import __version__
from earwitness.errors import Missing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

T = TypeVar("T")

TRACER: ContextVar["Tracer | None"] = ContextVar("tracer", default=None)
COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"


def wanted() -> bool:
    """Whether a collector is named."""
    return bool(os.environ.get(COLLECTOR))


@contextmanager
def exporting(exporter: "SpanExporter | None" = None) -> Iterator[None]:
    """Send spans to an exporter, or to the collector that the environment names; at the end what is left of them.

    Without either nothing is done. Raises Missing without OpenTelemetry's packages.
    """
    if exporter is None and not wanted():
        yield
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise Missing(
            f"{COLLECTOR} is set, and OpenTelemetry is not installed", remedy="pip install 'earwitness[otel]'"
        ) from error
    name = os.environ.get("OTEL_SERVICE_NAME", "earwitness")
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(exporter or collector()))
    before = TRACER.set(provider.get_tracer("earwitness"))
    try:
        yield
    finally:
        TRACER.reset(before)
        provider.shutdown()


def collector() -> "SpanExporter":
    """What sends to the collector that the environment names. Raises Missing."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise Missing("the exporter of traces is not installed", remedy="pip install 'earwitness[otel]'") from error
    return OTLPSpanExporter()


@contextmanager
def span(name: str, carrier: Mapping[str, str] | None = None, **facts: str | float) -> Iterator[dict[str, Any]]:
    """Measure what is done inside; facts may be added to what this gives.

    `carrier` are headers that may name the span of another program to which this one belongs.
    """
    added = dict[str, Any](facts)
    if (tracer := TRACER.get()) is None:
        yield added
        return
    from opentelemetry import propagate

    above = propagate.extract(carrier) if carrier is not None else None
    with tracer.start_as_current_span(name, context=above, record_exception=False) as here:
        try:
            yield added
        finally:
            here.set_attributes(added)


def followed(name: str, future: "Future[T]", **facts: str | float) -> "Future[T]":
    """Measure from now on until a future is done."""
    if (tracer := TRACER.get()) is not None:
        here = tracer.start_span(name, attributes=facts)
        future.add_done_callback(lambda _: here.end())
    return future
