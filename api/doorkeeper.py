"""Refuses requests unread where the process has all that it can answer in time.

A process that signs in, routes and explains each refusal spends on refusing what it needs for
answering: at three times the load a refusal may cost no more than a twentieth of an answer.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from api.door import Door, credential
from api.glancing import plain
from api.heads import BoundedHeads, origin_form
from api.places import PLACE, Place
from api.unread import unread
from write_model.kernel.errors import Overloaded

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn._types import ASGI3Application, HTTPScope
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

CUT = "tallystick.cut"
"""Where a stream finds how to end its connection under an answer that nobody reads."""


class Doorkeeper(BoundedHeads):
    """The server's own protocol, with somebody at the door."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._door: Door = cast("FastAPI", self.config.app).state.budgets.door
        self._refusing = False
        self._refused_s = float("-inf")
        """When the last one was, on the loop's clock."""
        self._place: Place | None = None
        """Of the one that is running."""
        self._coming: Place | None = None
        """The same, while its body is on its way."""

    @property
    def is_in_head(self) -> bool:
        return not self._refusing and super().is_in_head

    @property
    def is_quiet(self) -> bool:
        return not self._refusing and super().is_quiet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it
        super().connection_made(transport)
        # By a setting, for what a proxy says of the scheme anybody could say.
        if cast("FastAPI", self.config.app).state.is_public_by_tls:
            self.scheme = "https"

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._place is not None:
            self._place.desert()

    def data_received(self, data: bytes) -> None:
        if not (self._door.is_crowded and self._is_refused_at_a_glance(data)):
            super().data_received(data)

    def timeout_keep_alive_handler(self) -> None:
        left_s = self._refused_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._close_later(left_s)
        else:
            super().timeout_keep_alive_handler()

    def on_headers_complete(self) -> None:
        if self._door.is_crowded and self._is_refused():
            self._refusing = True
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._refusing:
            self._received_bytes = 0
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refusing:
            self._refuse()
            return
        super().on_message_complete()
        if self._coming is not None:
            self._coming.enter()
            self._coming = None

    def _is_refused_at_a_glance(self, data: bytes) -> bool:
        if not self._is_between or (asked := plain(data)) is None:
            return False
        gate = self._door.queries if asked.method == b"GET" else self._door.commands
        if self.server_state.default_headers or not self._door.keeps_out(gate, asked.credential):
            return False
        gate.refused += 1
        self._answer_refused(lasts=True)
        return True

    @property
    def _is_between(self) -> bool:
        """Whether all that has come was whole, and is answered."""
        before = self._newest
        is_answered = before is None or (before.response_complete and not before.more_body)
        return is_answered and not (self._received_bytes or self._refusing or self.is_in_head)

    def _is_refused(self) -> bool:
        """Not what waits for an answer on the same connection: answers keep their order.

        Who waits to be told to send his body is told so inside, at whatever it costs.
        """
        assert self.parser is not None
        path = unquote(origin_form(self.url).decode("latin-1"))
        gate = self._door.gate(self.parser.get_method().decode(), path)
        before = self._newest
        is_next = before is None or before.response_complete
        if gate is None or not is_next or self.expect_100_continue:
            return False
        if not self._door.keeps_out(gate, credential(self.headers)):
            return False
        gate.refused += 1
        return True

    def _refuse(self) -> None:
        self._end_of_refused()
        assert self.parser is not None
        lasts = (
            self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
            and not self.server_state.default_headers  # By which a process that leaves says so.
        )
        self._answer_refused(lasts=lasts)

    def _answer_refused(self, *, lasts: bool) -> None:
        self.transport.write(_REFUSALS[lasts, self.scheme == "https"])
        if not lasts:
            self.transport.close()
        elif self.flow.write_paused:
            self.transport.abort()  # Who asks on and on without reading would fill the memory.
        else:
            self._stay()

    def _stay(self) -> None:
        """A timer that runs is left alone: to set another one costs as much as to refuse."""
        self._refused_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._close_later(self.timeout_keep_alive)

    def _close_later(self, wait_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(wait_s, self.timeout_keep_alive_handler)

    def _end_of_refused(self) -> None:
        self._refusing, self._received_bytes = False, 0
        before = self._newest
        # As if it had never come: else the connection seems to wait for the rest of it.
        self.scope = cast("HTTPScope", None if before is None else before.scope)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """As the server does it; whoever goes away is counted until his request has ended."""
        self._unset_keepalive_if_required()  # Of a refusal that came with it.
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._place = None
        gate = self._door.gate(cycle.scope["method"], cycle.scope["path"])
        if gate is not None:
            self._place = self._given(Place(gate, task), cycle)
            task.add_done_callback(self._place.let_out)
        else:
            cast("dict[str, object]", cycle.scope)[CUT] = partial(_cut, cycle)

    def _given(self, place: Place, cycle: RequestResponseCycle) -> Place:
        cast("dict[str, object]", cycle.scope)[PLACE] = place
        # At once: else many who come together would each find a place free.
        if (tenant := self._door.tenant_of(credential(cycle.scope["headers"]))) is not None:
            place.claim(tenant)
        if cycle.more_body:
            self._coming = place
        else:
            place.enter()
        return place


def _cut(cycle: RequestResponseCycle) -> None:
    if not cycle.response_complete:
        cycle.transport.abort()


_REFUSALS = {
    (lasts, encrypted): unread(Overloaded(), lasts=lasts, encrypted=encrypted)
    for lasts in (True, False)
    for encrypted in (True, False)
}
"""Made once: all of them are the same."""
