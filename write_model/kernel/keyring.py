"""The keys to personal data: one per organization and person, wrapped by a key kept elsewhere.

They lie in a schema of their own, so that a restored backup of the log revives nobody, and each is
committed before the first event that is sealed under it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from typing import Any, LiteralString
from uuid import UUID

from write_model.kernel.asking import Pool, Rows, ask_naming, ask_one
from write_model.kernel.errors import SubjectErased
from write_model.kernel.personal import Place, Sealed, unseal
from write_model.kernel.recent import Recent
from write_model.kernel.secrets import MasterSecret
from write_model.kernel.together import Together
from write_model.kernel.wrapping import Owner, Wrapping

# The function answers for the organization that is named before it is called: by what it is given.
_CREATE: LiteralString = """
    SELECT made.subject_id, made.wrapped, made.key_id
      FROM (SELECT set_config('app.tenant', %s, true)::uuid AS tenant OFFSET 0) AS named,
           personal.create_keys(named.tenant, %s, %s, %s) AS made
"""


class Keyring:
    """Opens and makes subject keys, and remembers `remembered` opened ones (about 300 bytes each).

    What it remembers is evicted when the log says that a person was erased; what was being looked
    up at that moment is not remembered, for it may have been read before.
    """

    def __init__(self, pool: Pool, master: MasterSecret, *, remembered: int = 50_000) -> None:
        self._pool = pool
        self._wrapping = Wrapping(master)
        self._opened: Recent[Owner, bytes] = Recent(remembered)
        self._making = Together(self._made)
        self._evictions = 0

    async def keys_for(self, tenant: UUID, subjects: Collection[UUID]) -> dict[UUID, bytes]:
        """A key for each subject; missing ones are made and committed before this returns.

        Raises: SubjectErased.
        """
        keys = self._remembered(tenant, subjects)
        missing = [(tenant, subject) for subject in subjects if subject not in keys]
        # Of all who need some now: a round trip and a commit each would be half of a command.
        for (_, subject), key in zip(missing, await self._all_made(missing), strict=True):
            if key is not None:
                keys[subject] = key
        if not keys.keys() >= set(subjects):
            raise SubjectErased
        return keys

    async def open_many(self, values: Sequence[tuple[Sealed, Place]]) -> list[Any]:
        """The values again, in the same order; None for those of erased subjects.

        Raises: CannotOpen for a value that was tampered with or moved.
        """
        keys: dict[tuple[UUID, UUID], bytes] = {}
        for tenant in {place.tenant for _, place in values}:
            subjects = {sealed.subject for sealed, place in values if place.tenant == tenant}
            found = await self._found(tenant, subjects)
            keys |= {(tenant, subject): key for subject, key in found.items()}
        return [_opened(sealed, place, keys) for sealed, place in values]

    def evict(self, tenant: UUID, subject: UUID) -> None:
        self._evictions += 1
        self._opened.forget((tenant, subject))

    def distrust(self) -> None:
        """Forget every opened key."""
        self._evictions += 1
        self._opened.clear()

    async def _found(self, tenant: UUID, subjects: Collection[UUID]) -> dict[UUID, bytes]:
        keys = self._remembered(tenant, subjects)
        if missing := [subject for subject in subjects if subject not in keys]:
            query = "SELECT subject_id, wrapped, key_id FROM personal.read_keys(%s, %s)"
            before = self._evictions
            rows = await ask_one(self._pool, tenant, query, (tenant, missing))
            keys |= self._all_opened(tenant, rows, before)
        return keys

    async def _all_made(self, missing: Sequence[Owner]) -> Sequence[bytes | None]:
        if not missing:
            return ()
        if len(missing) == 1:  # A task for it would cost more than the asking.
            return [await self._making.ask(missing[0])]
        return await asyncio.gather(*map(self._making.ask, missing))

    async def _made(self, wanted: Sequence[Owner]) -> list[bytes | None]:
        """None for an erased subject's."""
        by_tenant: dict[UUID, list[UUID]] = {}
        # In order: two processes that made the same keys in another would wait for each other.
        for tenant, subject in sorted(set(wanted)):
            by_tenant.setdefault(tenant, []).append(subject)
        making = [self._making_for(*each) for each in by_tenant.items()]
        keys: dict[Owner, bytes] = {}
        before = self._evictions
        for tenant, rows in zip(
            by_tenant, await ask_naming(self._pool, _CREATE, making), strict=True
        ):
            opened = self._all_opened(tenant, rows, before)
            keys |= {(tenant, subject): key for subject, key in opened.items()}
        return [keys.get(each) for each in wanted]

    def _making_for(self, tenant: UUID, subjects: list[UUID]) -> tuple[Any, ...]:
        offered = [self._wrapping.wrap((tenant, each), os.urandom(32)) for each in subjects]
        return str(tenant), subjects, offered, self._wrapping.key_id

    def _all_opened(self, tenant: UUID, rows: Rows, before: int) -> dict[UUID, bytes]:
        """`before`: how many evictions there had been when the rows were asked for."""
        keys = {
            subject: self._wrapping.unwrap((tenant, subject), wrapped, key_id)
            for subject, wrapped, key_id in rows
            if wrapped is not None
        }
        if before == self._evictions:
            for subject, key in keys.items():
                self._opened.remember((tenant, subject), key)
        return keys

    def _remembered(self, tenant: UUID, subjects: Collection[UUID]) -> dict[UUID, bytes]:
        known = ((subject, self._opened.get((tenant, subject))) for subject in subjects)
        return {subject: key for subject, key in known if key is not None}


def _opened(sealed: Sealed, place: Place, keys: dict[tuple[UUID, UUID], bytes]) -> Any:
    key = keys.get((place.tenant, sealed.subject))
    return None if key is None else unseal(sealed, key, place)
