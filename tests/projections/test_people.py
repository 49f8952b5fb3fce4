"""Who appears in an organization: given membership events, the person as shown."""

from __future__ import annotations

import pytest

from projections.engine.projection import Row
from projections.people import fold
from tests.projections.story import JONAS, Story
from write_model.kernel.access import Role
from write_model.kernel.messages import Event
from write_model.kernel.personal import Clear, Sealed
from write_model.membership.events import (
    MemberInvited,
    MembershipActivated,
    MembershipRemoved,
    MembershipSuspended,
    PersonListed,
    RolesChanged,
)

NAME = Sealed(JONAS, b"s" * 16, b"\x01", b"c" * 32)
INVITED = MemberInvited(subject=JONAS, name=NAME, roles=(Role.RESPONDER,))


def shown(*events: Event) -> Row:
    story = Story()
    row: Row | None = None
    for event in events:
        row = fold(row, story.tell("jonas", event))
    assert row is not None
    return row


def test_a_listed_person_has_a_sealed_name_and_no_roles() -> None:
    row = shown(PersonListed(subject=JONAS, name=NAME))
    assert (row["standing"], row["roles"], row["name"]["sealed"]) == ("listed", [], "01")


@pytest.mark.parametrize(
    ("event", "standing", "roles"),
    [
        (MembershipActivated(), "active", ["responder"]),
        (MembershipSuspended(), "suspended", ["responder"]),
        (MembershipRemoved(), "removed", []),
        (RolesChanged(roles=(Role.ADMIN,), before=(Role.RESPONDER,)), "invited", ["admin"]),
    ],
)
def test_a_membership_moves_on(event: Event, standing: str, roles: list[str]) -> None:
    row = shown(INVITED, event)
    assert (row["standing"], row["roles"]) == (standing, roles)


def test_a_clear_name_is_refused_rather_than_written() -> None:
    with pytest.raises(TypeError):
        shown(PersonListed(subject=JONAS, name=Clear(JONAS, "Jonas")))
