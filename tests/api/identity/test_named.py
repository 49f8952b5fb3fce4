from typing import Any

import pytest

from tests.api.serving import Served, Somebody, told
from write_model.kernel.access import Role

OLE = {"name": "Ole Vik", "source": "old desk", "source_key": "Ole"}


async def test_a_person_in_old_records_is_named_once(owner: Somebody) -> None:
    first = await owner.post("/v1/people", OLE)
    again = await owner.post("/v1/people", OLE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert told(first)["id"] == told(again)["id"]
    assert (told(first)["version"], told(again)["version"]) == (1, 1)


async def test_many_are_named_at_once_in_the_order_given(owner: Somebody) -> None:
    people = [{"name": f"Person {n}", "source_key": f"key {n}"} for n in range(300)]
    items = told(await owner.post("/v1/people", {"people": people}))["items"]
    assert [item["source_key"] for item in items] == [one["source_key"] for one in people]
    again = await owner.post("/v1/people", {"people": people})
    assert again.status_code == 200
    assert [item["id"] for item in told(again)["items"]] == [item["id"] for item in items]


async def test_names_are_shown_by_id_to_the_organization(served: Served, owner: Somebody) -> None:
    ole = told(await owner.post("/v1/people", OLE))["id"]
    viewer = await served.somebody(Role.VIEWER, tenant=owner.tenant)
    for _ in range(2):
        answer = await viewer.get(f"/v1/people?ids={viewer.id},{ole},{ole}")
        names = [item["name"] for item in told(answer)["items"]]
        assert names == ["Ada Forklift", "Ole Vik", "Ole Vik"]


NOBODY: list[dict[str, Any]] = [
    {},
    {"name": "Ole", "people": [OLE]},
    {"people": []},
    {"people": [{}]},
    {"name": ""},
]


@pytest.mark.parametrize("body", NOBODY)
async def test_what_names_nobody_is_refused(body: dict[str, Any], owner: Somebody) -> None:
    assert (await owner.post("/v1/people", body)).status_code == 422


async def test_ids_must_be_ids(owner: Somebody) -> None:
    answer = await owner.get("/v1/people?ids=ole")
    assert answer.status_code == 422
    assert told(answer)["errors"][0]["field"] == "ids"


async def test_only_who_imports_names_people(served: Served) -> None:
    viewer = await served.somebody(Role.VIEWER)
    assert (await viewer.post("/v1/people", OLE)).status_code == 403
