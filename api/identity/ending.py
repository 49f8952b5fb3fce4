"""Ends sign-ins, somebody's own or a member's: on record, and without effect everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.identity.actors import Actors
from api.identity.on_record import OnRecord
from write_model.application import WriteModel
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.clock import Clock
from write_model.kernel.errors import NotFound
from write_model.kernel.sign_ins import SignIns
from write_model.user.commands import RecordSignInsEnded
from write_model.user.events import EndReason


@dataclass(frozen=True, slots=True)
class Ending:
    write_model: WriteModel
    sign_ins: SignIns
    actors: Actors
    on_record: OnRecord
    clock: Clock

    async def own(self, by: Actor, sign_in: UUID | None = None) -> None:
        """End one of one's own sign-ins, or all.

        Raises: NotFound.
        """
        is_known = await self.sign_ins.end(by.id, sign_in, at=self.clock())
        if sign_in is not None and not is_known:
            raise NotFound("You have no such sign-in.")
        await self.ended(by.id, "ended", sign_in)

    async def all_of(self, user: UUID, *, by: Actor) -> None:
        """End all of somebody's sign-ins, as an administrator."""
        await self.sign_ins.end(user, at=self.clock())
        await self.ended(user, "ended_by_administrator", by=by)

    async def in_organization(self, user: UUID, *, by: Actor) -> None:
        """End somebody's sign-ins in the actor's organization; those in others stay."""
        for sign_in in await self.sign_ins.of(user, at=self.clock()):
            if sign_in.tenant == by.tenant:
                await self.sign_ins.end(user, sign_in.id, at=self.clock())
                await self.ended(user, "ended_by_administrator", sign_in.id, by=by)

    async def ended(
        self,
        user: UUID,
        reason: EndReason,
        sign_in: UUID | None = None,
        *,
        by: Actor | None = None,
    ) -> None:
        """Put on record what has ended, by which every process learns of it; here it holds at once.

        `by`: who ended it, when it was not the person himself.
        """
        # After it has ended: whoever looks it up on the news must not find it alive.
        self.actors.forget_sign_ins(user)
        self.on_record.note(user, reason)
        command = RecordSignInsEnded(reason=reason, sign_in=sign_in)
        who = Actor(by.id if by else user, SYSTEM, source="system")
        await self.write_model.handle(user, command, by=who)
