from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.write_model.given import MONDAY, TENANT, actor, given
from write_model.kernel.access import Actor, Role, system_actor
from write_model.kernel.errors import (
    Forbidden,
    IllegalTransition,
    Invalid,
    NotFound,
    SegregationOfDuties,
)
from write_model.kernel.personal import Clear
from write_model.membership.commands import (
    AcceptInvitation,
    AddMember,
    ChangeRoles,
    InviteMember,
    ListPerson,
    MembershipCommand,
    ReinstateMember,
    RemoveMember,
    RenewInvitation,
    SuspendMember,
    WithdrawInvitation,
)
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
from write_model.membership.membership import MEMBERSHIP, Standing, membership_stream

FREYA = UUID(int=0xF4)
NAME = Clear(FREYA, "Freya Lind")
OWNER, ADMIN = actor(1, Role.OWNER), actor(2, Role.ADMIN)
LATER = MONDAY + timedelta(days=14)
RESPONDER = frozenset({Role.RESPONDER})

LISTED = PersonListed(subject=FREYA, name=NAME)
INVITED = MemberInvited(subject=FREYA, name=NAME, roles=(Role.RESPONDER,))
INVITED_AS_OWNER = MemberInvited(subject=FREYA, name=NAME, roles=(Role.OWNER,))
ACTIVATED = MembershipActivated()
SUSPENDED = MembershipSuspended(reason="On leave")
REMOVED = MembershipRemoved(reason=None)

ADD = AddMember(subject=FREYA, name="Freya Lind", roles=RESPONDER)
INVITE = InviteMember(subject=FREYA, name="Freya Lind", roles=RESPONDER)
LIST = ListPerson(subject=FREYA, name="Freya Lind")
TO_VIEWER = ChangeRoles(roles=frozenset({Role.VIEWER}))
CHANGES = (TO_VIEWER, SuspendMember(reason="On leave"), RemoveMember())


def test_a_member_is_added_with_roles_and_can_act_at_once() -> None:
    given().when(ADD, by=ADMIN).then(INVITED, ACTIVATED)


@pytest.mark.parametrize("before", [LISTED, REMOVED])
def test_who_was_only_named_or_has_left_may_become_a_member(before: PersonListed) -> None:
    given(LISTED, before).when(ADD, by=ADMIN).then(INVITED, ACTIVATED)


@pytest.mark.parametrize("last", [INVITED, ACTIVATED, SUSPENDED])
def test_a_member_is_not_added_twice(last: MembershipActivated) -> None:
    refusal = given(INVITED, last).when(ADD, by=ADMIN).then_refused(IllegalTransition)
    assert "none" in str(vars(refusal)["allowed"])


def test_a_person_in_old_records_is_named_without_becoming_a_member() -> None:
    service = actor(3, Role.SERVICE)
    given().when(LIST, by=service).then(LISTED)
    assert given(LISTED).state(MEMBERSHIP).standing is Standing.LISTED


@pytest.mark.parametrize("before", [LISTED, INVITED])
def test_naming_a_known_person_again_changes_nothing(before: PersonListed) -> None:
    given(before).when(LIST, by=ADMIN).then_nothing()


def test_a_responder_names_nobody() -> None:
    given().when(LIST, by=actor(3, Role.RESPONDER)).then_refused(Forbidden)


def test_new_roles_replace_the_old_ones_and_both_are_on_record() -> None:
    change = ChangeRoles(roles=frozenset({Role.VIEWER, Role.AUDITOR}))
    changed = RolesChanged(roles=(Role.AUDITOR, Role.VIEWER), before=(Role.RESPONDER,))
    given(INVITED, ACTIVATED).when(change, by=ADMIN).then(changed)
    state = given(INVITED, ACTIVATED, changed).state(MEMBERSHIP)
    assert state.roles == {Role.AUDITOR, Role.VIEWER}


def test_the_same_roles_again_change_nothing() -> None:
    given(INVITED, ACTIVATED).when(ChangeRoles(roles=RESPONDER), by=ADMIN).then_nothing()


def test_a_member_is_suspended_and_let_in_again_with_the_same_roles() -> None:
    given(INVITED, ACTIVATED).when(SuspendMember(reason="On leave"), by=ADMIN).then(SUSPENDED)
    given(INVITED, ACTIVATED, SUSPENDED).when(ReinstateMember(), by=ADMIN).then(ACTIVATED)
    state = given(INVITED, ACTIVATED, SUSPENDED, ACTIVATED).state(MEMBERSHIP)
    assert (state.standing, state.roles) == (Standing.ACTIVE, RESPONDER)


def test_an_external_auditor_is_let_in_for_a_time() -> None:
    roles = frozenset({Role.EXTERNAL_AUDITOR})
    add = AddMember(subject=FREYA, name="Freya Lind", roles=roles)
    given().when(add, by=OWNER).then_refused(Invalid, "until when")
    invited = MemberInvited(subject=FREYA, name=NAME, roles=(Role.EXTERNAL_AUDITOR,), until=LATER)
    timed = add.model_copy(update={"until": LATER})
    given().when(timed, by=OWNER).then(invited, ACTIVATED)
    state = given(invited, ACTIVATED).state(MEMBERSHIP)
    assert (state.may_act(MONDAY), state.may_act(LATER)) == (True, False)
    assert not given(invited, ACTIVATED, SUSPENDED).state(MEMBERSHIP).may_act(MONDAY)


def test_the_time_of_a_member_is_changed_by_itself() -> None:
    longer = ChangeRoles(roles=RESPONDER, until=LATER)
    roles = (Role.RESPONDER,)
    changed = RolesChanged(roles=roles, before=roles, until=LATER)
    given(INVITED, ACTIVATED).when(longer, by=ADMIN).then(changed)
    given(INVITED, ACTIVATED, changed).when(longer, by=ADMIN).then_nothing()
    assert given(INVITED, ACTIVATED, changed).state(MEMBERSHIP).until == LATER
    assert given(INVITED, ACTIVATED, changed, REMOVED).state(MEMBERSHIP).until is None


@pytest.mark.parametrize(
    ("roles", "until", "why"), [({Role.OWNER}, LATER, "owner"), ({Role.VIEWER}, MONDAY, "to come")]
)
def test_no_time_runs_out_for_an_owner_or_has_run_out_already(
    roles: frozenset[Role], until: datetime, why: str
) -> None:
    change = ChangeRoles(roles=roles, until=until)
    given(INVITED, ACTIVATED).when(change, by=OWNER).then_refused(Invalid, why)


def test_a_member_may_be_bound_to_teams() -> None:
    bind = ChangeRoles(roles=RESPONDER, teams=frozenset({"warehouse", "night shift"}))
    roles, teams = (Role.RESPONDER,), ("night shift", "warehouse")
    bound = RolesChanged(roles=roles, before=roles, teams=teams)
    given(INVITED, ACTIVATED).when(bind, by=ADMIN).then(bound)
    given(INVITED, ACTIVATED, bound).when(bind, by=ADMIN).then_nothing()
    assert given(INVITED, ACTIVATED, bound).state(MEMBERSHIP).teams == bind.teams
    admin = ChangeRoles(roles=frozenset({Role.ADMIN}), teams=bind.teams)
    given(INVITED, ACTIVATED).when(admin, by=ADMIN).then_refused(Invalid, "bound to no teams")


def test_who_was_removed_has_no_roles_left() -> None:
    given(INVITED, ACTIVATED).when(RemoveMember(), by=ADMIN).then(REMOVED)
    state = given(INVITED, ACTIVATED, REMOVED).state(MEMBERSHIP)
    assert (state.standing, state.roles) == (Standing.REMOVED, frozenset())


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_his_own_membership(change: MembershipCommand) -> None:
    herself = Actor(FREYA, TENANT, frozenset({Role.OWNER}))
    history = given(INVITED_AS_OWNER, ACTIVATED)
    history.when(change, by=herself).then_refused(SegregationOfDuties)


@pytest.mark.parametrize("change", [*CHANGES, ADD])
def test_an_admin_decides_nothing_about_owners(change: MembershipCommand) -> None:
    history = given(INVITED_AS_OWNER, ACTIVATED)
    history.when(change, by=ADMIN).then_refused(Forbidden, "owner")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "since",
    [
        REMOVED,
        RolesChanged(roles=(Role.ADMIN,), before=(Role.OWNER,)),
        RolesChanged(roles=(Role.VIEWER,), before=(Role.OWNER,)),
    ],
    ids=["out", "an admin", "a viewer"],
)
def test_an_owner_who_is_none_any_more_decides_nothing_about_owners(
    change: MembershipCommand, since: MembershipEvent
) -> None:
    owner = given(INVITED_AS_OWNER, ACTIVATED)
    [own] = change.involves(OWNER)
    assert own == membership_stream(TENANT, OWNER.id)
    as_he_is = given(INVITED_AS_OWNER, ACTIVATED, since).state(MEMBERSHIP)
    owner.beside(own, as_he_is).when(change, by=OWNER).then_refused(Forbidden)
    as_he_was = owner.state(MEMBERSHIP)
    owner.beside(own, as_he_was).when(RemoveMember(), by=OWNER).then(REMOVED)


@pytest.mark.parametrize("change", CHANGES)
def test_the_product_itself_is_no_member(change: MembershipCommand) -> None:
    assert change.involves(system_actor(TENANT)) == ()


def test_an_admin_does_not_let_a_suspended_owner_in_again() -> None:
    history = given(INVITED_AS_OWNER, ACTIVATED, SUSPENDED)
    history.when(ReinstateMember(), by=ADMIN).then_refused(Forbidden, "owner")


def test_an_admin_makes_nobody_an_owner() -> None:
    promotion = ChangeRoles(roles=frozenset({Role.OWNER}))
    given(INVITED, ACTIVATED).when(promotion, by=ADMIN).then_refused(Forbidden, "owner")


def test_an_owner_makes_owners() -> None:
    promotion = ChangeRoles(roles=frozenset({Role.OWNER}))
    promoted = RolesChanged(roles=(Role.OWNER,), before=(Role.RESPONDER,))
    given(INVITED, ACTIVATED).when(promotion, by=OWNER).then(promoted)


def test_the_first_owner_is_made_by_the_product_itself() -> None:
    add = AddMember(subject=FREYA, name="Freya Lind", roles=frozenset({Role.OWNER}))
    given().when(add, by=system_actor(TENANT)).then(INVITED_AS_OWNER, ACTIVATED)


@pytest.mark.parametrize("change", [*CHANGES, ADD, ReinstateMember()])
def test_a_viewer_decides_nothing_about_members(change: MembershipCommand) -> None:
    viewer = actor(4, Role.VIEWER)
    given(INVITED, ACTIVATED).when(change, by=viewer).then_refused(Forbidden, "members.manage")


@pytest.mark.parametrize("change", [*CHANGES, ReinstateMember()])
def test_nothing_is_changed_about_nobody(change: MembershipCommand) -> None:
    given().when(change, by=OWNER).then_refused(NotFound)


@pytest.mark.parametrize("change", [*CHANGES, ReinstateMember()])
def test_nothing_is_changed_about_who_has_left(change: MembershipCommand) -> None:
    given(INVITED, ACTIVATED, REMOVED).when(change, by=OWNER).then_refused(IllegalTransition)


def test_a_membership_lies_where_its_organization_and_person_say() -> None:
    here, elsewhere = membership_stream(TENANT, FREYA), membership_stream(FREYA, TENANT)
    assert here == membership_stream(TENANT, FREYA) != elsewhere


def test_who_is_invited_acts_here_once_he_has_accepted() -> None:
    given().when(INVITE, by=OWNER).then(INVITED)
    given(INVITED).when(AcceptInvitation(), by=OWNER).then(ACTIVATED)
    given(INVITED, ACTIVATED).when(AcceptInvitation(), by=OWNER).then_nothing()


def test_who_accepts_says_how_to_be_called() -> None:
    renamed = MemberRenamed(subject=FREYA, name=Clear(FREYA, "Freya L."))
    accept = AcceptInvitation(name="Freya L.")
    given(INVITED).when(accept, by=OWNER).then(renamed, ACTIVATED)
    assert given(INVITED, renamed).state(MEMBERSHIP).name == renamed.name


def test_an_invitation_is_for_who_is_not_here_yet() -> None:
    given(INVITED).when(INVITE, by=OWNER).then_refused(IllegalTransition)
    given(INVITED, REMOVED).when(AcceptInvitation(), by=OWNER).then_refused(IllegalTransition)


def test_an_invitation_is_withdrawn_until_it_was_accepted() -> None:
    given(INVITED).when(WithdrawInvitation(), by=ADMIN).then(REMOVED)
    given(INVITED, ACTIVATED).when(WithdrawInvitation(), by=ADMIN).then_refused(IllegalTransition)
    given(INVITED_AS_OWNER).when(WithdrawInvitation(), by=ADMIN).then_refused(Forbidden)


def test_a_record_of_no_team_is_within_every_team() -> None:
    assert SuspendMember().is_within(MEMBERSHIP.empty, frozenset({"warehouse"}))


def test_an_invitation_is_renewed_until_it_is_accepted() -> None:
    renewed = InvitationRenewed()
    given(INVITED).when(RenewInvitation(), by=ADMIN).then(renewed)
    assert given(INVITED, renewed).state(MEMBERSHIP) == given(INVITED).state(MEMBERSHIP)
    given(INVITED, ACTIVATED).when(RenewInvitation(), by=ADMIN).then_refused(IllegalTransition)
    given(INVITED_AS_OWNER).when(RenewInvitation(), by=ADMIN).then_refused(Forbidden)
    given().when(RenewInvitation(), by=ADMIN).then_refused(NotFound)
