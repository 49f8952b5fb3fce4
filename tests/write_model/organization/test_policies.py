"""An organization's policies are remembered only while a change of them would be reported."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.write_model.kernel.test_records import TENANT, StreamsInMemory, recorded
from write_model.kernel.policies import DEFAULTS, Policies
from write_model.kernel.records import Records
from write_model.organization.events import OrganizationFounded, PoliciesSet
from write_model.organization.policies import OrganizationPolicies

LATE, WINDOW = timedelta(days=2), timedelta(days=10)
FOUNDED = recorded(OrganizationFounded(name="Harbor Warehouses"), 1)._replace(stream=TENANT)
SET = recorded(PoliciesSet(late_reopen_after=LATE, reopen_window=WINDOW), 2)._replace(stream=TENANT)
DECIDED = Policies(2, LATE, WINDOW)


@pytest.fixture
def streams() -> StreamsInMemory:
    return StreamsInMemory([FOUNDED])


@pytest.fixture
def policies(streams: StreamsInMemory) -> OrganizationPolicies:
    return OrganizationPolicies(Records(streams, remembered=10))


async def test_they_are_read_once(policies: OrganizationPolicies, streams: StreamsInMemory) -> None:
    streams.history.append(SET)
    assert policies.known(TENANT) is None
    assert await policies.of(TENANT) == DECIDED
    assert policies.known(TENANT) == await policies.of(TENANT) == DECIDED
    assert len(streams.asked) == 1


async def test_defaults_are_remembered_too(
    policies: OrganizationPolicies, streams: StreamsInMemory
) -> None:
    streams.history.clear()
    assert await policies.of(TENANT) == await policies.of(TENANT) == DEFAULTS
    assert len(streams.asked) == 1


async def test_they_are_read_again_when_something_has_happened(
    policies: OrganizationPolicies, streams: StreamsInMemory
) -> None:
    assert await policies.of(TENANT) == DEFAULTS
    streams.history.append(SET)
    assert await policies.of(TENANT) == DEFAULTS
    policies.forget(TENANT)
    assert await policies.of(TENANT) == DECIDED


async def test_without_the_tail_they_are_read_for_every_command(
    policies: OrganizationPolicies, streams: StreamsInMemory
) -> None:
    await policies.of(TENANT)
    policies.distrust()
    streams.history.append(SET)
    assert await policies.of(TENANT) == DECIDED
    assert policies.known(TENANT) is None
    policies.trust()
    await policies.of(TENANT)
    assert policies.known(TENANT) == DECIDED


async def test_what_changed_while_it_was_read_is_not_remembered(
    policies: OrganizationPolicies, streams: StreamsInMemory
) -> None:
    streams.answers.clear()
    reading = asyncio.create_task(policies.of(TENANT))
    await asyncio.sleep(0)
    policies.forget(TENANT)
    streams.answers.set()
    await reading
    assert policies.known(TENANT) is None
