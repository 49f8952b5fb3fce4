"""What a caller can rely on when asking what there is and what has happened."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.serving import Served, Somebody, serving, told
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

pytestmark = pytest.mark.usefixtures("projector")


async def repaired(commander: Somebody) -> dict[str, Any]:
    """The story so far: a leak was declared, acknowledged and resolved; the last answer."""
    await commander.declares()
    await commander.post("/v1/incidents/INC-1/acknowledge")
    answer = await commander.post("/v1/incidents/INC-1/resolve", {"resolution": "Hose replaced"})
    return told(answer)


async def test_who_writes_reads_his_own_write(commander: Somebody) -> None:
    done = await repaired(commander)
    answer = await commander.get(f"/v1/incidents/INC-1?min_position={done['position']}")
    document = told(answer)
    assert answer.status_code == 200
    assert (document["status"], document["version"]) == ("resolved", 3)
    assert document["resolution"] == "Hose replaced"
    assert int(answer.headers["X-Position"]) >= done["position"]
    assert "stale" not in document


async def test_a_position_may_stand_in_a_header(commander: Somebody) -> None:
    done = await repaired(commander)
    answer = await commander.get(
        f"/v1/incidents/{done['id']}", X_Min_Position=str(done["position"])
    )
    assert told(answer)["version"] == 3


async def test_names_are_filled_in_for_the_people_of_a_document(commander: Somebody) -> None:
    done = await repaired(commander)
    document = told(await commander.get(f"/v1/incidents/INC-1?min_position={done['position']}"))
    assert document["reporter"] == str(commander.id)
    assert document["people"] == {str(commander.id): "Ada Forklift"}


async def test_an_incident_merged_by_reference_tells_the_id_of_the_other(
    commander: Somebody,
) -> None:
    winner = await commander.declares()
    loser = await commander.declares()
    merged = told(await commander.post("/v1/incidents/INC-2/merge", {"into": "INC-1"}))
    path = f"/v1/incidents/{loser['id']}?min_position={merged['position']}"
    assert told(await commander.get(path))["merged_into"] == winner["id"]


async def test_an_injured_person_is_named_only_to_who_may_know(
    served: Served, commander: Somebody
) -> None:
    declared = await commander.declares(injured="Grace Hopper")
    path = f"/v1/incidents/INC-1?min_position={declared['position']}"
    assert told(await commander.get(path))["injured"] == "Grace Hopper"
    viewer = await served.somebody(Role.VIEWER, tenant=commander.tenant)
    for read in (path, "/v1/incidents/INC-1/history", "/v1/incidents/INC-1/timeline", "/v1/events"):
        answer = await viewer.get(read)
        assert answer.status_code == 200
        assert "Hopper" not in answer.text
        assert "sealed" not in answer.text


async def test_a_read_past_its_patience_says_that_it_is_stale(
    commander: Somebody, settings: Settings
) -> None:
    declared = await commander.declares()
    await commander.get(f"/v1/incidents/INC-1?min_position={declared['position']}")
    async with serving(settings.model_copy(update={"read_wait_s": 4.0})) as hasty:
        elsewhere = replace(commander, http=hasty.http)
        answer = await elsewhere.get("/v1/incidents/INC-1?min_position=99999")
    assert (answer.status_code, told(answer)["stale"]) == (200, True)
    assert int(answer.headers["X-Position"]) == declared["position"]
    assert "ETag" not in answer.headers


async def test_who_has_the_document_already_is_told_so(commander: Somebody) -> None:
    declared = await commander.declares()
    path = f"/v1/incidents/INC-1?min_position={declared['position']}"
    etag = (await commander.get(path)).headers["ETag"]
    assert etag.startswith('"1.')
    unchanged = await commander.get(path, If_None_Match=etag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    acknowledged = await commander.post("/v1/incidents/INC-1/acknowledge", If_Match=etag)
    path = f"/v1/incidents/INC-1?min_position={told(acknowledged)['position']}"
    assert (await commander.get(path, If_None_Match=etag)).status_code == 200


async def test_what_another_organization_has_is_not_found(
    served: Served, commander: Somebody
) -> None:
    done = await repaired(commander)
    await commander.get(f"/v1/incidents/INC-1?min_position={done['position']}")
    stranger = await served.somebody(Role.OWNER)
    for name in (done["id"], "INC-1", "INC-x", "leak"):
        for rest in ("", "/history", "/timeline", "/actions"):
            answer = await stranger.get(f"/v1/incidents/{name}{rest}")
            assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    assert told(await stranger.get("/v1/incidents?facets=status")) == {
        "items": [],
        "next_cursor": None,
        "facets": {"status": {}},
    }


async def test_history_tells_each_field_before_and_after(commander: Somebody) -> None:
    done = await repaired(commander)
    answer = await commander.get(f"/v1/incidents/INC-1/history?min_position={done['position']}")
    items = told(answer)["items"]
    assert [item["type"] for item in items] == [
        "incident.declared",
        "incident.acknowledged",
        "incident.resolved",
    ]
    assert items[2]["actor"] == str(commander.id)
    changes = {change["field"]: change for change in items[2]["changes"]}
    assert (changes["status"]["from"], changes["status"]["to"]) == ("in_progress", "resolved")


async def test_history_comes_in_pages(commander: Somebody) -> None:
    done = await repaired(commander)
    path = f"/v1/incidents/INC-1/history?limit=2&min_position={done['position']}"
    first = told(await commander.get(path))
    second = told(await commander.get(f"{path}&cursor={first['next_cursor']}"))
    assert [item["version"] for item in first["items"] + second["items"]] == [1, 2, 3]
    assert second["next_cursor"] is None


async def test_a_timeline_tells_what_happened_first(commander: Somebody) -> None:
    await commander.declares()
    late = await commander.post(
        "/v1/incidents/INC-1/notes", {"text": "A puddle", "occurred_at": "2020-01-01T00:00:00Z"}
    )
    path = f"/v1/incidents/INC-1/timeline?min_position={told(late)['position']}"
    happened = told(await commander.get(path))["items"]
    recorded = told(await commander.get(f"{path}&by=recorded_at"))["items"]
    assert [item["version"] for item in happened] == [2, 1]
    assert [item["version"] for item in recorded] == [1, 2]
    wrong = await commander.get("/v1/incidents/INC-1/timeline?by=mood")
    assert (wrong.status_code, told(wrong)["errors"][0]["field"]) == (422, "by")


async def test_actions_are_what_this_caller_may_do_next(
    served: Served, commander: Somebody
) -> None:
    await commander.declares()
    mine = told(await commander.get("/v1/incidents/INC-1/actions"))
    assert {"acknowledge", "resolve", "cancel"} <= set(mine["actions"])
    assert "close" not in mine["actions"]
    viewer = await served.somebody(Role.VIEWER, tenant=commander.tenant)
    assert told(await viewer.get("/v1/incidents/INC-1/actions"))["actions"] == []


async def test_the_list_filters_counts_and_goes_on(commander: Somebody) -> None:
    for severity in ("sev1", "sev2", "sev2", "sev3"):
        last = await commander.declares(severity=severity)
    path = f"/v1/incidents?severity=sev1,sev2&sort=number&limit=2&min_position={last['position']}"
    answer = await commander.get(f"{path}&facets=severity,status")
    first = told(answer)
    assert [item["reference"] for item in first["items"]] == ["INC-1", "INC-2"]
    assert first["facets"] == {"severity": {"sev2": 2, "sev1": 1}, "status": {"open": 3}}
    target = answer.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    second = told(await commander.get(target))
    assert [item["reference"] for item in second["items"]] == ["INC-3"]
    assert second["next_cursor"] is None


async def test_fields_cut_items_down(commander: Somebody) -> None:
    last = await commander.declares()
    answer = await commander.get(f"/v1/incidents?fields=id,title&min_position={last['position']}")
    assert told(answer)["items"] == [{"id": last["id"], "title": "The forklift leaks oil"}]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("sort=mood", "sort"),
        ("limit=0", "limit"),
        ("limit=5000", "limit"),
        ("fields=secret", "fields"),
        ("facets=title", "facets"),
        ("cursor=abc", "cursor"),
        ("opened_at[gte]=yesterday", "opened_at[gte]"),
        ("min_position=soon", "min_position"),
        ("status=opne", "status"),
        ("status=none", "status"),
        ("status=open,opne", "status"),
        ("severity=sev9", "severity"),
        ("priority=urgent", "priority"),
        ("facets=status,mood", "facets"),
        ("status=open&status=closed", "status"),
        ("limit=1&limit=2", "limit"),
        ("q=oil&sort=number&sort=number", "sort"),
    ],
)
async def test_a_question_that_makes_no_sense_is_named(
    commander: Somebody, query: str, field: str
) -> None:
    answer = await commander.get(f"/v1/incidents?{query}")
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")
    assert told(answer)["errors"][0]["field"] == field


async def test_a_value_that_cannot_be_is_answered_with_those_that_can(commander: Somebody) -> None:
    answer = await commander.get("/v1/incidents?severity=sev9")
    assert told(answer)["detail"] == "sev9 is not one of sev1, sev2, sev3, sev4."


async def test_no_question_takes_a_parameter_twice(commander: Somebody) -> None:
    await commander.declares()
    for path, name in (
        ("/v1/incidents/INC-1", "min_position"),
        ("/v1/incidents/INC-1/history", "limit"),
        ("/v1/incidents/INC-1/timeline", "by"),
        ("/v1/events", "type"),
        ("/v1/people", "ids"),
    ):
        answer = await commander.get(f"{path}?{name}=1&{name}=2")
        assert (answer.status_code, told(answer)["code"]) == (422, "validation"), path
        assert told(answer)["errors"] == [
            {"field": name, "message": f"Give {name} once; put commas between several values."}
        ]


async def test_no_parameter_may_hold_what_no_text_of_the_database_holds(
    served: Served, owner: Somebody
) -> None:
    await owner.declares()
    for path, operation in (await described(served, "get")).items():
        names = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
        address = named(path.replace("{member}", str(owner.id)), "INC-1")
        for name in names:
            answer = await owner.get(f"{address}?{quote(name)}=a%00b")
            assert (answer.status_code, told(answer)["code"]) == (422, "validation"), answer.url
            assert [error["field"] for error in told(answer)["errors"]] == [name]
            assert answer.headers["Content-Type"] == "application/problem+json"


async def test_neither_may_a_parameter_that_nobody_knows(commander: Somebody) -> None:
    for query in ("words=oil%00", "sta%00tus=open"):
        answer = await commander.get(f"/v1/incidents?{query}")
        assert (answer.status_code, told(answer)["code"]) == (422, "validation")
    # Written twice, it is three harmless characters.
    assert (await commander.get("/v1/incidents?team=%2500")).status_code == 200


async def test_no_address_may_hold_it(served: Served, owner: Somebody) -> None:
    for method in ("get", "post"):
        for path in await described(served, method):
            if "{" in path:
                ask = owner.get if method == "get" else owner.post
                answer = await ask(named(path, "INC-%00"))
                assert answer.status_code in (404, 422), answer.url
                assert answer.headers["Content-Type"] == "application/problem+json"


async def described(served: Served, method: str) -> dict[str, Any]:
    """The operations of the API that take this method and need a token, by path."""
    paths = told(await served.http.get("/openapi.json"))["paths"]
    found = {path: each[method] for path, each in paths.items() if method in each}
    return {path: each for path, each in found.items() if each["x-permission"]}


def named(path: str, record: str) -> str:
    """The path with a record in every place for one."""
    return re.sub(r"{\w+}", record, path)


async def test_a_cursor_opens_only_its_own_question(served: Served, commander: Somebody) -> None:
    await commander.declares()
    last = await commander.declares()
    page = told(await commander.get(f"/v1/incidents?limit=1&min_position={last['position']}"))
    cursor = page["next_cursor"]
    stranger = await served.somebody(Role.OWNER)
    for who, query in ((commander, "sort=number"), (stranger, "limit=1")):
        answer = await who.get(f"/v1/incidents?{query}&cursor={cursor}")
        assert (answer.status_code, told(answer)["errors"][0]["field"]) == (422, "cursor")


async def test_words_find_an_incident_as_soon_as_they_are_told(commander: Somebody) -> None:
    await commander.declares()
    last = told(await commander.post("/v1/incidents/INC-1/notes", {"text": "A puddle at gate 4"}))
    shown = f"min_position={last['position']}&facets=status"
    page = told(await commander.get(f"/v1/incidents?q=Puddle+-crane&{shown}"))
    assert [item["reference"] for item in page["items"]] == ["INC-1"]
    assert page["facets"] == {"status": {"open": 1}}
    assert told(await commander.get(f"/v1/incidents?q=crane&{shown}"))["items"] == []
    answer = await commander.get("/v1/incidents?q=-")
    assert (answer.status_code, told(answer)["errors"][0]["field"]) == (422, "q")


async def test_the_feed_has_every_event_once_and_in_order(commander: Somebody) -> None:
    done = await repaired(commander)
    positions = list[int]()
    after = 0
    while True:
        path = f"/v1/events?after={after}&limit=2&min_position={done['position']}"
        page = told(await commander.get(path))
        positions += [item["position"] for item in page["items"]]
        after = page["next"]
        if not page["more"]:
            break
    assert positions == list(range(1, done["position"] + 1))


async def test_a_position_that_the_log_has_not_is_of_a_lost_branch(served: Served) -> None:
    somebody = await served.somebody(Role.OWNER)
    incident = await somebody.declares()
    assert (await somebody.get(f"/v1/events?after={incident['position']}")).status_code == 200
    answer = await somebody.get(f"/v1/events?after={incident['position'] + 1}")
    assert (answer.status_code, told(answer)["code"]) == (410, "log_restored")


@pytest.mark.parametrize("question", ["after=x", "epoch=x", "after=1&epoch=-1"])
async def test_positions_and_epochs_are_whole_numbers(commander: Somebody, question: str) -> None:
    assert told(await commander.get(f"/v1/events?{question}"))["code"] == "validation"


async def test_the_feed_is_narrowed_by_type_and_subject(commander: Somebody) -> None:
    done = await repaired(commander)
    other = await commander.declares()
    query = f"min_position={other['position']}&type=incident.declared"
    both = told(await commander.get(f"/v1/events?{query}"))["items"]
    assert [item["type"] for item in both] == ["incident.declared"] * 2
    one = told(await commander.get(f"/v1/events?{query}&subject=INC-1"))["items"]
    assert [item["subject"] for item in one] == [done["id"]]
    assert one[0]["specversion"] == "1.0"
    answer = await commander.get("/v1/events?type=incident.declared,incident.spilled")
    assert (answer.status_code, told(answer)["errors"][0]["field"]) == (422, "type")


async def test_who_may_not_see_the_history_of_all_is_refused_the_feed(
    served: Served, commander: Somebody
) -> None:
    reporter = await served.somebody(Role.REPORTER, tenant=commander.tenant)
    answer = await reporter.get("/v1/events")
    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")


async def test_what_one_process_has_written_another_shows(
    served: Served, settings: Settings, commander: Somebody
) -> None:
    async with serving(settings) as other:
        elsewhere = replace(commander, http=other.http)
        for number in (1, 2, 3):
            last = await commander.declares()
            shown = f"min_position={last['position']}"
            one = await elsewhere.get(f"/v1/incidents/{last['id']}?{shown}")
            assert (one.status_code, told(one)["reference"]) == (200, f"INC-{number}")
            page = await elsewhere.get(f"/v1/incidents?{shown}&facets=status")
            assert told(page)["facets"] == {"status": {"open": number}}
            assert len(told(page)["items"]) == number
            for answer in (one, page):
                assert int(answer.headers["X-Position"]) >= last["position"]
                assert "stale" not in told(answer)
