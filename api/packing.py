"""Large answers, packed with gzip for whoever takes it."""

from __future__ import annotations

import asyncio
import gzip
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

VARY = "Accept-Encoding"

# 60 µs however little there is (measured): a twentieth of a read, for a packet or two.
WORTH_IT_BYTES = 8 * 1024
# 0.5 ms for 100 KB of incidents (measured): above that, others need not wait for it.
_ASIDE_BYTES = 100 * 1024
# Level 6 takes nearly three times as long and makes a list a sixth smaller (measured).
_LEVEL = 1
_PACKED = ".gz"


class Packed(Response):
    """An answer that is packed where it is worth it.

    Only for what holds no secret: the length of what is packed tells of what is in it (BREACH).
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.raw_headers.append((b"vary", b"Accept-Encoding"))
        if len(self.body) >= WORTH_IT_BYTES and takes_gzip(_asked(scope)):
            await self._pack()
        await super().__call__(scope, receive, send)

    async def _pack(self) -> None:
        content = bytes(self.body)
        if len(content) >= _ASIDE_BYTES:
            self.body = await asyncio.to_thread(_packed, content)
        else:
            self.body = _packed(content)
        self.headers["Content-Encoding"] = "gzip"
        self.headers["Content-Length"] = str(len(self.body))
        if etag := self.headers.get("etag"):
            self.headers["ETag"] = packed_tag(etag)


def packed_tag(etag: str) -> str:
    """The ETag of the same answer when it is packed: other bytes need another (RFC 9110 8.8.3)."""
    return f'{etag[:-1]}{_PACKED}"'


@lru_cache(maxsize=256)
def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding prefers gzip to what is not packed (RFC 9110 12.5.3)."""
    weights = dict(_weight(each) for each in accepted.lower().split(",") if each.strip())
    gzip_ = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip_ > 0 and gzip_ >= weights.get("identity", 0.0)


def _weight(element: str) -> tuple[str, float]:
    """What cannot be read is not wanted."""
    coding, _, parameter = element.partition(";")
    name, _, weight = parameter.partition("=")
    if name.strip() not in ("", "q"):
        return coding.strip(), 0.0
    try:
        return coding.strip(), float(weight) if parameter.strip() else 1.0
    except ValueError:
        return coding.strip(), 0.0


def _asked(scope: Scope) -> str:
    return ", ".join(Headers(scope=scope).getlist("accept-encoding"))


def _packed(content: bytes) -> bytes:
    # No time inside: the same answer is the same bytes.
    return gzip.compress(content, _LEVEL, mtime=0)
