"""What one kept value becomes when another master secret takes the place of the present one."""

from __future__ import annotations

from uuid import UUID

from cryptography.exceptions import InvalidTag

from write_model.kernel.access import SYSTEM
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.kept_secrets import KeptSecrets
from write_model.kernel.personal import Place, Sealed, unseal
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.wrapping import Owner, Wrapping

SEALED_PURPOSES = ("client_secrets", "second_factors")


class Change:
    """`rewrapped` and `resealed` answer None for what is kept under the next secret already.

    Raises: cryptography.exceptions.InvalidTag for what neither secret has sealed.
    """

    def __init__(self, present: MasterSecret, following: MasterSecret) -> None:
        self.present, self.following = present, following
        self._before, self._after = Wrapping(present), Wrapping(following)
        self._index = BlindIndex(following)
        self._sealing = {
            purpose: (KeptSecrets(present.key(purpose)), KeptSecrets(following.key(purpose)))
            for purpose in SEALED_PURPOSES
        }

    @property
    def key_id(self) -> int:
        """Of the next secret."""
        return self._after.key_id

    def rewrapped(self, owner: Owner, wrapped: bytes, key_id: int) -> bytes | None:
        if key_id == self._after.key_id:
            return None
        return self._after.wrap(owner, self._before.unwrap(owner, wrapped, key_id))

    def resealed(self, purpose: str, owner: UUID, sealed: bytes) -> bytes | None:
        before, after = self._sealing[purpose]
        try:
            after.open(sealed, owner)
        except InvalidTag:
            return after.seal(before.open(sealed, owner), owner)
        return None

    def blind_email(self, wrapped: bytes, key_id: int, email: Sealed, place: Place) -> bytes:
        """Of an address that is sealed under a key which the next secret has wrapped already."""
        key = self._after.unwrap((SYSTEM, email.subject), wrapped, key_id)
        return self._index.of(unseal(email, key, place))
