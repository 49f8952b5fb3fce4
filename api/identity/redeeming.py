"""Redeems what one person has handed to another: a reset of a password, or an invitation."""

from __future__ import annotations

from dataclasses import dataclass

from api.identity.choosing import Choosing
from api.identity.ending import Ending
from api.identity.guesses import Guesses
from api.identity.on_record import OnRecord
from write_model.invitations import Invitations
from write_model.kernel.errors import Invalid
from write_model.kernel.messages import Receipt
from write_model.kernel.passes import Holder
from write_model.password_resets import PasswordResets


@dataclass(frozen=True, slots=True)
class Redeeming:
    invitations: Invitations
    resets: PasswordResets
    choosing: Choosing
    ending: Ending
    guesses: Guesses
    on_record: OnRecord

    async def reset(self, token: str, new_password: str, *, address: str) -> None:
        """Set the password of whom a reset was offered to; all his sign-ins end.

        Raises: Invalid; RateLimited; Overloaded.
        """
        await self.guesses.come_from(address)
        holder = await self.resets.holder(token)
        await self.choosing.must_be_fit(new_password, holder.user, field="new_password")
        await self.resets.use(token, holder, new_password)
        await self.ending.ended(holder.user, "password_reset")

    async def accept(
        self, token: str, password: str, name: str | None, *, address: str
    ) -> tuple[Holder, Receipt]:
        """Accept an invitation; whoever guesses at the password of an account is stopped.

        Raises: Invalid; IllegalTransition; Conflict; RateLimited; Overloaded.
        """
        try:
            return await self._accepted(token, password, name)
        except Invalid:
            # Only what is no good is counted: behind one address a whole crew accepts one morning.
            await self.guesses.come_from(address)
            raise

    async def _accepted(
        self, token: str, password: str, name: str | None
    ) -> tuple[Holder, Receipt]:
        holder = await self.invitations.holder(token)
        what = b"invitation" + holder.user.bytes
        await self.guesses.guess_at(what)
        if holder.is_pending:  # Otherwise it is not set here, but proven.
            await self.choosing.must_be_fit(password, holder.user, field="password", name=name)
        try:
            receipt = await self.invitations.accept(token, holder, password, name)
        except Invalid:
            # Where he is a member it is on record that somebody tried whom the token is for.
            self.on_record.note(holder.user, "password_not_confirmed")
            raise
        await self.guesses.right(what)
        return holder, receipt
