import json
import stat
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.identity import QUICK, ToldTime
from workers.first_start import EMAIL, first_start
from write_model.accounts import Accounts
from write_model.kernel.access import Role
from write_model.kernel.blind_index import BlindIndex
from write_model.kernel.credentials import Logins
from write_model.kernel.passwords import Passwords
from write_model.kernel.settings import Settings
from write_model.membership.membership import Standing
from write_model.opening import opened
from write_model.organization.first import first_tenant
from write_model.organization.organization import ORGANIZATION


@pytest.fixture
async def accounts(settings: Settings) -> AsyncGenerator[Accounts]:
    async with opened(settings) as it:
        yield Accounts(
            it.write_model, Logins(it.pool), Passwords(QUICK), it.keyring, it.master, it.ids
        )


@pytest.fixture
def login(tmp_path: Path) -> Path:
    return tmp_path / "first-login.json"


async def start(accounts: Accounts, login: Path) -> bool:
    return await first_start(
        accounts,
        organization="Harbor Warehouses",
        url="http://127.0.0.1:8400",
        login=login,
        clock=ToldTime(),
    )


async def opens(accounts: Accounts, login: Path) -> bool:
    """Whether the written password is the administrator's."""
    found = await accounts.logins.find(BlindIndex(accounts.master).of(EMAIL))
    assert found is not None
    verdict = await accounts.passwords.verified(written(login)["password"], found.password_hash)
    return verdict.matches


def written(login: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(login.read_text())
    return content


def mode(login: Path) -> int:
    return stat.S_IMODE(login.stat().st_mode)


async def test_the_first_start_founds_an_organization_with_one_owner(
    accounts: Accounts, login: Path
) -> None:
    assert await start(accounts, login)
    tenant = first_tenant(accounts.master)
    organization, _ = await accounts.write_model.state(tenant, tenant, ORGANIZATION)
    assert organization.name == "Harbor Warehouses"
    (seat,) = await accounts.logins.members_of(tenant, at_most=2)
    owner = await accounts.membership(tenant, seat.user)
    assert (owner.standing, owner.roles) == (Standing.ACTIVE, frozenset({Role.OWNER}))


async def test_the_login_is_in_a_file_that_only_its_owner_reads(
    accounts: Accounts, login: Path
) -> None:
    await start(accounts, login)
    assert mode(login) == 0o600
    assert written(login).keys() == {"url", "organization", "email", "password", "good_until"}
    assert len(written(login)["password"]) == 24
    assert await opens(accounts, login)


async def test_the_password_ends_after_seven_days(accounts: Accounts, login: Path) -> None:
    await start(accounts, login)
    end = ToldTime().now + timedelta(days=7)
    assert datetime.fromisoformat(written(login)["good_until"]) == end
    found = await accounts.logins.find(BlindIndex(accounts.master).of(EMAIL))
    assert found is not None
    assert found.good_until == end


async def test_later_starts_change_nothing(accounts: Accounts, login: Path) -> None:
    await start(accounts, login)
    first = written(login)
    assert not await start(accounts, login)
    assert written(login) == first


class Killed(BaseException):
    """The process dies here."""


STEPS = (
    (Logins, "claim"),
    (Accounts, "settle"),
    (Accounts, "join"),
    (Path, "replace"),
)


@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_start_that_was_killed_is_finished_by_the_next(
    owner: type, step: str, moment: str, accounts: Accounts, login: Path
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, step, _killed(getattr(owner, step), moment))
        with pytest.raises(Killed):
            await start(accounts, login)
    assert await start(accounts, login)
    assert await opens(accounts, login)
    assert len(await accounts.logins.members_of(first_tenant(accounts.master), at_most=2)) == 1
    assert not await start(accounts, login)


def _killed(step: Any, moment: str) -> Any:
    async def awaited(*arguments: Any, **named: Any) -> None:
        if moment == "after":
            await step(*arguments, **named)
        raise Killed

    def called(*arguments: Any, **named: Any) -> None:
        if moment == "after":
            step(*arguments, **named)
        raise Killed

    return called if step is Path.replace else awaited
