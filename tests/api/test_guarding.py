"""Every answer tells browsers what they may make of it; pages of elsewhere ask only when named."""

from __future__ import annotations

import pytest

from api.guarding import guard
from tests.api.serving import LEAK, Served, Somebody, serving, told
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

DESK = "https://desk.example"
PREFLIGHT = {
    "Origin": DESK,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, idempotency-key",
}


@pytest.mark.parametrize("path", ["/v1", "/docs", "/livez", "/nowhere", "/v1/incidents"])
async def test_every_answer_is_guarded(served: Served, path: str) -> None:
    headers = (await served.http.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    # Falls back to no other directive.
    assert "base-uri 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.usefixtures("projector")
async def test_no_cache_keeps_a_record_and_who_remembers_it_is_still_told_304(
    commander: Somebody,
) -> None:
    declared = await commander.declares()
    position = str(declared["position"])
    seen = await commander.get("/v1/incidents/INC-1", X_Min_Position=position)
    again = await commander.get("/v1/incidents/INC-1", If_None_Match=seen.headers["ETag"])
    assert (seen.status_code, again.status_code) == (200, 304)
    for answer in (seen, again, await commander.get("/v1/incidents")):
        assert answer.headers.get_list("Cache-Control") == ["no-store"]


def test_only_over_tls_is_tls_asked_for() -> None:
    headers = list[tuple[bytes, bytes]]()
    guard(headers, encrypted=True)
    assert dict(headers)[b"strict-transport-security"].startswith(b"max-age=")


@pytest.mark.parametrize(
    ("public", "asked_for"),
    [
        ("https://tallystick.example", "max-age=31536000; includeSubDomains"),
        ("http://harbor.example:8400", None),
    ],
)
async def test_behind_a_proxy_that_ends_tls_it_is_asked_for_too(
    settings: Settings, public: str, asked_for: str | None
) -> None:
    async with serving(settings.model_copy(update={"public_url": public})) as served:
        for path in ("/v1", "/nowhere", "/v1/incidents"):
            answer = await served.http.get(path)
            assert answer.headers.get("Strict-Transport-Security") == asked_for


async def test_no_page_of_elsewhere_may_ask_unless_it_is_named(served: Served) -> None:
    refused = await served.http.options("/v1/incidents", headers=PREFLIGHT)
    assert refused.status_code == 405
    read = await served.http.get("/v1", headers={"Origin": DESK})
    assert "Access-Control-Allow-Origin" not in read.headers


async def test_a_named_page_may_ask_by_every_method_and_for_every_header(
    settings: Settings,
) -> None:
    named = settings.model_copy(update={"allowed_origins": (DESK,)})
    async with serving(named) as served:
        described = told(await served.http.get("/openapi.json"))
        operations = [each for methods in described["paths"].values() for each in methods.items()]
        taken = {p["name"] for _, op in operations for p in op["parameters"] if p["in"] == "header"}
        for method in {method.upper() for method, _ in operations}:
            asked = {"Access-Control-Request-Method": method} | {
                "Access-Control-Request-Headers": ", ".join(sorted(taken))
            }
            allowed = await served.http.options("/v1/incidents", headers=PREFLIGHT | asked)
            assert allowed.status_code == 200, (method, allowed.text)
        read = await served.http.get("/v1", headers={"Origin": DESK})
    exposed = read.headers["Access-Control-Expose-Headers"].split(", ")
    # Whoever is told to sign in reads it from the status: browsers keep this one to themselves.
    assert described["components"]["headers"].keys() - {"WWW-Authenticate"} <= set(exposed)


async def test_a_named_page_may_ask_and_others_may_not(settings: Settings) -> None:
    named = settings.model_copy(update={"allowed_origins": (DESK,)})
    async with serving(named) as served:
        allowed = await served.http.options("/v1/incidents", headers=PREFLIGHT)
        assert allowed.status_code == 200
        assert allowed.headers["Access-Control-Allow-Origin"] == DESK
        read = await served.http.get("/v1", headers={"Origin": DESK})
        assert "ETag" in read.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in read.headers
        # A route of ours is found, refuses and answers before the framework.
        owner = await served.somebody(Role.OWNER)
        begun = await owner.post("/v1/incidents", LEAK, Origin=DESK)
        unknown = await served.http.get("/v1/incidents", headers={"Origin": DESK})
        assert (begun.status_code, unknown.status_code) == (201, 401)
        for answer in (begun, unknown):
            assert answer.headers["Access-Control-Allow-Origin"] == DESK
        other = PREFLIGHT | {"Origin": "https://elsewhere.example"}
        refused = await served.http.options("/v1/incidents", headers=other)
        assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize(
    "origin", ["*", "desk.example", "https://*.example", "https://a.example/x"]
)
def test_an_origin_is_written_as_browsers_write_it(origin: str) -> None:
    with pytest.raises(ValueError, match="allowed_origins"):
        Settings(allowed_origins=(origin,))


@pytest.mark.parametrize(
    ("path", "methods"), [("/v1/incidents", "GET, POST"), ("/v1/incidents/reports", "POST")]
)
async def test_a_refused_method_is_answered_with_all_that_are_taken(
    served: Served, path: str, methods: str
) -> None:
    answer = await served.http.options(path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == methods
