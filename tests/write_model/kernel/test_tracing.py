"""Spans of the log's own: what they belong to, and what happens where they cannot be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from tests.embedded import Database
from write_model.kernel import traced
from write_model.kernel.errors import Overloaded
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.recorded_event import Append, RecordedEvent
from write_model.kernel.store.traced import TracedCommit
from write_model.kernel.traced import TracingMissing, tracing_if_wanted
from write_model.kernel.tracing import Tracing

COMMAND, CORRELATION, CAUSE = UUID(int=0xC0), UUID(int=0xC1), UUID(int=0xC2)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def tracing() -> Iterator[Tracing]:
    tracing = Tracing(NOWHERE, service="api", share=1.0)
    yield tracing
    tracing.close()


def leak(causation: UUID | None) -> RecordedEvent:
    return RecordedEvent(
        UUID(int=1),
        1,
        "forklift.leaked",
        b"{}",
        command=COMMAND,
        correlation=CORRELATION,
        causation=causation,
    )


@pytest.mark.parametrize("causation", [None, CAUSE], ids=["begun", "caused"])
def test_a_commands_span_has_its_ids(tracing: Tracing, causation: UUID | None) -> None:
    span = tracing.append([leak(causation)])
    told = span.get_span_context()
    assert (told.trace_id, told.span_id) == (CORRELATION.int, COMMAND.int)
    attributes = cast("ReadableSpan", span).attributes or {}
    assert attributes.get("tallystick.causation_id") == (str(CAUSE) if causation else None)


async def test_what_is_refused_at_the_door_ends_its_span_too(
    tracing: Tracing, settings: Settings, database: Database
) -> None:
    full = settings.model_copy(update={"append_queue_rows_per_tenant": 0})
    log = TracedCommit(database.conninfo(APP), full, tracing)
    with pytest.raises(Overloaded):
        log.queued(Append((leak(None),)))
    await asyncio.to_thread(tracing.close)
    await log.close()


def test_where_the_extra_is_missing_it_is_said_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traced, "find_spec", _found_nowhere)
    wanted = settings.model_copy(update={"otlp_endpoint": NOWHERE})
    with pytest.raises(TracingMissing, match=r"tallystick\[otel\] is not installed"):
        tracing_if_wanted(wanted, "api")
    assert tracing_if_wanted(settings, "api") is None


def _found_nowhere(_name: str) -> None:
    """As where nobody installed it."""
