"""Brings people into an organization: their login beside the log, and who they are inside it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from pydantic_core import to_json

from write_model.application import WriteModel
from write_model.kernel.access import SYSTEM, Actor, Role
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import Conflict, IllegalTransition
from write_model.kernel.ids import Ids, derived_id
from write_model.kernel.keyring import Keyring
from write_model.kernel.messages import Receipt
from write_model.kernel.passwords import Passwords
from write_model.kernel.secrets import MasterSecret
from write_model.membership.commands import AddMember, ListPerson
from write_model.membership.membership import (
    MEMBERSHIP,
    Membership,
    membership_stream,
    must_outrank,
)
from write_model.user.commands import RegisterUser


@dataclass(frozen=True, slots=True)
class NewMember:
    name: str
    email: str
    roles: frozenset[Role]


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

    async def join(self, member: NewMember, password: str, *, by: Actor) -> Joined:
        """Add a member; until `settle`, doing it again sets the password again.

        Raises: Forbidden; IllegalTransition when the person is a member already.
        """
        by.must(AddMember.permission)
        must_outrank(by, *member.roles)
        password_hash = await self.passwords.hashed(password)
        subject, is_new = await self.logins.claim(
            BlindIndex(self.master).of(member.email), self.ids(), password_hash, tenant=by.tenant
        )
        await self._register(subject, member, by)
        try:
            await self._add(subject, member, by)
        except IllegalTransition:
            if not is_new:
                raise
        return Joined(subject, is_new, password_hash)

    async def settle(self, joined: Joined) -> None:
        """The password has reached its owner: nobody sets it for him from now on.

        Raises: Conflict when the same person was being added twice at once.
        """
        if joined.sets_password and not await self.logins.settle(
            joined.subject, joined.password_hash
        ):
            raise Conflict("The same person was being added by somebody else; look again.")

    async def list_people(self, people: Iterable[NamedPerson], *, by: Actor) -> list[Listed]:
        """Name people in records, in the same order; known ones (by source key) stay as they are.

        Raises: Forbidden.
        """
        by.must(ListPerson.permission)
        key = self.master.key("people")
        named = [(self._subject(person, by.tenant, key), person.name) for person in people]
        # One round trip for all keys, where each command alone would need its own.
        await self.keyring.keys_for(by.tenant, {subject for subject, _ in named})
        receipts = await asyncio.gather(*(self._list(*one, by) for one in named))
        return [
            Listed(subject, receipt) for (subject, _), receipt in zip(named, receipts, strict=True)
        ]

    async def membership(self, tenant: UUID, subject: UUID) -> Membership:
        """A person's place in an organization, with all that is committed."""
        stream = membership_stream(tenant, subject)
        state: Membership = (await self.write_model.state(tenant, stream, MEMBERSHIP))[0]
        return state

    def _subject(self, person: NamedPerson, tenant: UUID, key: bytes) -> UUID:
        # Keyed, so that nobody can test from an id whether it stands for a name he guesses.
        if not person.source_key:
            return self.ids()
        named = to_json([tenant, person.source, person.source_key])
        digest = hmac.digest(key, named, sha256)
        return derived_id("person", digest.hex())

    async def _list(self, subject: UUID, name: str, by: Actor) -> Receipt:
        command = ListPerson(subject=subject, name=name)
        return await self.write_model.handle(membership_stream(by.tenant, subject), command, by=by)

    async def _register(self, subject: UUID, member: NewMember, by: Actor) -> None:
        command = RegisterUser(name=member.name, email=member.email)
        await self.write_model.handle(
            subject, command, by=replace(by, tenant=SYSTEM, source="system")
        )

    async def _add(self, subject: UUID, member: NewMember, by: Actor) -> None:
        command = AddMember(subject=subject, name=member.name, roles=member.roles)
        await self.write_model.handle(membership_stream(by.tenant, subject), command, by=by)
