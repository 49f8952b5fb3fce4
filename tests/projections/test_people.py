"""Who appears in an organization: given membership events, the person as shown."""

from __future__ import annotations

import pytest

from projections.people import PEOPLE, fold
from tests.projections.given import Given, Happening
from tests.projections.story import JONAS, Story
from write_model.kernel.access import Role
from write_model.kernel.personal import Clear, Sealed
from write_model.membership.events import (
    InvitationRenewed,
    MemberInvited,
    MemberRenamed,
    MembershipActivated,
    MembershipEvent,
    MembershipRemoved,
    MembershipSuspended,
    PersonListed,
    RolesChanged,
)

NAME = Sealed(JONAS, b"s" * 16, b"\x01", b"c" * 32)
INVITED = MemberInvited(subject=JONAS, name=NAME, roles=(Role.RESPONDER,))


def test_a_listed_person_has_a_sealed_name_and_no_roles(given: Given) -> None:
    listed = Happening(PersonListed(subject=JONAS, name=NAME), to="jonas")
    story = given().when(listed)
    story.then_document(standing="listed", roles=[], name={"sealed": "01"})
    story.then_row(PEOPLE, subject_id=JONAS, standing="listed")


@pytest.mark.parametrize(
    ("event", "standing", "roles"),
    [
        (MemberRenamed(subject=JONAS, name=NAME), "invited", ["responder"]),
        (InvitationRenewed(), "invited", ["responder"]),
        (MembershipActivated(), "active", ["responder"]),
        (MembershipSuspended(), "suspended", ["responder"]),
        (MembershipRemoved(), "removed", []),
        (RolesChanged(roles=(Role.ADMIN,), before=(Role.RESPONDER,)), "invited", ["admin"]),
    ],
)
def test_a_membership_moves_on(
    given: Given, event: MembershipEvent, standing: str, roles: list[str]
) -> None:
    story = given(Happening(INVITED, to="jonas")).when(Happening(event, to="jonas"))
    story.then_document(standing=standing, roles=roles)
    story.then_row(PEOPLE, standing=standing, version=2)


def test_a_clear_name_is_refused_rather_than_written() -> None:
    listed = PersonListed(subject=JONAS, name=Clear(JONAS, "Jonas"))
    with pytest.raises(TypeError):
        fold(None, Story().tell("jonas", listed))
