"""Whether this process tells of its spans: nothing is loaded unless a collector is named."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from write_model.kernel.settings import Settings

if TYPE_CHECKING:
    from write_model.kernel.tracing import Tracing


class TracingMissing(Exception):
    """A collector is named and what sends to it is not installed."""


def tracing_if_wanted(settings: Settings, service: str) -> Tracing | None:
    """`service`: which of our processes this is, such as `api`.

    Raises: TracingMissing.
    """
    if not settings.otlp_endpoint:
        return None
    if find_spec("opentelemetry.exporter") is None:
        raise TracingMissing(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and tallystick[otel] is not installed: install it"
            " beside Tallystick, or take the variable away."
        )
    from write_model.kernel.tracing import tracing_of

    return tracing_of(settings, service)
