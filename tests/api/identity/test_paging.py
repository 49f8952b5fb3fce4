"""Lists of people and keys come in pages: each item once, and in order."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from tests.api.serving import Served, Somebody, told
from write_model.kernel.access import Role

LISTS = ("/v1/members", "/v1/invitations", "/v1/api-keys")
Adding = Callable[[str], Awaitable[str]]


@pytest.fixture
async def owner(served: Served) -> Somebody:
    return (await served.somebody(Role.OWNER)).proven(served)


def adding(served: Served, owner: Somebody, path: str) -> Adding:
    """Puts another item into a list, and tells its id."""

    async def member(_: str) -> str:
        return str((await served.somebody(Role.VIEWER, tenant=owner.tenant)).id)

    async def invitation(name: str) -> str:
        body = {"email": f"{name}@harbor.example", "name": name, "roles": ["viewer"]}
        return str(told(await owner.post("/v1/invitations", body))["id"])

    async def key(name: str) -> str:
        body = {"name": name, "scopes": ["people.read"]}
        return str(told(await owner.post("/v1/api-keys", body))["id"])

    return (member, invitation, key)[LISTS.index(path)]


async def pages(owner: Somebody, path: str, limit: int) -> AsyncGenerator[tuple[list[str], bool]]:
    """The ids on each page, as the links lead from one to the next, and whether it is the last."""
    following: str | None = f"{path}?limit={limit}"
    while following is not None:
        answer = await owner.get(following)
        assert answer.status_code == 200, answer.text
        following = answer.links["next"]["url"] if "next" in answer.links else None
        assert (following is None) is (told(answer)["next_cursor"] is None)
        yield [item["id"] for item in told(answer)["items"]], following is None


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [2, 5])
async def test_each_comes_once_and_in_order_while_others_are_added(
    path: str, limit: int, served: Served, owner: Somebody
) -> None:
    add, seen, added = adding(served, owner, path), list[str](), list[str]()
    before = [str(owner.id)] if path == "/v1/members" else []
    before += [await add(f"early-{number}") for number in range(5)]
    async for page, is_last in pages(owner, path, limit):
        seen += page
        if not is_last:
            added.append(await add(f"late-{len(added)}"))
    assert seen == [*before, *added]


@pytest.mark.parametrize("path", LISTS)
async def test_a_page_is_asked_for_as_everywhere(
    path: str, served: Served, owner: Somebody
) -> None:
    add = adding(served, owner, path)
    await asyncio.gather(*(add(f"freya-{number}") for number in range(3)))
    cursor = told(await owner.get(f"{path}?limit=1"))["next_cursor"]
    assert len(told(await owner.get(f"{path}?cursor="))["items"]) >= 3
    stranger = await served.somebody(Role.OWNER)
    other = LISTS[LISTS.index(path) - 1]
    refused: list[tuple[Somebody, str, str]] = [
        (owner, f"{path}?limit=0", "limit"),
        (owner, f"{path}?limit=501", "limit"),
        (owner, f"{path}?cursor=abc", "cursor"),
        (owner, f"{path}?after=7", "after"),
        (owner, f"{other}?cursor={cursor}", "cursor"),
        (stranger, f"{path}?cursor={cursor}", "cursor"),
    ]
    for who, asked, field in refused:
        answer = await who.get(asked)
        problem: dict[str, Any] = told(answer)
        assert (answer.status_code, problem["errors"][0]["field"]) == (422, field), asked
