"""Spans of one process, sent to a collector: from a request to its commit and to what is shown.

Loaded only where a collector is named. A trace and the correlation id of the events are one: its
128 bits are the UUID's, and the span of an append has the low 64 bits of the command's id. So the
projector, which knows nothing but the events, goes on with the trace of whoever asked.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from write_model.kernel.messages import Recorded
from write_model.kernel.settings import Settings

_SEND_S = 2.0
_NOTHING = context.Context()
_SPAN_BITS = (1 << 64) - 1
_CORRELATION, _COMMAND, _CAUSATION = (
    f"tallystick.{name}_id" for name in ("correlation", "command", "causation")
)

_trace_id: ContextVar[int] = ContextVar("trace_id", default=0)
_span_id: ContextVar[int] = ContextVar("span_id", default=0)


class Caused(Protocol):
    """What belongs to a command and to what that was part of."""

    @property
    def command(self) -> UUID: ...
    @property
    def correlation(self) -> UUID: ...
    @property
    def causation(self) -> UUID | None: ...


class Row(Caused, Protocol):
    """What a span tells of an event that is about to be written."""

    @property
    def originator_id(self) -> UUID | str: ...
    @property
    def topic(self) -> str: ...


class _Ids(IdGenerator):
    """Those that are given, once each, and others at random."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        return _trace_id.get() or self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        return _span_id.get() or self._random.generate_span_id()


class Tracing:
    """Makes spans and sends them from a thread of its own; what cannot be sent is given up."""

    def __init__(self, endpoint: str, *, service: str, share: float) -> None:
        """`share`: of the traces, from 0 to 1; every process chooses the same ones."""
        # By the trace's id alone: what a client says of sampling costs an operator nothing.
        self._sampler, self._ids = TraceIdRatioBased(share), _Ids()
        self._provider = TracerProvider(
            sampler=self._sampler,
            resource=Resource.create({"service.name": f"tallystick-{service}"}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        url = f"{endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(url, timeout=_SEND_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tallystick")
        self._parents = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Send what is left, within some seconds."""
        self._provider.shutdown()

    def is_wanted(self, trace_id: int) -> bool:
        """As the library decides; asked first, as a span that is not kept costs half of one."""
        return trace_id & self._sampler.TRACE_ID_LIMIT < self._sampler.bound

    @contextmanager
    def request(self, carrier: Mapping[str, str], correlation: UUID | None) -> Generator[Span]:
        """A request's span: of the caller's trace (W3C `traceparent`), else of `correlation`."""
        above = self._parents.extract(carrier, context.Context()) if carrier else _NOTHING
        trace_id = trace.get_current_span(above).get_span_context().trace_id or (
            correlation.int if correlation else self._ids.generate_trace_id()
        )
        if not self.is_wanted(trace_id):
            yield _left_out(trace_id)
            return
        given = _trace_id.set(trace_id)
        span = self._tracer.start_span("request", above, SpanKind.SERVER)
        _trace_id.reset(given)
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            yield span

    def append(self, rows: Sequence[Row]) -> Span:
        """The span of a command's way into the log; whoever starts it ends it."""
        first = rows[0]
        if not self.is_wanted(first.correlation.int):
            return trace.INVALID_SPAN
        above, links = _above(first)
        span_id = _span_id.set(first.command.int & _SPAN_BITS)
        trace_id = _trace_id.set(first.correlation.int)
        span = self._tracer.start_span(
            "append", above, SpanKind.PRODUCER, attributes=_told_of(first), links=links
        )
        _trace_id.reset(trace_id)
        _span_id.reset(span_id)
        span.set_attribute("tallystick.events", [row.topic for row in rows])
        span.set_attribute("tallystick.stream_id", str(first.originator_id))
        return span

    def shown(self, events: Sequence[Recorded]) -> None:
        """One span for each command: from when it was recorded until now, when it is shown."""
        now = time.time_ns()
        commands = {e.command: e for e in events if self.is_wanted(e.correlation.int)}
        for event in commands.values():
            self._show(event, until=now)

    def _show(self, event: Recorded, *, until: int) -> None:
        appended = NonRecordingSpan(_appended(event))
        span = self._tracer.start_span(
            "project",
            trace.set_span_in_context(appended, context.Context()),
            SpanKind.CONSUMER,
            attributes=_told_of(event),
            links=[Link(_appended(event))],
            start_time=int(event.recorded_at.timestamp() * 1e9),
        )
        span.end(until)


def _left_out(trace_id: int) -> Span:
    """Knows its trace, which the events keep, and nothing else."""
    return NonRecordingSpan(SpanContext(trace_id, 0, is_remote=False))


def _above(row: Row) -> tuple[context.Context | None, list[Link]]:
    """None for the request's own context; a trace of another correlation is only linked to."""
    asked = trace.get_current_span().get_span_context()
    if asked.trace_id == row.correlation.int:
        return None, []
    return context.Context(), [Link(asked)] if asked.is_valid else []


def _appended(event: Recorded) -> SpanContext:
    return SpanContext(
        event.correlation.int,
        event.command.int & _SPAN_BITS,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _told_of(event: Caused) -> dict[str, str]:
    told = {_COMMAND: str(event.command), _CORRELATION: str(event.correlation)}
    if event.causation is not None:
        told[_CAUSATION] = str(event.causation)
    return told


def tracing_of(settings: Settings, service: str) -> Tracing:
    return Tracing(settings.otlp_endpoint, service=service, share=settings.tracing_share)
