"""Somebody's own password: he sets another, or proves with it once more who he is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from api.identity.choosing import Choosing
from api.identity.ending import Ending
from api.identity.guesses import Guesses
from api.identity.issuing import Issuing, SignedIn
from api.identity.on_record import OnRecord
from api.identity.second_step import SecondStep
from write_model.application import WriteModel
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Logins
from write_model.kernel.errors import Conflict, Invalid
from write_model.kernel.passwords import Passwords
from write_model.user.commands import RecordPasswordChange


@dataclass(frozen=True, slots=True)
class OwnPassword:
    write_model: WriteModel
    logins: Logins
    passwords: Passwords
    choosing: Choosing
    second_step: SecondStep
    issuing: Issuing
    ending: Ending
    guesses: Guesses
    on_record: OnRecord
    clock: Clock

    async def change(self, by: Actor, current: str, new: str, *, address: str) -> SignedIn:
        """Set another, which ends all sign-ins; the tokens are of a new one.

        Raises: Invalid for a wrong, the same or a guessable password; Conflict; RateLimited;
        Overloaded.
        """
        if new == current:
            raise Invalid("Choose another password than the one you have.", field="new_password")
        old_hash = await self._confirmed(by, current, address, field="current_password")
        await self.choosing.must_be_fit(new, by.id, field="new_password")
        new_hash = await self.passwords.hashed(new)
        # Written down first: what fails after it is tried again with the old password, and written
        # down twice; the other way round a change could be missing in the log.
        system = replace(by, tenant=SYSTEM, source="system")
        await self.write_model.handle(by.id, RecordPasswordChange(), by=system)
        begun = None
        if await self._replaced(by.id, current, old_hash, new_hash):
            await self.ending.ended(by.id, "password_changed")
            begun = await self.issuing.first_pair(by.id, by.tenant, verified=new_hash)
        if begun is None:
            raise Conflict("Your password was changed at the same time; sign in again.")
        return begun

    async def prove(
        self,
        by: Actor,
        password: str,
        sign_in: UUID | None,
        *,
        code: str | None,
        address: str,
    ) -> str:
        """An access token that proves for a while that it is he himself who asks.

        Raises: Invalid for a wrong password; SecondFactorRequired; RateLimited; Overloaded.
        """
        await self._confirmed(by, password, address, field="password")
        await self.second_step.must_pass(by.id, code)
        return self.issuing.proof(by, sign_in)

    async def _confirmed(self, by: Actor, password: str, address: str, *, field: str) -> str:
        """The hash that is kept of it."""
        # By another name than at sign-in: who guesses with a stolen token locks nobody out.
        name = by.id.bytes
        await self.guesses.guess_from(address, name)
        kept = await self._verified(by.id, password)
        if kept is None:
            self.on_record.note(by.id, "password_not_confirmed")
            raise Invalid("This is not your password.", field=field)
        await self.guesses.right(name)
        return kept

    async def _replaced(self, user: UUID, current: str, old_hash: str, new_hash: str) -> bool:
        replaced = partial(self.logins.replace_password, user, new_hash=new_hash, at=self.clock())
        if await replaced(old_hash=old_hash):
            return True
        # A sign-in elsewhere may have hashed the same password anew.
        anew = await self._verified(user, current)
        return anew is not None and await replaced(old_hash=anew)

    async def _verified(self, user: UUID, password: str) -> str | None:
        """The hash that is kept; None when it is another password's."""
        kept = await self.logins.password_of(user)
        verdict = await self.passwords.verified(password, kept)
        return kept if verdict.matches else None
