"""Traces through the message headers, when a collector is configured; otherwise nothing is recorded.

The trace of a request goes on in everything that it causes: the outbox keeps its `traceparent` beside the message.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pressroom.contracts.cloudevents import TRACE_HEADER

from .settings import Settings

_propagator = TraceContextTextMapPropagator()


def configure(settings: Settings, service: str) -> None:
    """Export this process's spans to the configured collector."""
    if settings.otlp_endpoint is None:
        return
    # Imported only when it is used: the exporter costs a resting service 20 MB.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({SERVICE_NAME: f"pressroom-{service}"}))
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


def tracer() -> Tracer:
    return trace.get_tracer("pressroom")


def traceparent() -> str | None:
    """The current span as a W3C `traceparent`, or None outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACE_HEADER)


@contextmanager
def continued(name: str, headers: Mapping[str, str] | None) -> Generator[None]:
    """A span that belongs to the trace that a message came with."""
    context = _propagator.extract(dict(headers or {}))
    with tracer().start_as_current_span(name, context=context):
        yield
