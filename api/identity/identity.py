"""Everything about people that one api process needs, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from api.identity.actors import Actors, Happened
from api.identity.people import People
from api.identity.rim import Rim
from api.identity.signing_in import SigningIn
from write_model.accounts import Accounts, Door
from write_model.kernel.access_log import AccessLog
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Logins, RefreshTokens
from write_model.kernel.ids import Ids
from write_model.kernel.keyring import Keyring
from write_model.kernel.messages import Aggregate
from write_model.kernel.passwords import Passwords
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.tokens import AccessTokens
from write_model.membership.membership import MEMBERSHIP, Membership


class WriteModel(Door, Protocol):
    async def state(
        self, tenant: UUID, stream: UUID, aggregate: Aggregate, /
    ) -> tuple[Any, int]: ...


@dataclass(frozen=True, slots=True)
class Identity:
    accounts: Accounts
    actors: Actors
    people: People
    rim: Rim
    signing_in: SigningIn
    access_log: AccessLog
    write_model: WriteModel
    clock: Clock

    async def membership(self, tenant: UUID, stream: UUID) -> Membership:
        state: Membership = (await self.write_model.state(tenant, stream, MEMBERSHIP))[0]
        return state

    def evict(self, happened: Happened) -> None:
        """What the log's tail reports: forget what it makes untrue."""
        self.actors.evict(happened)
        self.people.evict(happened.stream)

    def distrust(self) -> None:
        """The tail is lost: believe nothing that is remembered."""
        self.actors.distrust()
        self.people.distrust()

    def trust(self) -> None:
        """The tail is back."""
        self.actors.trust()


def identity(
    write_model: WriteModel,
    pool: AsyncConnectionPool[AsyncConnection[Any]],
    keyring: Keyring,
    master: MasterSecret,
    *,
    clock: Clock,
    ids: Ids,
    passwords: Passwords | None = None,
) -> Identity:
    """`keyring`: the one that the write model seals with, so that keys are opened once."""

    async def membership(tenant: UUID, stream: UUID) -> Membership:
        state: Membership = (await write_model.state(tenant, stream, MEMBERSHIP))[0]
        return state

    passwords = passwords or Passwords()
    logins, tokens = Logins(pool), AccessTokens(master, clock)
    actors = Actors(tokens, membership)
    people = People(pool, keyring)
    signing_in = SigningIn(
        logins, passwords, BlindIndex(master), RefreshTokens(pool), tokens, actors, clock
    )
    accounts = Accounts(write_model, logins, passwords, keyring, master, ids)
    return Identity(
        accounts, actors, people, Rim(people, keyring), signing_in, AccessLog(pool),
        write_model, clock,
    )
