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
    for answer in (first, again):
        assert answer.headers["ETag"] == '"1"'
        assert answer.headers["X-Position"] == str(told(answer)["position"])


async def test_many_are_named_at_once_in_the_order_given(owner: Somebody) -> None:
    people = [{"name": f"Person {n}", "source_key": f"key {n}"} for n in range(300)]
    items = told(await owner.post("/v1/people", {"people": people}))["items"]
    assert [item["source_key"] for item in items] == [one["source_key"] for one in people]
    again = await owner.post("/v1/people", {"people": people})
    assert again.status_code == 200
    assert [item["id"] for item in told(again)["items"]] == [item["id"] for item in items]


async def test_a_key_names_people_once_who_have_no_other(owner: Somebody) -> None:
    people = {"people": [{"name": "Ole Vik"}, {"name": "Ole Vik"}, OLE, OLE]}
    first = await owner.post("/v1/people", people, Idempotency_Key="crew-1")
    again = await owner.post("/v1/people", people, Idempotency_Key="crew-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert told(again) == told(first)
    assert (again.headers["Idempotency-Replayed"], "Idempotency-Replayed" in first.headers) == (
        "true",
        False,
    )
    assert len({item["id"] for item in told(first)["items"]}) == 3
    renamed = {"people": [{"name": "Ole Wiik"}, {"name": "Siri Dahl"}]}
    other = await owner.post("/v1/people", renamed, Idempotency_Key="crew-1")
    assert (other.status_code, told(other)["code"]) == (422, "idempotency_key_reused")
    last = told(await owner.post("/v1/people", {"name": "Kari"}))["position"]
    assert last == told(first)["items"][-1]["position"] + 1


async def test_a_key_names_one_person_once(owner: Somebody) -> None:
    first = await owner.post("/v1/people", {"name": "Ole Vik"}, Idempotency_Key="ole-1")
    again = await owner.post("/v1/people", {"name": "Ole Vik"}, Idempotency_Key="ole-1")
    assert (again.status_code, told(again)) == (201, told(first))
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await owner.post("/v1/people", {"name": "Ole Vik"}, Idempotency_Key="ole-2")
    assert told(other)["id"] != told(first)["id"]


async def test_a_thousand_people_are_named_under_one_key(owner: Somebody) -> None:
    people = {"people": [{"name": f"Person {n}", "source_key": str(n)} for n in range(1_000)]}
    first = await owner.post("/v1/people", people, Idempotency_Key="crew-1")
    again = await owner.post("/v1/people", people, Idempotency_Key="crew-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert told(again) == told(first)


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
