"""A trace leads from a request over its commit to what is shown, and costs nothing when off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.types import Receive, Scope, Send
from websockets.exceptions import InvalidStatus

from api.app import create_app
from api.tracing import Traced
from tests.acceptance.searching import Search
from tests.api.pushing.test_server_sent import events, next_event
from tests.api.serving import LEAK, Served, Somebody, serving
from tests.api.test_stream import following, next_message
from tests.embedded import until
from tests.house.files import CHECKOUT
from workers.projector.running import run
from write_model.kernel.access import Role
from write_model.kernel.ids import new_id
from write_model.kernel.settings import TAILER, Settings
from write_model.kernel.traced import tracing_if_wanted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


class Collector:
    """Takes spans over OTLP/HTTP as any collector does."""

    def __init__(self, server: HTTPServer) -> None:
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        self.received: list[bytes] = []

    def spans(self) -> list[dict[str, Any]]:
        return [
            _told(span, resource.resource.attributes)
            for content in list(self.received)
            for resource in ExportTraceServiceRequest.FromString(content).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def of(self, trace: str, *names: str) -> dict[str, dict[str, Any]]:
        """The spans of a trace by name, once all that are named have come."""

        def found() -> dict[str, dict[str, Any]]:
            return {span["name"]: span for span in self.spans() if span["trace"] == trace}

        until(lambda: found().keys() >= set(names), f"{names} have come")
        return found()

    def stream(self, status: int) -> dict[str, Any]:
        """The span of the stream that was answered so, once it has come."""

        def found() -> list[dict[str, Any]]:
            streams = [span for span in self.spans() if span["name"] == "GET /v1/stream"]
            answered = "http.response.status_code"
            return [each for each in streams if each["attributes"].get(answered) == status]

        until(lambda: bool(found()), f"a stream's span with {status}")
        return found()[0]


def _told(span: Any, resource: Any) -> dict[str, Any]:
    texts = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
    service = next(each for each in resource if each.key == "service.name").value.string_value
    return {
        "service": service,
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "links": [link.span_id.hex() for link in span.links],
        "took_ns": span.end_time_unix_nano - span.start_time_unix_nano,
        "status": span.status.code,
        "attributes": texts,
        "events": {
            event.name: {each.key: each.value.int_value for each in event.attributes}
            for event in span.events
        },
    }


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                taken.received.append(content)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    server = HTTPServer(("127.0.0.1", 0), Handler)
    taken = Collector(server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    return settings.model_copy(update={"otlp_endpoint": collector.endpoint})


@pytest.fixture
def projector(settings: Settings) -> Iterator[None]:
    """The real projector, as its process runs it where spans are wanted."""
    stop, tracing = threading.Event(), tracing_if_wanted(settings, "projector")
    assert tracing is not None
    conninfo = settings.conninfo(TAILER)
    work = partial(run, conninfo, holder=new_id(), stop=stop, on_shown=tracing.shown)
    thread = threading.Thread(target=work, name="projector")
    thread.start()
    yield
    stop.set()
    thread.join(10)
    tracing.close()


@pytest.fixture
async def traced(settings: Settings) -> AsyncGenerator[Somebody]:
    async with serving(settings) as served:
        yield await served.somebody(Role.OWNER)


@pytest.mark.usefixtures("projector")
async def test_a_trace_leads_from_the_request_to_what_is_shown(
    traced: Somebody, collector: Collector
) -> None:
    answer = await traced.post("/v1/incidents", LEAK, traceparent=f"00-{TRACE}-{CALLER}-01")
    assert answer.headers["X-Correlation-Id"] == str(UUID(TRACE))
    found = collector.of(TRACE, "POST /v1/incidents", "append", "project")
    request, append, project = (found[n] for n in ("POST /v1/incidents", "append", "project"))
    assert (request["parent"], append["parent"]) == (CALLER, request["id"])
    assert (project["parent"], project["links"]) == (append["id"], [append["id"]])
    assert [each["service"] for each in (request, append, project)] == [
        "tallystick-api",
        "tallystick-api",
        "tallystick-projector",
    ]
    assert all(each["took_ns"] > 0 for each in (request, append, project))
    assert request["attributes"]["http.response.status_code"] == 201
    same = {each["attributes"]["tallystick.correlation_id"] for each in found.values()}
    assert same == {str(UUID(TRACE))}
    command = append["attributes"]["tallystick.command_id"]
    assert project["attributes"]["tallystick.command_id"] == command


@pytest.mark.usefixtures("projector")
async def test_a_command_that_takes_the_lock_first_is_traced_alike(
    traced: Somebody, collector: Collector
) -> None:
    first, second = [(await traced.declares())["id"] for _ in range(2)]
    correlation = str(new_id())
    answer = await traced.post(
        f"/v1/incidents/{first}/merge", {"into": second}, X_Correlation_Id=correlation
    )
    assert answer.status_code == 200, answer.text
    trace = UUID(correlation).hex
    found = collector.of(trace, "POST /v1/incidents/{id}/merge", "append", "project")
    assert found["append"]["parent"] == found["POST /v1/incidents/{id}/merge"]["id"]
    assert found["project"]["parent"] == found["append"]["id"]


@pytest.mark.usefixtures("projector")
async def test_without_a_traceparent_the_correlation_id_is_the_trace(
    traced: Somebody, collector: Collector
) -> None:
    correlation = new_id()
    await traced.post("/v1/incidents", LEAK, X_Correlation_Id=str(correlation))
    collector.of(correlation.hex, "POST /v1/incidents", "append", "project")
    answer = await traced.post("/v1/incidents", LEAK)
    made = UUID(answer.headers["X-Correlation-Id"])
    found = collector.of(made.hex, "POST /v1/incidents", "append", "project")
    assert found["POST /v1/incidents"]["parent"] == ""


@pytest.mark.usefixtures("projector")
async def test_a_trace_of_another_correlation_is_linked_to(
    traced: Somebody, collector: Collector
) -> None:
    correlation, above = new_id(), f"00-{TRACE}-{CALLER}-01"
    await traced.post("/v1/incidents", LEAK, traceparent=above, X_Correlation_Id=str(correlation))
    asked = collector.of(TRACE, "POST /v1/incidents")["POST /v1/incidents"]
    found = collector.of(correlation.hex, "append", "project")
    assert (found["append"]["parent"], found["append"]["links"]) == ("", [asked["id"]])
    assert found["project"]["parent"] == found["append"]["id"]


async def test_a_span_names_the_route_and_nothing_that_was_sent(
    traced: Somebody, collector: Collector
) -> None:
    for path in ("/v1/incidents/Quillxandra?q=Quillxandra", "/Quillxandra"):
        answer = await traced.get(path)
        trace = UUID(answer.headers["X-Correlation-Id"]).hex
    found = collector.of(trace, "GET")
    assert found["GET"]["attributes"]["http.response.status_code"] == 404
    await traced.post("/v1/incidents", LEAK | {"injured": "Quillxandra"})
    until(
        lambda: {"append", "GET /v1/incidents/{id}"} <= {e["name"] for e in collector.spans()}, ""
    )
    names = Search("Quillxandra", traced.token)
    assert names.of([("spans", b"".join(collector.received))]) == []


async def test_a_stream_is_a_span_that_tells_how_far_its_client_got(
    served: Served, collector: Collector
) -> None:
    owner = await served.somebody(Role.OWNER)
    before = await owner.declares()
    start = {"tallystick.position": before["position"]}
    async with following(served, owner) as socket, events(served, owner) as coming:
        await next_event(coming)
        position = (await owner.declares())["position"]
        for told in (await next_message(socket), await next_event(coming)):
            assert told
        served.process.fan_out.dismiss()
        assert (await next_event(coming))["event"] == "end"
    reached = {"tallystick.position": position}
    ends = {
        "stream.begun": start,
        "stream.sent_away": {"tallystick.code": 1012, **reached},
        "stream.ended": reached,
    }
    for status in (101, 200):
        span = await asyncio.to_thread(collector.stream, status)
        assert span["events"] == ends
        assert span["took_ns"] > 0
    with pytest.raises(InvalidStatus):
        async with following(served, owner, "topics=weather"):
            pass
    assert (await asyncio.to_thread(collector.stream, 422))["events"] == {}


async def test_a_fault_of_ours_is_a_failed_span(
    served: Served, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await served.somebody(Role.OWNER)
    monkeypatch.setattr(type(served.process.write_model), "start", None)
    answer = await owner.post("/v1/incidents", LEAK)
    assert answer.status_code == 500
    trace = UUID(answer.headers["X-Correlation-Id"]).hex
    assert collector.of(trace, "POST /v1/incidents")["POST /v1/incidents"]["status"] == 2


async def test_a_request_that_is_cut_off_is_told_by_its_route(
    settings: Settings, collector: Collector
) -> None:
    async def cut_off(scope: Scope, _receive: Receive, _send: Send) -> None:
        route = SimpleNamespace(path="/v1/incidents")
        scope.update(request_id="cut", correlation_id=new_id(), route=route)
        raise asyncio.CancelledError

    async def nobody(*_: object) -> Any: ...

    tracing = tracing_if_wanted(settings, "api")
    assert tracing is not None
    scope: Scope = {"type": "http", "method": "GET", "headers": []}
    with pytest.raises(asyncio.CancelledError):
        await Traced(cut_off, tracing)(scope, nobody, nobody)
    await asyncio.to_thread(tracing.close)
    assert [span["name"] for span in collector.spans()] == ["GET /v1/incidents"]


async def test_of_a_share_every_process_chooses_the_same(
    settings: Settings, collector: Collector
) -> None:
    async with serving(settings.model_copy(update={"tracing_share": 0.0})) as served:
        owner = await served.somebody(Role.OWNER)
        assert (await owner.post("/v1/incidents", LEAK)).status_code == 201
    assert collector.spans() == []


async def test_a_collector_that_is_away_takes_nothing_from_anybody(settings: Settings) -> None:
    away = settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:9"})
    async with serving(away) as served:
        owner = await served.somebody(Role.OWNER)
        assert (await owner.post("/v1/incidents", LEAK)).status_code == 201


def test_without_a_collector_nothing_is_in_the_way(settings: Settings) -> None:
    off = settings.model_copy(update={"otlp_endpoint": ""})
    assert tracing_if_wanted(off, "api") is None
    assert not isinstance(create_app(off).build_middleware_stack(), Traced)


def test_without_a_collector_nothing_of_the_kind_is_loaded() -> None:
    code = (
        "import sys, api.serve, workers.projector.__main__;"
        "sys.exit(any(name.startswith('opentelemetry.exporter') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0
