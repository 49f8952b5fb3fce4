"""How many requests are let into the web process: past what can be answered in time, none.

And of these, how many of one organization: so that however much it asks, others come in.
"""

from __future__ import annotations

from collections.abc import Iterable

from api.places import Gate, Place
from write_model.kernel.recent import Recent

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CREDENTIAL = b"authorization"
_GUARDED, _STREAM, _GRAPHQL = "/v1/", "/v1/stream", "/v1/graphql"

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case, and values."""


class Door:
    """Commands and queries have gates of their own, so that neither keeps the other out.

    Of one width, for the wider one's would get more of the process than the others while both are
    full: 256 to 128 left reads 47 % of their peak and commands 120 % (measured, three times it).

    What is in flight bounds how long it takes: 384 together, at 2,000 a second, are a fifth of a
    second; a process that is four times as slow still keeps within one.
    """

    def __init__(self, *, commands: int = 192, queries: int = 192) -> None:
        self.commands, self.queries = Gate(commands), Gate(queries)
        self._tenants: Recent[int, int] = Recent(10_000)

    @property
    def is_crowded(self) -> bool:
        commands, queries = self.commands, self.queries
        return commands.is_full or queries.is_full or commands.at_share > 0 or queries.at_share > 0

    def claim(self, place: Place, tenant: int, headers: Headers) -> bool:
        """Who has asked once is known by his token before he is let in the next time."""
        if (presented := credential(headers)) is not None:
            self._tenants.remember(hash(presented), tenant)
        return place.claim(tenant)

    def tenant_of(self, presented: bytes | None) -> int | None:
        """Whose it is, if it has come before; a hash will do: nobody is let in by it."""
        return None if presented is None else self._tenants.get(hash(presented))

    def keeps_out(self, gate: Gate, presented: bytes | None) -> bool:
        """Whether all places are taken, or as many as this one's organization may have."""
        return gate.is_full or (gate.at_share > 0 and gate.has_its_share(self.tenant_of(presented)))

    def gate(self, method: str, path: str) -> Gate | None:
        """None for who is always let in: the operator, streams, which have a budget, and what
        browsers ask before they ask.
        """
        if not path.startswith(_GUARDED) or path.startswith(_STREAM):
            return None
        if is_query(method, path):
            return self.queries
        return self.commands if method in _WRITING else None


def credential(headers: Headers) -> bytes | None:
    """What the authorization header holds."""
    for name, value in headers:
        if name == _CREDENTIAL:
            return value
    return None


def is_query(method: str, path: str) -> bool:
    """Whether nothing is changed by it: GraphQL asks by POST, for a question may be long."""
    return method == "GET" or path == _GRAPHQL
