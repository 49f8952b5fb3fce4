"""What somebody has beside his password: an app that makes codes, and ten codes for bad days."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from write_model.application import WriteModel
from write_model.kernel.access import SYSTEM, Actor
from write_model.kernel.clock import Clock
from write_model.kernel.errors import Conflict, IllegalTransition, Invalid
from write_model.kernel.factors import Factor, Factors
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.messages import Command
from write_model.kernel.one_time_codes import (
    code_hash,
    compact,
    enrolment_uri,
    new_secret,
    recovery_codes,
    spelled,
    step_of,
)
from write_model.kernel.secrets import MasterSecret
from write_model.user.commands import (
    RecordRecoveryCodeUse,
    RecordSecondFactorDisabled,
    RecordSecondFactorEnabled,
)
from write_model.user.user import USER

_WRONG = "This is not the code of this moment; compare the clock of the device that shows it."


@dataclass(frozen=True, slots=True)
class Enrolment:
    """`secret` for typing, `uri` for a QR code: the only time that either is known."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """What changes is written down first, as every change of a password is."""

    write_model: WriteModel
    kept: Factors
    master: MasterSecret
    clock: Clock

    async def enrol(self, by: Actor) -> Enrolment:
        """A secret for an app; nothing is asked of it until `confirm`.

        Raises: ReauthenticationRequired; IllegalTransition when there is a second factor.
        """
        by.must_have_reauthenticated(self.clock())
        secret = new_secret()
        if not await self.kept.offer(by.id, self._sealing().seal(secret, by.id)):
            raise IllegalTransition("You have a second factor already; take it off first.")
        # No address: it would stand in the app of a device that is lost.
        return Enrolment(spelled(secret), enrolment_uri(secret, str(by.id)))

    async def confirm(self, by: Actor, code: str) -> list[str]:
        """Turn it on with the app's first code; the recovery codes are known this once.

        Raises: IllegalTransition; Invalid for a wrong code; Conflict.
        """
        factor = await self.kept.of(by.id)
        if factor is None or factor.is_on:
            raise IllegalTransition("There is no second factor to confirm; begin with a new one.")
        step = self._step(by.id, factor, code)
        if step is None:
            raise Invalid(_WRONG, field="code")
        codes = recovery_codes()
        await self._recorded(by.id, RecordSecondFactorEnabled())
        hashes = [self._code_hash(by.id, each) for each in codes]
        if not await self.kept.confirm(by.id, factor.sealed, step=step, code_hashes=hashes):
            raise Conflict("Another second factor was begun at the same time; confirm that one.")
        return codes

    async def disable(self, user: UUID, *, by: Actor) -> None:
        """Take it off: one's own, or as an administrator somebody else's."""
        organization = None if by.id == user else by.tenant
        await self._recorded(user, RecordSecondFactorDisabled(organization=organization), by=by.id)
        await self.kept.remove(user)

    async def is_on(self, user: UUID) -> bool:
        factor = await self.kept.of(user)
        return factor is not None and factor.is_on

    async def is_settled(self, user: UUID) -> bool:
        """Whether it is on and the log says so too.

        The log tells first of every change, so what is remembered of this ends with what it tells.
        """
        state, _ = await self.write_model.state(SYSTEM, user, USER)
        return state.has_second_factor and await self.is_on(user)

    async def passed(self, user: UUID, code: str) -> bool:
        """Whether the code is good; it is not a second time."""
        factor = await self.kept.of(user)
        if factor is None or not factor.is_on:
            return False
        step = self._step(user, factor, code)
        if step is not None:
            return await self.kept.take_step(user, step)
        is_used = await self.kept.use_recovery_code(user, self._code_hash(user, code))
        if is_used:
            await self._recorded(user, RecordRecoveryCodeUse())
        return is_used

    def _step(self, user: UUID, factor: Factor, code: str) -> int | None:
        secret = self._sealing().open(factor.sealed, user)
        return step_of(secret, compact(code), self.clock())

    def _code_hash(self, user: UUID, code: str) -> bytes:
        return code_hash(self.master.key("recovery_codes"), user, code)

    def _sealing(self) -> KeptSecrets:
        return KeptSecrets(self.master.key("second_factors"))

    async def _recorded(self, user: UUID, command: Command, *, by: UUID | None = None) -> None:
        """`by`: None for the person himself."""
        actor = Actor(by or user, SYSTEM, source="system")
        await self.write_model.handle(user, command, by=actor)
