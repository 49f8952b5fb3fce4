"""Refuses requests unread where the process has all that it can answer in time.

A process that signs in, routes and explains each refusal spends on refusing what it needs for
answering: at three times the load a refusal may cost no more than a twentieth of an answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.door import Door, Place
from api.guarding import guard
from api.problems import problem
from api.requests import PLACE
from write_model.kernel.errors import Overloaded

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn._types import ASGI3Application


class Doorkeeper(HttpToolsProtocol):
    """The server's own protocol, with somebody at the door."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._door: Door = cast("FastAPI", self.config.app).state.budgets.door
        self._refusing = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # By a setting, for what a proxy says of the scheme anybody could say.
        if cast("FastAPI", self.config.app).state.is_public_by_tls:
            self.scheme = "https"

    def on_headers_complete(self) -> None:
        if self._door.is_crowded and self._is_refused():
            self._refusing = True
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refusing:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refusing:
            self._refusing = False
            self._refuse()
        else:
            super().on_message_complete()

    def _is_refused(self) -> bool:
        """Not what waits for an answer on the same connection: answers keep their order.

        Who waits to be told to send his body is told so inside, at whatever it costs.
        """
        assert self.parser is not None
        gate = self._door.gate(self.parser.get_method().decode(), self.url)
        before = cast("RequestResponseCycle | None", self.cycle)
        is_next = before is None or before.response_complete
        if gate is None or not is_next or self.expect_100_continue:
            return False
        if not (
            gate.is_full
            or (gate.at_share and gate.has_its_share(self._door.tenant_of(self.headers)))
        ):
            return False
        gate.refused += 1
        return True

    def _refuse(self) -> None:
        assert self.parser is not None
        lasts = self.parser.should_keep_alive() and self.parser.get_http_version() == "1.1"
        self.transport.write(_REFUSALS[lasts, self.scheme == "https"])
        if not lasts:
            self.transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """As the server does it; whoever goes away is counted until his request has ended."""
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        gate = self._door.gate(cycle.scope["method"], cycle.scope["raw_path"])
        if gate is not None:
            place = Place(gate)
            cast("dict[str, object]", cycle.scope)[PLACE] = place
            # At once: else many who come together would each find a place free.
            if (tenant := self._door.tenant_of(cycle.scope["headers"])) is not None:
                place.claim(tenant)
            task.add_done_callback(place.let_out)


def _written(*, lasts: bool, encrypted: bool) -> bytes:
    answer = problem(Overloaded())
    headers = list(answer.raw_headers)
    guard(headers, encrypted=encrypted)
    if not lasts:
        headers.append((b"connection", b"close"))
    lines = [b"%b: %b" % header for header in headers]
    return b"\r\n".join([b"HTTP/1.1 503 Service Unavailable", *lines, b"", bytes(answer.body)])


_REFUSALS = {
    (lasts, encrypted): _written(lasts=lasts, encrypted=encrypted)
    for lasts in (True, False)
    for encrypted in (True, False)
}
"""Made once: all of them are the same."""
