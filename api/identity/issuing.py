"""Issues tokens: the pair of a sign-in, and the proof that it is still the same person who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from api.identity.on_record import OnRecord
from write_model.kernel.access import Actor
from write_model.kernel.clock import Clock
from write_model.kernel.credentials import Begun, RefreshTokens, Renewed
from write_model.kernel.tokens import AccessTokens


@dataclass(frozen=True, slots=True)
class SignedIn:
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issuing:
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    on_record: OnRecord
    clock: Clock

    async def first_pair(self, user: UUID, tenant: UUID, *, verified: str) -> SignedIn | None:
        """Of a new sign-in; None when the `verified` hash is no longer the one kept."""
        begun = await self.refresh_tokens.start(user, tenant, verified=verified, at=self.clock())
        if begun is None:
            return None
        self.on_record.note(user, "signed_in")
        return self._pair(user, tenant, begun)

    def next_pair(self, renewed: Renewed) -> SignedIn:
        return self._pair(renewed.user, renewed.tenant, renewed)

    def proof(self, by: Actor, sign_in: UUID | None) -> str:
        """An access token that proves for a while that it is he himself who asks."""
        self.on_record.note(by.id, "reauthenticated")
        return self.access_tokens.issue(by.id, by.tenant, sign_in=sign_in, is_proof=True)

    def _pair(self, user: UUID, tenant: UUID, kept: Begun | Renewed) -> SignedIn:
        access_token = self.access_tokens.issue(user, tenant, sign_in=kept.sign_in)
        return SignedIn(access_token, kept.token)
