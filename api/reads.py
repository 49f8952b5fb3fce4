"""What every read shares: waiting for one's own writes, validators, and sealed values opened."""

from typing import NamedTuple
from urllib.parse import quote

from fastapi import Request, Response

from api.accesses import PERSONAL, shown
from api.packing import Packed
from api.process import Process
from api.request_headers import asked_position
from write_model.kernel.access import Actor
from write_model.kernel.errors import Invalid

JSON = "application/json"
MOST, USUAL = 500, 100

_SEALED = b'"commitment":'
"""Stands in every sealed value, and in free text only with its quotes escaped."""


class Shown(NamedTuple):
    """The position that an answer shows; None where that is told of none."""

    position: int | None
    stale: bool

    def answer(self, body: bytes, etag: str | None = None, link: str | None = None) -> Response:
        """The answer; a stale one says so and is never taken for the one that was asked for."""
        headers: dict[str, str] = {}
        if self.position is not None:
            headers["X-Position"] = str(self.position)
        if etag is not None and not self.stale:
            headers["ETag"] = etag
        if link is not None:
            headers["Link"] = f'<{link}>; rel="next"'
        content = b'%b,"stale":true}' % body[:-1] if self.stale else body
        return Packed(content, 200, headers, JSON)


async def caught_up(at: Process, request: Request, actor: Actor, until: int = 0) -> Shown:
    """Wait, within bounds, for the position that the caller wants to see, and for `until`."""
    wanted = max(asked_position(request), until)
    if not wanted:
        return Shown(None, stale=False)
    applied = await at.questions.positions.wait_for(
        actor.tenant, wanted, bound_s=at.settings.read_wait_s
    )
    return Shown(applied.position, applied.stale)


async def opened(at: Process, request: Request, actor: Actor, content: bytes) -> bytes:
    """The JSON with sealed values shown as this caller may see them, which is written down."""
    if _SEALED not in content:
        return content
    if actor.may_within(PERSONAL):
        shown(request, actor, PERSONAL)
    return await at.identity.rim.open_sealed(content, actor)


def limit_of(request: Request, *, usual: int = USUAL) -> int:
    """Raises: Invalid."""
    text = request.query_params.get("limit", str(usual))
    if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST:
        raise Invalid(f"Ask for 1 to {MOST} items.", field="limit")
    return int(text)


def only(request: Request, *known: str) -> None:
    """Raises: Invalid for a parameter that means nothing here, so that no typing error passes."""
    for name in request.query_params:
        if name not in known and name != "min_position":
            others = f"it is not one of {', '.join(known)}" if known else "there are none here"
            raise Invalid(f"Leave the parameter {name} out: {others}.", field=name)


def next_page(request: Request, cursor: str | None) -> str | None:
    """The address of the next page, with the same question."""
    if cursor is None:
        return None
    # Not by the framework's URL, which is taken apart and put together for it (50 µs, measured).
    asked = request.scope["query_string"].decode("latin-1").split("&")
    kept = [each for each in asked if each and not each.startswith("cursor=")]
    return f"{request.scope['path']}?{'&'.join([*kept, f'cursor={quote(cursor)}'])}"
