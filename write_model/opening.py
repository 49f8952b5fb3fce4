"""Puts the write model together over a database: the composition that every process shares."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg_pool import AsyncConnectionPool

from write_model.application import WriteModel
from write_model.deciding import Decider
from write_model.kernel.asking import RECONNECT_S, Pool, PromptConnection
from write_model.kernel.clock import Clock, wall_clock
from write_model.kernel.ids import Ids, new_id
from write_model.kernel.keyring import Keyring
from write_model.kernel.locks import StreamLocks
from write_model.kernel.records import Records
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.settings import APP, Settings
from write_model.kernel.store.reading import StreamReader
from write_model.kernel.store.traced import logs
from write_model.organization.policies import OrganizationPolicies

if TYPE_CHECKING:
    from write_model.kernel.tracing import Tracing

_CONNECTIONS = 8

# No scans: they go through what is others', and so take longer the more these have. Where no index
# serves, what is off counts as so dear that it would be compiled first.
_OPTIONS = (
    "-c timezone=UTC -c statement_timeout={statement_timeout_ms} -c enable_seqscan=off -c jit=off"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The write model and what others share with it; `pool` is the app role's, in autocommit."""

    write_model: WriteModel
    pool: Pool
    keyring: Keyring
    master: MasterSecret
    clock: Clock
    ids: Ids


def app_pool(settings: Settings, *, size: int) -> Pool:
    """At most `size` connections of the app role, in autocommit; not opened yet."""
    return AsyncConnectionPool(
        settings.conninfo(APP),
        connection_class=PromptConnection,
        min_size=1,
        max_size=size,
        kwargs={
            "autocommit": True,
            "application_name": "tallystick-app",
            "options": _OPTIONS.format(statement_timeout_ms=settings.statement_timeout_ms),
        },
        open=False,
        reconnect_timeout=RECONNECT_S,
    )


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    clock: Clock = wall_clock,
    ids: Ids = new_id,
    tracing: Tracing | None = None,
) -> AsyncGenerator[Opened]:
    """The write model over the database of the settings, until the block ends."""
    master, conninfo = settings.master_secret(), settings.conninfo(APP)
    async with app_pool(settings, size=_CONNECTIONS) as pool:
        keyring = Keyring(pool, master)
        reader = StreamReader(
            pool,
            deadline_s=settings.command_deadline_s,
            answer_s=settings.statement_timeout_ms / 1000 + 1,
        )
        records = Records(reader, remembered=settings.stream_cache_size)
        log, exclusive = logs(conninfo, settings, tracing)
        decider = Decider(records, keyring, clock, ids, OrganizationPolicies(records))
        # Half of the time: then the one that waited can still be carried out, or told why not.
        locks = StreamLocks(key_wait_s=settings.command_deadline_s / 2)
        write_model = WriteModel(log, exclusive, reader, records, decider, locks)
        try:
            yield Opened(write_model, pool, keyring, master, clock, ids)
        finally:
            await exclusive.close()
            await log.close()
