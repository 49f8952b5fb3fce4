"""What commands answer."""

from __future__ import annotations

from uuid import UUID

from api.answers.answer import Answer


class Receipt(Answer):
    """What the command did."""

    id: UUID
    """The record."""
    reference: str | None
    """Its human reference, such as INC-42."""
    version: int
    """Of the record, after the command; also in `ETag`."""
    position: int
    """Of the organization, for `min_position`; also in `X-Position`."""


class MemberReceipt(Answer):
    """What the command did to the membership."""

    id: UUID
    """The person."""
    version: int
    """Of the membership, after the command; also in `ETag`."""
    position: int
    """Of the organization, for `min_position`; also in `X-Position`."""
