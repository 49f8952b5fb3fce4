"""Requests to one Tallystick server: signed in, repeated until answered, never twice in effect."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from workers.importing.connection import Answer, Connection, Origin
from workers.importing.pace import Pace
from write_model.kernel.errors import DomainError

_BUSY = frozenset({429, 502, 503, 504})
_AGAIN = frozenset({"conflict", "idempotency_in_progress"})
_PROBLEM = TypeAdapter(dict[str, Any])
_CHANGED = (
    "If its password was changed, put the new one into first-login.json in the home, "
    "or take that file away and put a token into TALLYSTICK_TOKEN. "
    "The first one ends after seven days: ./tallystick reset-password lets you set another."
)


class ImportStopped(DomainError):
    """The import cannot go on; its message says what to do next."""

    code = "import_stopped"


@dataclass(frozen=True, slots=True)
class Login:
    """An e-mail and its password: they renew the token that lasts ten minutes."""

    email: str
    password: str

    def refused(self, why: str, *, status: int) -> str:
        """A sentence for whom the server turned down; `why` is the server's."""
        hint = f" {_CHANGED}" if status == 401 else ""
        return f"The sign-in of {self.email} was refused: {why}{hint}"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token or API key that was handed in and cannot be renewed."""

    text: str


class Session:
    """Gives every connection the same sign-in and the same pace."""

    longest_pause_s: ClassVar[float] = 2.0

    def __init__(
        self,
        origin: Origin,
        credentials: Login | Token,
        *,
        in_flight: int = 32,
        patience_s: float = 120.0,
    ) -> None:
        """`patience_s`: how long one request is repeated while nobody answers it."""
        self._origin = origin
        self._credentials = credentials
        self._patience_s = patience_s
        self._pace = Pace(in_flight)
        self._signing_in = asyncio.Lock()
        self._authorization = b""
        self._renew_at = 0.0

    def connection(self) -> Connection:
        return Connection(self._origin)

    async def ask(
        self, connection: Connection, method: str, path: str, body: Any = None, *, key: str = ""
    ) -> Answer:
        """The server's answer, whatever it says, once it has one.

        `key` (Idempotency-Key) makes it safe that a request is repeated after a lost connection.
        Raises: ImportStopped when nobody answers for too long or the sign-in is refused.
        """
        content = b"" if body is None else to_json(body)
        renewed = False
        while True:
            await self._signed_in(connection)
            sent_with = self._authorization
            answer = await self._repeated(connection, method, path, content, key)
            if answer.status != 401 or renewed:
                return answer
            await self._renew(connection, refused=sent_with)
            renewed = True

    async def _repeated(
        self, connection: Connection, method: str, path: str, content: bytes, key: str
    ) -> Answer:
        request = self._request(method, path, content, key)
        give_up_at, tries = monotonic() + self._patience_s, 0
        while True:
            answer = await self._tried(connection, request)
            if isinstance(answer, Answer) and not _asks_to_repeat(answer):
                return answer
            if monotonic() > give_up_at:
                raise ImportStopped(self._silence(answer))
            await asyncio.sleep(_pause_s(answer, tries, longest_s=self.longest_pause_s))
            tries += 1

    async def _tried(self, connection: Connection, request: bytes) -> Answer | OSError:
        busy = False
        await self._pace.turn()
        try:
            answer = await connection.ask(request)
        except OSError as error:
            return error
        else:
            busy = answer.status in _BUSY
            return answer
        finally:
            self._pace.over(busy=busy)

    def _request(self, method: str, path: str, content: bytes, key: str) -> bytes:
        head = (
            f"{method} {self._origin.prefix}{path} HTTP/1.1\r\nHost: {self._origin.authority}\r\n"
        )
        if content:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        if key:
            head += f"Idempotency-Key: {key}\r\n"
        return b"".join((head.encode(), self._authorization, b"\r\n", content))

    async def _signed_in(self, connection: Connection) -> None:
        if not self._authorization or monotonic() > self._renew_at:
            await self._renew(connection, refused=self._authorization)

    async def _renew(self, connection: Connection, *, refused: bytes) -> None:
        """Get another token than the refused one; of many callers the first does it for all."""
        async with self._signing_in:
            if self._authorization != refused or (refused and isinstance(self._credentials, Token)):
                return
            token, lasts_s = await self._new_token(connection)
            self._authorization = f"Authorization: Bearer {token}\r\n".encode()
            # A fifth of its life is left for requests that are repeated for a while.
            self._renew_at = monotonic() + 0.8 * lasts_s

    async def _new_token(self, connection: Connection) -> tuple[str, float]:
        if isinstance(self._credentials, Token):
            return self._credentials.text, float("inf")
        fields = {"email": self._credentials.email, "password": self._credentials.password}
        self._authorization = b""
        answer = await self._repeated(connection, "POST", "/v1/auth/token", to_json(fields), "")
        if not answer.ok:
            raise ImportStopped(self._credentials.refused(detail(answer), status=answer.status))
        told = from_json(answer.body)
        return told["access_token"], float(told["expires_in"])

    def _silence(self, last: Answer | OSError) -> str:
        why = f"{last.status} {detail(last)}" if isinstance(last, Answer) else str(last)
        return (
            f"No answer from {self._origin.authority} for {self._patience_s:.0f} s ({why}). "
            "Is `tallystick up` running there? The same command goes on where this one stopped."
        )


def detail(answer: Answer) -> str:
    """The sentence of a problem document (RFC 9457), or the status when there is none."""
    problem = _problem(answer)
    return str(problem.get("detail") or problem.get("title") or f"status {answer.status}")


def code(answer: Answer) -> str:
    """The stable code of a problem document; empty when there is none."""
    return str(_problem(answer).get("code", ""))


def _problem(answer: Answer) -> dict[str, Any]:
    try:
        return _PROBLEM.validate_json(answer.body)
    except ValidationError:
        return {}


def _asks_to_repeat(answer: Answer) -> bool:
    return answer.status in _BUSY or (answer.status == 409 and code(answer) in _AGAIN)


def _pause_s(answer: Answer | OSError, tries: int, *, longest_s: float) -> float:
    # Spread out, or all that were refused together would come back together.
    backoff = min(longest_s, 0.05 * 2 ** min(tries, 10)) * random.uniform(0.5, 1.0)
    return answer.retry_after_s(backoff) if isinstance(answer, Answer) else backoff
