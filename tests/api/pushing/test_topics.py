"""Who is shown what, and that it is one view for all who see the same."""

from __future__ import annotations

from uuid import UUID

import pytest

from api.pushing.topics import Topic, View
from projections.push import Message
from write_model.kernel.access import Actor, Role
from write_model.kernel.errors import Forbidden

HARBOR, FORKLIFT, CRANE = UUID(int=1), UUID(int=2), UUID(int=3)


def somebody(role: Role) -> Actor:
    return Actor(UUID(int=9), HARBOR, frozenset({role}))


def message(kind: str, subject: UUID = FORKLIFT) -> Message:
    return Message(HARBOR, 1, kind, subject, "{}")


EVERYTHING = [message("incident"), message("incident", CRANE), message("membership")]


def test_people_with_equal_rights_share_a_view() -> None:
    topics = (Topic("incident", FORKLIFT),)
    first, second = (View.of(somebody(role), topics) for role in (Role.OWNER, Role.ADMIN))
    assert first is second
    assert View.of(somebody(Role.OWNER), ()) is not first


def test_without_topics_everything_is_shown_that_the_roles_permit() -> None:
    assert View.of(somebody(Role.OWNER), ()).of_these(EVERYTHING) == EVERYTHING
    reporter = somebody(Role.REPORTER)
    shown = View.of(reporter, ()).of_these(EVERYTHING)
    assert [each.kind for each in shown] == ["incident"] * 2 * reporter.may("incident.read")


def test_topics_narrow_it() -> None:
    one = View.of(somebody(Role.OWNER), (Topic("incident", FORKLIFT), Topic("membership")))
    assert one.of_these(EVERYTHING) == [EVERYTHING[0], EVERYTHING[2]]


def test_a_topic_that_one_may_not_follow_is_refused() -> None:
    with pytest.raises(Forbidden):
        View.of(somebody(Role.REPORTER), (Topic("membership"),))
