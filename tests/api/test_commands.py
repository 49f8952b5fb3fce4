"""What a caller can rely on when asking for something to be done."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.serving import LEAK, Served, Somebody, told
from write_model.kernel.access import Role


async def test_a_declared_incident_is_created_with_its_reference(commander: Somebody) -> None:
    answer = await commander.post("/v1/incidents", LEAK)
    assert answer.status_code == 201
    assert told(answer) == {
        "id": told(answer)["id"],
        "reference": "INC-1",
        "version": 1,
        "position": told(answer)["position"],
    }
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["X-Position"] == str(told(answer)["position"])


async def test_a_command_names_its_incident_by_id_or_by_reference(commander: Somebody) -> None:
    incident = await commander.declares()
    acknowledged = await commander.post(f"/v1/incidents/{incident['id']}/acknowledge")
    assert (acknowledged.status_code, told(acknowledged)["version"]) == (200, 2)
    mitigated = await commander.post("/v1/incidents/inc-1/mitigate")
    assert (mitigated.status_code, told(mitigated)["version"]) == (200, 3)


async def test_a_field_that_names_an_incident_takes_its_reference_too(commander: Somebody) -> None:
    winner = await commander.declares()
    for into in (winner["id"], "INC-1", "inc-1"):
        loser = await commander.declares()
        merged = await commander.post(f"/v1/incidents/{loser['id']}/merge", {"into": into})
        assert (merged.status_code, told(merged)["version"]) == (200, 2)


async def test_in_a_field_only_what_is_here_can_be_named(
    served: Served, commander: Somebody
) -> None:
    stranger = await served.somebody(Role.INCIDENT_COMMANDER)
    await commander.declares()
    theirs = await commander.declares()
    await stranger.declares()
    for into in (theirs["id"], theirs["reference"], "AUD-1"):
        answer = await stranger.post("/v1/incidents/INC-1/merge", {"into": into})
        assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    for into in ("leak", "INC-0", 1, None):
        answer = await stranger.post("/v1/incidents/INC-1/merge", {"into": into})
        assert (answer.status_code, told(answer)["errors"][0]["field"]) == (422, "into")


async def test_the_same_source_key_answers_with_the_first_incident(commander: Somebody) -> None:
    alarm = {"source": "sensor", "source_key": "oil-7"}
    first = await commander.declares(**alarm)
    again = await commander.post("/v1/incidents", LEAK | alarm)
    assert again.status_code == 200
    assert told(again)["id"] == first["id"]


async def test_a_key_makes_a_retry_answer_as_the_first(commander: Somebody) -> None:
    first = await commander.post("/v1/incidents", LEAK, Idempotency_Key="leak-1")
    again = await commander.post("/v1/incidents", LEAK, Idempotency_Key="leak-1")
    assert again.status_code == first.status_code == 201
    assert told(again) == told(first)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


async def test_a_key_is_refused_for_another_request(commander: Somebody) -> None:
    await commander.post("/v1/incidents", LEAK, Idempotency_Key="leak-1")
    other = LEAK | {"title": "The other forklift leaks too"}
    answer = await commander.post("/v1/incidents", other, Idempotency_Key="leak-1")
    assert (answer.status_code, told(answer)["code"]) == (422, "idempotency_key_reused")


async def test_if_match_refuses_what_was_decided_on_an_older_version(commander: Somebody) -> None:
    incident = await commander.declares()
    path = f"/v1/incidents/{incident['id']}"
    seen = await commander.post(f"{path}/acknowledge", If_Match='"1.a1b2"')
    assert seen.status_code == 200
    stale = await commander.post(f"{path}/mitigate", If_Match='"1"')
    assert (stale.status_code, told(stale)["code"]) == (412, "version_mismatch")
    assert told(stale)["version"] == 2
    assert stale.headers["ETag"] == '"2"'


async def test_if_match_that_is_no_tag_is_malformed(commander: Somebody) -> None:
    incident = await commander.declares()
    answer = await commander.post(f"/v1/incidents/{incident['id']}/acknowledge", If_Match="one")
    assert (answer.status_code, told(answer)["code"]) == (400, "malformed")


async def test_an_illegal_transition_says_from_where_it_would_be_legal(commander: Somebody) -> None:
    incident = await commander.declares()
    answer = await commander.post(f"/v1/incidents/{incident['id']}/mitigate")
    problem = told(answer)
    assert (answer.status_code, problem["code"]) == (409, "illegal_transition")
    assert problem["allowed"] == ["in_progress"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["instance"] == answer.headers["X-Request-Id"]


async def test_what_another_status_would_not_help_names_none(commander: Somebody) -> None:
    await commander.declares()
    await commander.post("/v1/incidents/INC-1/tasks", {"title": "Strew sand"})
    for path, body in (
        ("/v1/incidents/INC-1/resolve", {"resolution": "Hose replaced"}),
        ("/v1/incidents/INC-1/merge", {"into": "INC-1"}),
    ):
        answer = await commander.post(path, body)
        assert (answer.status_code, told(answer)["code"]) == (409, "illegal_transition")
        assert "allowed" not in told(answer)


async def test_a_final_incident_is_locked(commander: Somebody) -> None:
    incident = await commander.declares()
    path = f"/v1/incidents/{incident['id']}"
    await commander.post(f"{path}/cancel", {"reason": "It was water"})
    answer = await commander.post(f"{path}/acknowledge")
    assert (answer.status_code, told(answer)["code"]) == (409, "record_locked")


async def test_another_organization_s_incident_does_not_exist(
    served: Served, commander: Somebody
) -> None:
    incident = await commander.declares()
    stranger = await served.somebody(Role.OWNER)
    for name in (incident["id"], "INC-1", str(uuid4()), "INC-9", "AUD-1", "leak"):
        answer = await stranger.post(f"/v1/incidents/{name}/acknowledge")
        assert (answer.status_code, told(answer)["code"]) == (404, "not_found")


async def test_nobody_names_a_new_incident_himself(commander: Somebody) -> None:
    answer = await commander.post(f"/v1/incidents/{uuid4()}/declare", LEAK)
    assert answer.status_code == 404


async def test_a_report_is_declared_out_of_triage(commander: Somebody) -> None:
    reported = await commander.post("/v1/incidents/reports", {"title": "Oil on the floor"})
    assert reported.status_code == 201
    answer = await commander.post(f"/v1/incidents/{told(reported)['id']}/declare", LEAK)
    assert (answer.status_code, told(answer)["version"]) == (200, 2)


async def test_who_lacks_the_permission_is_forbidden(served: Served, commander: Somebody) -> None:
    incident = await commander.declares()
    viewer = await served.somebody(Role.VIEWER, tenant=commander.tenant)
    answer = await viewer.post(f"/v1/incidents/{incident['id']}/acknowledge")
    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")


async def test_the_sole_resolver_of_a_grave_incident_does_not_close_it(commander: Somebody) -> None:
    incident = await commander.declares(severity="sev1")
    path = f"/v1/incidents/{incident['id']}"
    await commander.post(f"{path}/resolve", {"resolution": "Hose replaced"})
    await commander.post(f"{path}/waive-review", {"reason": "Known wear"})
    answer = await commander.post(f"{path}/close")
    assert (answer.status_code, told(answer)["code"]) == (403, "segregation_of_duties")


async def test_without_a_token_nobody_is_known(served: Served) -> None:
    answer = await served.http.post("/v1/incidents", json=LEAK)
    assert (answer.status_code, told(answer)["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"title": ""}, "title"),
        ({"severity": "huge"}, "severity"),
        ({"colour": "red"}, "colour"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
    ],
)
async def test_a_wrong_field_is_named(
    commander: Somebody, fields: dict[str, Any], wrong: str
) -> None:
    answer = await commander.post("/v1/incidents", LEAK | fields)
    problem = told(answer)
    assert (answer.status_code, problem["code"]) == (422, "validation")
    assert [error["field"] for error in problem["errors"]] == [wrong]


async def test_a_body_that_is_no_json_is_malformed(commander: Somebody) -> None:
    for content in (b"{", b"[1", b"leak"):
        answer = await commander.send("/v1/incidents", content, Content_Type="application/json")
        assert (answer.status_code, told(answer)["code"]) == (400, "malformed")


async def test_a_body_of_another_kind_is_refused(commander: Somebody) -> None:
    answer = await commander.send("/v1/incidents", b"title=Leak", Content_Type="text/plain")
    assert (answer.status_code, told(answer)["code"]) == (415, "unsupported_media_type")


async def test_a_body_past_the_limit_is_refused(commander: Somebody) -> None:
    content = b" " * (1024 * 1024 + 1)
    answer = await commander.send("/v1/incidents", content, Content_Type="application/json")
    assert (answer.status_code, told(answer)["code"]) == (413, "payload_too_large")


async def test_notes_and_tasks_are_named_in_the_path(commander: Somebody) -> None:
    incident = await commander.declares()
    path = f"/v1/incidents/{incident['id']}"
    for wrong in ("notes/{}/retract", "tasks/{}/complete"):
        answer = await commander.post(f"{path}/{wrong.format(uuid4())}")
        assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    answer = await commander.post(f"{path}/notes/first/retract")
    assert told(answer)["errors"][0]["field"] == "note"


async def test_only_who_may_import_stands_for_an_old_row(served: Served, owner: Somebody) -> None:
    row = LEAK | {"imported": {"row": 1}, "source": "old", "source_key": "1"}
    assert (await owner.post("/v1/incidents", row)).status_code == 201
    responder = await served.somebody(Role.RESPONDER, tenant=owner.tenant)
    answer = await responder.post("/v1/incidents", row)
    assert (answer.status_code, told(answer)["code"]) == (403, "forbidden")


async def test_what_is_no_incident_is_not_found_as_one(commander: Somebody) -> None:
    """The organization's id stands in answers, and its stream in the same log."""
    for _ in range(2):
        answer = await commander.post(f"/v1/incidents/{commander.tenant}/acknowledge", {})
        assert (answer.status_code, told(answer)["code"]) == (404, "not_found")


async def test_the_caller_s_ids_come_back(commander: Somebody) -> None:
    related = str(uuid4())
    answer = await commander.post(
        "/v1/incidents", LEAK, X_Request_Id="forklift-7", X_Correlation_Id=related
    )
    assert answer.headers["X-Request-Id"] == "forklift-7"
    assert answer.headers["X-Correlation-Id"] == related


@pytest.mark.parametrize(
    "wild",
    ["forklift-\u00e9", "forklift 7 \u2603", "x" * 129, "forklift\t7", 'forklift"7', ""],
    ids=repr,
)
async def test_an_id_that_is_no_plain_text_is_replaced(commander: Somebody, wild: str) -> None:
    headers = {
        b"Authorization": f"Bearer {commander.token}".encode(),
        b"X-Request-Id": wild.encode(),
        b"X-Correlation-Id": wild.encode(),
    }
    answer = await commander.http.get("/v1/incidents/INC-1", headers=headers)
    assert (answer.status_code, told(answer)["code"]) == (404, "not_found")
    assert UUID(answer.headers["X-Request-Id"]) == UUID(told(answer)["instance"])
    assert "X-Correlation-Id" not in answer.headers
