"""Brings people into an organization: their login beside the log, and who they are inside it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from pydantic_core import to_json

from write_model.application import WriteModel
from write_model.deciding import Asked
from write_model.kernel.access import SYSTEM, Actor, Role
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import Conflict, IllegalTransition
from write_model.kernel.ids import Ids, derived_id
from write_model.kernel.keyring import Keyring
from write_model.kernel.messages import IdempotencyKey, Receipt
from write_model.kernel.passwords import Passwords
from write_model.kernel.secrets import MasterSecret
from write_model.membership.commands import AddMember, ListPerson
from write_model.membership.membership import (
    MEMBERSHIP,
    Membership,
    Standing,
    membership_stream,
    must_outrank,
)
from write_model.user.commands import RegisterUser


@dataclass(frozen=True, slots=True)
class NewMember:
    """`until`: from then on the roles have no effect; `teams`: whose records they are for."""

    name: str
    email: str
    roles: frozenset[Role]
    until: datetime | None = None
    teams: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """`sets_password`: whether the password given is theirs; a person known before keeps his."""

    subject: UUID
    sets_password: bool
    password_hash: str


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """`source` and `source_key` name the person where the name comes from; both or neither."""

    name: str
    source: str = ""
    source_key: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    subject: UUID
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Accounts:
    """Every step may be repeated after a crash: it finds what the one before has left."""

    write_model: WriteModel
    logins: Logins
    passwords: Passwords
    keyring: Keyring
    master: MasterSecret
    ids: Ids

    async def join(
        self, member: NewMember, password: str, *, by: Actor, good_until: datetime | None = None
    ) -> Joined:
        """Add a member at once, whom nobody has to ask; doing it again sets the password again.

        So it is until `settle`. `good_until`: from then on nobody signs in with the password.

        Raises: Forbidden; IllegalTransition when the person is a member already.
        """
        by.must(AddMember.permission)
        must_outrank(by, *member.roles)
        password_hash = await self.passwords.hashed(password)
        subject, is_new = await self.claimed(
            member.email, password_hash, by=by, good_until=good_until
        )
        await self._register(subject, member, by)
        try:
            await self._add(subject, member, by)
        except IllegalTransition:
            if not (is_new and await self._is_active(by.tenant, subject)):
                raise
        return Joined(subject, is_new, password_hash)

    async def claimed(
        self,
        email: str,
        password_hash: str,
        *,
        by: Actor,
        good_until: datetime | None = None,
    ) -> tuple[UUID, bool]:
        """Whose address it is from now on, and whether the hash given is now the one kept."""
        blind = BlindIndex(self.master).of(email)
        # Unlike a record's id it does not tell since when: so nobody reads who was known before.
        new = self.made_id("people", by, None)
        return await self.logins.claim(
            blind, new, password_hash, tenant=by.tenant, until=good_until
        )

    async def settle(self, joined: Joined) -> None:
        """The password has reached its owner: nobody sets it for him from now on.

        Raises: Conflict when the same person was being added twice at once.
        """
        if joined.sets_password and not await self.logins.settle(
            joined.subject, joined.password_hash
        ):
            raise Conflict("The same person was being added by somebody else; look again.")

    def made_id(self, purpose: str, by: Actor, key: IdempotencyKey | None) -> UUID:
        """One that tells nothing; with a key the same again for the same key of the same actor."""
        names = (self.ids(),) if key is None else (by.tenant, by.id, key.key)
        return derived_id(purpose, self._keyed(purpose, *names).hex())

    async def list_people(
        self, people: Iterable[NamedPerson], *, by: Actor, key: IdempotencyKey | None = None
    ) -> list[Listed]:
        """Name people in records, in the same order; known ones (by source key) stay as they are.

        With a key all are named at once or none.
        Raises: Forbidden; KeyReused.
        """
        by.must(ListPerson.permission)
        named = [
            (self._subject(person, place, by, key), person.name)
            for place, person in enumerate(people)
        ]
        # One round trip for all keys, where each command alone would need its own.
        await self.keyring.keys_for(by.tenant, {subject for subject, _ in named})
        if key is not None:
            return await self._listed_at_once(named, by, key)
        receipts = await asyncio.gather(*(self._list(*one, by) for one in named))
        return [
            Listed(subject, receipt) for (subject, _), receipt in zip(named, receipts, strict=True)
        ]

    async def membership(self, tenant: UUID, subject: UUID) -> Membership:
        """A person's place in an organization, with all that is committed."""
        state, _ = await self.membership_and_version(tenant, subject)
        return state

    async def membership_and_version(self, tenant: UUID, subject: UUID) -> tuple[Membership, int]:
        """The same with its version; 0 for who never was in it."""
        stream = membership_stream(tenant, subject)
        return await self.write_model.state(tenant, stream, MEMBERSHIP)

    async def memberships(
        self, tenant: UUID, subjects: Iterable[UUID]
    ) -> list[tuple[Membership, int]]:
        """Those of several people, in their order."""
        # At once: what many ask at the same time the reader asks the log in one round trip.
        asked = (self.membership_and_version(tenant, each) for each in subjects)
        return await asyncio.gather(*asked)

    async def membership_at(
        self, tenant: UUID, subject: UUID, position: int
    ) -> tuple[Membership, int]:
        """The same as it was at a position of the organization."""
        stream = membership_stream(tenant, subject)
        return await self.write_model.state_at(tenant, stream, MEMBERSHIP, position=position)

    def _subject(
        self, person: NamedPerson, place: int, by: Actor, key: IdempotencyKey | None
    ) -> UUID:
        # Keyed, so that nobody can test from an id whether it stands for a name he guesses.
        if person.source_key:
            digest = self._keyed("people", by.tenant, person.source, person.source_key)
        elif key is not None:
            digest = self._keyed("people", by.tenant, by.id, key.key, key.digest.hex(), place)
        else:
            return self.ids()
        return derived_id("person", digest.hex())

    def _keyed(self, purpose: str, *names: object) -> bytes:
        return hmac.digest(self.master.key(purpose), to_json(names), sha256)

    async def _listed_at_once(
        self, named: list[tuple[UUID, str]], by: Actor, key: IdempotencyKey
    ) -> list[Listed]:
        names: dict[UUID, str] = {}
        for subject, name in named:
            names.setdefault(subject, name)
        asked = [_listing(subject, name, by) for subject, name in names.items()]
        receipts = await self.write_model.handle_all(asked, by=by, key=key)
        of = dict(zip(names, receipts, strict=True))
        return [Listed(subject, of[subject]) for subject, _ in named]

    async def _list(self, subject: UUID, name: str, by: Actor) -> Receipt:
        (receipt,) = await self.write_model.handle_all([_listing(subject, name, by)], by=by)
        return receipt

    async def _register(self, subject: UUID, member: NewMember, by: Actor) -> None:
        """Known by name and e-mail; repeated, it changes nothing."""
        command = RegisterUser(name=member.name, email=member.email)
        await self.write_model.handle(
            subject, command, by=replace(by, tenant=SYSTEM, source="system")
        )

    async def _add(self, subject: UUID, member: NewMember, by: Actor) -> None:
        command = AddMember(
            subject=subject,
            name=member.name,
            roles=member.roles,
            until=member.until,
            teams=member.teams,
        )
        stream = membership_stream(by.tenant, subject)
        await self.write_model.handle(stream, command, by=by)

    async def _is_active(self, tenant: UUID, subject: UUID) -> bool:
        return (await self.membership(tenant, subject)).standing is Standing.ACTIVE


def _listing(subject: UUID, name: str, by: Actor) -> Asked:
    return Asked(membership_stream(by.tenant, subject), ListPerson(subject=subject, name=name))
