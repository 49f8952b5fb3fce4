"""What a refresh token is for: the next pair of tokens, or the end of its sign-in."""

from __future__ import annotations

from dataclasses import dataclass

from api.identity.actors import Actors
from api.identity.ending import Ending
from api.identity.guesses import Guesses
from api.identity.issuing import Issuing, SignedIn
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Ended, RefreshTokens, Renewed
from write_model.kernel.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class Refreshing:
    """Only what is no good is counted: behind one address an office renews all day long."""

    refresh_tokens: RefreshTokens
    issuing: Issuing
    ending: Ending
    actors: Actors
    guesses: Guesses
    clock: Clock

    async def refresh(self, refresh_token: str, *, address: str) -> SignedIn:
        """The next pair of tokens.

        Raises: RateLimited for who sends many bad ones; Unauthenticated; a token that comes twice
        ends the whole sign-in.
        """
        renewed = await self.refresh_tokens.renew(refresh_token, at=self.clock())
        if isinstance(renewed, Ended):
            await self.ending.ended(renewed.user, "token_reused", renewed.sign_in)
        if renewed is None or isinstance(renewed, Ended):
            await self.guesses.come_from(address)
            raise Unauthenticated("This sign-in has ended; sign in again.")
        await self._must_be_a_member(renewed)
        return self.issuing.next_pair(renewed)

    async def sign_out(self, refresh_token: str, *, address: str) -> None:
        """End a sign-in, its access tokens included.

        Raises: RateLimited for who sends many bad ones.
        """
        ended = await self.refresh_tokens.revoke(refresh_token, at=self.clock())
        if ended is None:
            await self.guesses.come_from(address)
        else:
            await self.ending.ended(ended.user, "signed_out", ended.sign_in)

    async def _must_be_a_member(self, renewed: Renewed) -> None:
        try:
            await self.actors.member(renewed.tenant, renewed.user)
        except Unauthenticated:
            # Nobody is told the next token, and the one that he has would look stolen next time.
            await self.refresh_tokens.revoke(renewed.token, at=self.clock())
            await self.ending.ended(renewed.user, "ended", renewed.sign_in)
            raise
