"""The API says of itself what it does, and every address says who may use it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app
from api.description import self_description
from api.fields import Field, fields
from api.openapi import BODY_ERRORS, CALLER_ERRORS, PERMISSION, PUBLIC, QUERY_ERRORS
from api.page import page
from api.problems import MEDIA_TYPE
from tests.api.serving import LEAK, Served, Somebody, told
from write_model.incident.commands import COMMANDS, RecordSlaBreach
from write_model.kernel.access import PERMISSIONS
from write_model.kernel.messages import Command
from write_model.kernel.settings import Settings
from write_model.membership.commands import (
    ChangeRoles,
    ReinstateMember,
    RemoveMember,
    SuspendMember,
)

PUBLIC_PATHS = {
    "/livez",
    "/metrics",
    "/readyz",
    "/asyncapi.json",
    "/docs",
    "/openapi.json",
    "/v1",
    "/v1/auth/token",
    "/v1/auth/refresh",
    "/v1/auth/logout",
    "/v1/auth/password-reset",
    "/v1/auth/invitation",
    "/v1/auth/oidc/{provider}/start",
    "/v1/auth/oidc/{provider}/callback",
}
HANDED_OUT = (
    "/{provider}/start",
    "/{provider}/callback",
)
"""What is handed over with a secret, or begins with one, is no command of a record."""
ENDED = (
    "/v1/api-keys/{key}",
    "/v1/identity-providers/{provider}",
    "/v1/invitations/{member}",
)
"""What a command ends by DELETE."""
ADDRESSED: tuple[type[Command], ...] = (
    *COMMANDS,
    ChangeRoles,
    SuspendMember,
    ReinstateMember,
    RemoveMember,
)
KNOWN = frozenset[str]().union(*PERMISSIONS.values())


def routes(app: FastAPI) -> Iterator[APIRoute]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route


def test_every_route_says_which_permission_it_needs() -> None:
    found = {
        route.path: (route.openapi_extra or {}).get(PERMISSION)
        for route in routes(create_app(Settings()))
    }
    assert len(found) > 40
    assert {path for path, permission in found.items() if permission == PUBLIC} == PUBLIC_PATHS
    assert {p: n for p, n in found.items() if n not in KNOWN and p not in PUBLIC_PATHS} == {}


async def test_no_route_but_the_public_ones_answers_a_stranger(served: Served) -> None:
    app = served.server.config.app
    assert isinstance(app, FastAPI)
    for route in routes(app):
        for method in set(route.methods or ()) - {"HEAD"}:
            if route.path not in PUBLIC_PATHS:
                answer = await served.http.request(method, route.path.replace("{id}", "INC-1"))
                assert answer.status_code in (401, 422), route.path


def test_every_command_has_an_address_with_its_text() -> None:
    described = self_description(create_app(Settings()))
    texts = {
        operation.get("description", "")
        for path in described["paths"].values()
        for operation in path.values()
    }
    missing = {
        command.__name__
        for command in ADDRESSED
        if inspect.cleandoc(command.__doc__ or "") not in texts
    }
    assert missing == {RecordSlaBreach.__name__}


def test_whom_to_ask_is_the_operators_to_say() -> None:
    nobody = self_description(create_app(Settings()))["info"]["contact"]
    assert nobody == {"name": "Whoever operates this server"}
    desk = create_app(
        Settings(contact_email="desk@example.com", contact_url="https://desk.example")
    )
    reached_by = {"email": "desk@example.com", "url": "https://desk.example"}
    assert self_description(desk)["info"]["contact"] == nobody | reached_by
    with pytest.raises(ValueError, match="contact_url"):
        Settings(contact_url="javascript:alert(1)")


def test_every_name_in_an_address_is_described_with_it() -> None:
    described = operations(self_description(create_app(Settings())))
    assert len(described) > 40
    for (_, path), operation in described.items():
        found = {each["name"]: each for each in operation["parameters"] if each["in"] == "path"}
        assert list(found) == re.findall(r"{(\w+)}", path)
        assert all(each["required"] and each["description"] for each in found.values())


def test_every_parameter_and_field_says_what_it_is_for() -> None:
    description = self_description(create_app(Settings()))
    schemas = description["components"]["schemas"]
    for (_, path), operation in operations(description).items():
        silent = [each["name"] for each in operation["parameters"] if not each["description"]]
        silent += [each.name for each in asked(operation, schemas) if not each.text]
        assert silent == [], path


def test_what_stands_in_the_address_is_not_asked_for_in_the_body() -> None:
    described = operations(self_description(create_app(Settings())))
    waived = described["post", "/v1/incidents/{id}/tasks/{task}/waive"]["requestBody"]
    assert waived["content"]["application/json"]["schema"]["required"] == ["reason"]
    completed = described["post", "/v1/incidents/{id}/tasks/{task}/complete"]["requestBody"]
    assert "task" not in completed["content"]["application/json"]["schema"]["properties"]
    assert not completed["required"]


def test_only_what_exists_can_have_another_version_than_was_seen() -> None:
    for (method, path), operation in operations(self_description(create_app(Settings()))).items():
        changes_a_record = method == "post" and "{" in path and "/admin/" not in path
        changes_a_record = changes_a_record and not path.endswith(HANDED_OUT)
        changes_a_record |= method == "delete" and path in ENDED
        assert ("If-Match" in names(operation)) is changes_a_record, path
        assert ("412" in operation["responses"]) is changes_a_record, path


@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/incidents/reports", "/v1/invitations"])
async def test_what_begins_a_record_asks_for_no_version(owner: Somebody, path: str) -> None:
    person = {"email": "grace@example.com", "name": "Grace Hopper", "roles": ["viewer"]}
    report = {"title": "The forklift leaks oil"}
    bodies = {"/v1/invitations": person, "/v1/incidents": LEAK, "/v1/incidents/reports": report}
    answer = await owner.post(path, bodies[path], If_Match='"7"')
    assert answer.status_code == 201


@pytest.mark.usefixtures("projector")
async def test_a_read_says_that_it_waits_if_it_does(served: Served, owner: Somebody) -> None:
    await owner.declares()
    described = operations(told(await served.http.get("/openapi.json")))
    waiting = {"min_position", "X-Min-Position"}
    for (method, path), operation in described.items():
        if method == "get" and operation[PERMISSION]:
            address = path.replace("{id}", "INC-1").replace("{member}", str(owner.id))
            address += f"?ids={owner.id}" * path.endswith("people")
            answer = await owner.get(address, X_Min_Position="1")
            assert answer.status_code == 200, path
            says = waiting & names(operation)
            assert says == (waiting if "X-Position" in answer.headers else set()), path


def operations(description: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, path) -> what is said of it."""
    return {
        (method, path): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def asked(operation: dict[str, Any], schemas: dict[str, Any]) -> list[Field]:
    """The fields of the body."""
    content = operation.get("requestBody", {}).get("content", {}).values()
    return [field for each in content for field in fields(each["schema"], schemas)]


def names(operation: dict[str, Any]) -> set[str]:
    return {each["name"] for each in operation["parameters"]}


def test_every_reference_of_the_description_leads_somewhere() -> None:
    described = self_description(create_app(Settings()))
    for reference in references(described):
        _, _, kind, name = reference.split("/")
        assert name in described["components"][kind]


def references(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        for name, value in cast("dict[str, object]", content).items():
            if name == "$ref":
                yield str(value)
            yield from references(value)
    elif isinstance(content, list):
        for value in cast("list[object]", content):
            yield from references(value)


async def test_the_description_is_served_with_a_page_that_loads_nothing_else(
    served: Served,
) -> None:
    assert told(await served.http.get("/openapi.json"))["openapi"].startswith("3.1")
    shown = (await served.http.get("/docs")).text
    assert "/v1/incidents/{id}/acknowledge" in shown
    assert "://" not in shown
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(|@import", shown)


def test_the_page_tells_of_each_operation_what_it_takes_and_refuses() -> None:
    description = self_description(create_app(Settings()))
    told_of = page(description).split("<details>")[1:]
    schemas = description["components"]["schemas"]
    for ((_, path), operation), text in zip(operations(description).items(), told_of, strict=True):
        assert f"{path}</code>" in text
        fields_of_body = {each.name for each in asked(operation, schemas)}
        for name in names(operation) | fields_of_body:
            assert f"<td>{name}</td>" in text, (path, name)
        for status, response in operation["responses"].items():
            if MEDIA_TYPE in response.get("content", {}):
                assert f"<td>{status}</td><td>{response['description']}</td>" in text, path


def test_the_page_tells_how_each_field_is_written() -> None:
    told_of = page(self_description(create_app(Settings()))).split("<details>")
    [declaring] = [each for each in told_of if "POST /v1/incidents</code>" in each]
    severity = "<td>severity</td><td>one of sev1, sev2, sev3, sev4</td><td>yes</td>"
    assert severity in declaring
    assert "<td>team</td><td>string of at most 200 characters or null</td><td></td>" in declaring
    assert "<td>imported.row</td><td>integer</td><td>yes</td>" in declaring
    assert "<h3>Answer 200, 201: What the command did.</h3>" in declaring
    assert "<td>409</td><td>conflict, idempotency_in_progress" in declaring
    [listing] = [each for each in told_of if "GET /v1/incidents</code>" in each]
    assert "<td>items[].opened_at</td><td>string (date-time)</td>" in listing
    assert "<td>facets</td><td>object of any names: object of any names: integer" in listing


def test_what_any_request_may_meet_is_told_of_every_route() -> None:
    for operation in operations(self_description(create_app(Settings()))).values():
        told_ = {
            code
            for response in operation["responses"].values()
            for code in response["description"].split(", ")
        }
        # What takes a key reads the body that it has to have come with.
        reads_a_body = "requestBody" in operation or "Idempotency-Key" in names(operation)
        everywhere = set(BODY_ERRORS if reads_a_body else ())
        everywhere |= set(CALLER_ERRORS if operation[PERMISSION] != PUBLIC else ())
        assert everywhere <= told_, operation["operationId"]
        if not reads_a_body:
            assert not told_ & (set(BODY_ERRORS) - set(QUERY_ERRORS)), operation["operationId"]


def test_every_answer_has_an_example_and_says_which_headers_come() -> None:
    for (_, path), operation in operations(self_description(create_app(Settings()))).items():
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], path
            assert ("Retry-After" in response["headers"]) is (status in ("429", "503")), path
            for content in response.get("content", {}).values():
                assert content.get("example") or content.get("examples"), (path, status)


async def test_no_read_passes_over_a_parameter_that_it_does_not_know(owner: Somebody) -> None:
    """A misspelled filter would answer with everything."""
    described = operations(told(await owner.get("/openapi.json")))
    for (method, path), operation in described.items():
        if method == "get" and operation[PERMISSION] != PUBLIC:
            address = re.sub(r"{\w+}", str(owner.id), path)
            answer = await owner.get(f"{address}?ids={owner.id}&colour=red")
            assert answer.status_code == 422, path
            assert {each["field"] for each in told(answer)["errors"]} <= {"colour", "ids"}, path
