import os
from uuid import UUID

import pytest
from pydantic_core import PydanticSerializationError

from tests.identity import FREYA, HARBOR
from write_model.incident.events import IncidentAcknowledged
from write_model.kernel.access import Role
from write_model.kernel.messages import Event
from write_model.kernel.personal import CannotOpen, Clear, Place, Sealed, unseal
from write_model.kernel.sealing import personal_fields, seal_events, subjects_of
from write_model.kernel.serialization import decode, encode
from write_model.membership.events import MemberInvited, MembershipActivated
from write_model.user.events import UserRegistered

STREAM, COMMAND = UUID(int=1), UUID(int=2)
KEY = b"k" * 32
INVITED = MemberInvited(subject=FREYA, name=Clear(FREYA, "Freya Lind"), roles=(Role.VIEWER,))


def sealed(*events: Event) -> tuple[Event, ...]:
    return seal_events(
        events,
        tenant=HARBOR,
        stream=STREAM,
        command=COMMAND,
        keys={FREYA: KEY},
        salts=lambda: os.urandom(16),
    )


def test_a_personal_field_is_sealed_and_opens_in_its_place_only() -> None:
    (event,) = sealed(INVITED)
    assert isinstance(event, MemberInvited)
    assert isinstance(event.name, Sealed)
    assert unseal(event.name, KEY, Place(HARBOR, STREAM, COMMAND, "name")) == "Freya Lind"
    with pytest.raises(CannotOpen):
        unseal(event.name, KEY, Place(HARBOR, STREAM, COMMAND, "email"))


def test_what_is_stored_holds_no_clear_value_and_comes_back_sealed() -> None:
    (event,) = sealed(INVITED)
    stored = encode(event)
    assert b"Freya" not in stored
    assert decode(event.topic, 1, stored) == event


def test_a_clear_value_cannot_be_stored() -> None:
    with pytest.raises(PydanticSerializationError, match="Clear"):
        encode(INVITED)


def test_events_without_personal_fields_pass_untouched() -> None:
    events = (MembershipActivated(),)
    assert (
        seal_events(
            events, tenant=HARBOR, stream=STREAM, command=COMMAND, keys={}, salts=lambda: b""
        )
        is events
    )


def test_events_beside_a_sealed_one_stay_as_they_are() -> None:
    activated = MembershipActivated()
    assert sealed(INVITED, activated)[1] is activated


def test_what_is_sealed_already_is_not_sealed_again() -> None:
    once = sealed(INVITED)
    assert sealed(*once) == once


def test_whose_keys_are_needed_is_known_before_sealing() -> None:
    assert subjects_of([INVITED, MembershipActivated()]) == {FREYA}
    assert subjects_of(sealed(INVITED)) == frozenset()


def test_personal_fields_are_known_by_their_annotation() -> None:
    assert personal_fields(UserRegistered) == ("name", "email")
    assert personal_fields(IncidentAcknowledged) == ()
