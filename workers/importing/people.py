"""The subject ids of the people that an old log names, asked for in bulk and once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from pydantic_core import from_json

from workers.importing.connection import Connection
from workers.importing.session import ImportStopped, Session, detail

_AT_ONCE = 1000


class People:
    """Grows by whom the rows name; the server answers a name that it knows with the first id."""

    def __init__(self, session: Session, connection: Connection, *, source: str) -> None:
        self._session = session
        self._connection = connection
        self._source = source
        self._ids: dict[str, str] = {}

    @property
    def ids(self) -> Mapping[str, str]:
        return self._ids

    async def meet(self, names: Iterable[str | None]) -> None:
        """Afterwards `ids` has every one of the names."""
        unknown = iter(sorted({name for name in names if name and name not in self._ids}))
        while some := list(islice(unknown, _AT_ONCE)):
            await self._ask(some)

    async def _ask(self, names: list[str]) -> None:
        source = self._source
        people = [{"name": name, "source": source, "source_key": name} for name in names]
        asked = {"people": people}
        answer = await self._session.ask(self._connection, "POST", "/v1/people", asked)
        if not answer.ok:
            raise ImportStopped(f"The people of the log were refused: {detail(answer)}")
        for person in from_json(answer.body)["items"]:
            self._ids[person["source_key"]] = person["id"]
