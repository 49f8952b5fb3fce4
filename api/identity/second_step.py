"""The second step of proving who one is, for who has a second factor."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.identity.guesses import Guesses
from api.identity.on_record import OnRecord
from write_model.kernel.errors import SecondFactorRequired
from write_model.second_factors import SecondFactors


@dataclass(frozen=True, slots=True)
class SecondStep:
    factors: SecondFactors
    guesses: Guesses
    on_record: OnRecord

    async def must_pass(self, user: UUID, code: str | None) -> None:
        """Called only once the password was right, so that nobody else learns who has a factor.

        Raises: SecondFactorRequired for no code and for a wrong or used one; RateLimited.
        """
        if not await self.factors.is_on(user):
            return
        if code is None:
            raise SecondFactorRequired
        # Under a name of its own: who knows the password guesses at the code no faster.
        name = b"second factor" + user.bytes
        await self.guesses.guess_at(name)
        if not await self.factors.passed(user, code):
            self.on_record.note(user, "second_factor_failed")
            raise SecondFactorRequired("This code is wrong or was used already; send another one.")
        await self.guesses.right(name)
