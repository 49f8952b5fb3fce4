"""Two organizations on one stack: neither learns anything of the other, by API or by SQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Response
from psycopg import sql
from websockets.sync.client import ClientConnection, connect

from tests.acceptance.organizations import another_organization
from tests.acceptance.stack import Json, Person, Stack

Tell = Callable[[str], None]

PATHS = ("", "?version=1", "?as_of=2026-02-03T08:15:00Z", "/history", "/timeline", "/actions")
VERBS = {
    "acknowledge": {},
    "notes": {"text": "I was here"},
    "resolve": {"resolution": "Mine now"},
    "describe": {"title": "Mine now"},
}
THEIR_SOURCE = {"source": "scada", "source_key": "gate-4"}


@dataclass(frozen=True, slots=True)
class Two:
    """`mine` has 2 incidents, `theirs` 7 and more events; `secret` is the first of theirs."""

    mine: Person
    theirs: Person
    own: list[Json]
    foreign: list[Json]
    jonas: str

    @property
    def secret(self) -> str:
        return str(self.foreign[0]["id"])


@pytest.fixture(scope="module")
def two(stack: Stack) -> Two:
    theirs, mine = another_organization(stack), another_organization(stack, "South Quay")
    foreign = [
        theirs.post("/v1/incidents", title="Forklift 7 leaks oil", severity="sev2", **key)
        for key in (THEIR_SOURCE, *({} for _ in range(6)))
    ]
    jonas = theirs.post("/v1/people", name="Jonas Reyes")["id"]
    theirs.post(f"/v1/incidents/{foreign[0]['id']}/assign", person=jonas, team="north-yard")
    own = [mine.post("/v1/incidents", title="A door is jammed", severity="sev4") for _ in range(2)]
    for who in (mine, theirs):
        who.shown(f"/v1/incidents?limit=1&min_position={stack.last_position(who)}")
    return Two(mine, theirs, own, foreign, jonas)


def test_numbers_and_positions_tell_nothing_of_the_other(two: Two) -> None:
    assert [each["reference"] for each in two.own] == ["INC-1", "INC-2"]
    assert [each["reference"] for each in two.foreign] == [f"INC-{n}" for n in range(1, 8)]
    for person in (two.mine, two.theirs):
        positions = [event["position"] for event in person.events()]
        assert positions == list(range(1, len(positions) + 1))


def test_what_belongs_to_another_is_never_found(two: Two, tell: Tell) -> None:
    asked = [
        two.mine.status("GET", f"/v1/incidents/{named}{path}")
        for named in (two.secret, "INC-5")
        for path in PATHS
    ] + [
        two.mine.status("POST", f"/v1/incidents/{named}/{verb}", **body)
        for named in (two.secret, "INC-5")
        for verb, body in VERBS.items()
    ]
    assert set(asked) == {404}
    tell(f"{len(asked)} requests for the other's records, each 404")


def test_what_belongs_to_another_looks_like_what_is_nowhere(two: Two) -> None:
    own = f"/v1/incidents/{two.own[0]['id']}"
    foreign, nowhere = (
        [
            _said(two.mine.ask("GET", f"/v1/incidents/{id_}")),
            _said(two.mine.ask("GET", f"/v1/incidents/{id_}?version=1")),
            _said(two.mine.ask("GET", f"/v1/events?subject={id_}")),
            _said(two.mine.ask("GET", f"/v1/people?ids={id_}")),
            _said(two.mine.ask("POST", f"/v1/members/{id_}/suspend", body={"reason": "Left"})),
            _said(two.mine.ask("POST", f"{own}/merge", body={"into": id_, "reason": "Same"})),
        ]
        for id_ in (two.secret, str(uuid4()))
    )
    assert foreign == nowhere


def _said(answer: Response) -> tuple[int, Json]:
    """All that an answer tells, but for the request's own id."""
    content: Json = answer.json()
    return answer.status_code, {k: v for k, v in content.items() if k != "instance"}


def test_lists_counts_feeds_and_people_hold_only_ones_own(two: Two) -> None:
    page = two.mine.get("/v1/incidents?facets=status,severity,team,source,assignee")
    assert {item["id"] for item in page["items"]} == {each["id"] for each in two.own}
    assert page["facets"]["severity"] == {"sev4": 2}
    assert "north-yard" not in json.dumps(page)
    for question in ("team=north-yard", f"assignee={two.jonas}", "source_key=gate-4"):
        found = two.mine.get(f"/v1/incidents?{question}&facets=status")
        assert (found["items"], found["facets"]) == ([], {"status": {}})
    assert {event["tenant"] for event in two.mine.events()} == {two.mine.organization}
    assert two.mine.names({two.jonas}) == {}
    assert two.theirs.names({two.jonas}) == {two.jonas: "Jonas Reyes"}
    assert list(two.mine.events(f"subject={two.own[0]['id']}"))
    assert list(two.mine.events(f"subject={two.secret}")) == []


def test_cursors_etags_and_keys_do_not_cross(two: Two) -> None:
    cursor = two.theirs.get("/v1/incidents?limit=2")["next_cursor"]
    assert two.mine.status("GET", f"/v1/incidents?limit=2&cursor={cursor}") == 422
    etag = two.theirs.ask("GET", f"/v1/incidents/{two.secret}").headers["etag"]
    asked = two.mine.ask("GET", f"/v1/incidents/{two.secret}", If_None_Match=etag)
    assert asked.status_code == 404
    body = {"title": "A belt is torn", "severity": "sev3"}
    answers = [
        who.ask("POST", "/v1/incidents", body=body, Idempotency_Key="tuesday")
        for who in (two.theirs, two.mine)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
    same = two.mine.ask("POST", "/v1/incidents", body=body | THEIR_SOURCE)
    assert same.status_code == 201
    assert same.json()["id"] != two.secret


def test_pushes_hold_only_ones_own(stack: Stack, two: Two) -> None:
    # Nobody says that the record is there: nothing comes, as for one that is nowhere.
    topic = f"after=0&topics=incidents:{two.secret}"
    with (
        _following(stack, two.mine, "after=0") as mine,
        _following(stack, two.mine, topic) as nothing,
        _following(stack, two.theirs) as theirs,
    ):
        two.theirs.post(f"/v1/incidents/{two.secret}/notes", text="Sand is on its way")
        own = two.mine.post(f"/v1/incidents/{two.own[0]['id']}/notes", text="It opens again")
        assert json.loads(theirs.recv(timeout=30))["subject"] == two.secret
        pushed = [json.loads(mine.recv(timeout=30)) for _ in range(own["position"])]
        with pytest.raises(TimeoutError):
            nothing.recv(timeout=0.2)
    assert [message["position"] for message in pushed] == list(range(1, own["position"] + 1))
    assert two.secret not in json.dumps(pushed)


def _following(stack: Stack, person: Person, query: str = "") -> ClientConnection:
    url = f"ws://127.0.0.1:{stack.port}/v1/stream?{query}"
    headers = {"Authorization": f"Bearer {person.token}"}
    return connect(url, additional_headers=headers, proxy=None)


# What the app role may read though it belongs to no organization: all of it is the same for all.
SHARED = {"log.epochs", "log.tracking", "migrations.applied", "projections.checkpoint"} | {
    "projections.current"
}
# The doors that the api process needs, because it serves everybody; all else is behind the wall.
DOORS = {
    "access.limits_since",
    *("access.write_down", "log.append", "log.head", "log.known_key", "log.read_streams"),
    *("log.stream_of", "log.tail", "log.field_names", "projections.health"),
    *("projections.shown_to", "projections.rebuilds_of", "projections.ask_for_rebuild"),
    *("projections.ask_repair", "projections.rebuilds_under_way", "projections.watch"),
    *("projections.incidents_with", "log.reached", "log.begun"),
    *("credentials.change_password", "credentials.claim_login", "credentials.find_login"),
    *("credentials.members_of", "credentials.revoke_family", "credentials.rotate_family"),
    *("credentials.settle_login", "credentials.start_family"),
    *("credentials.password_of", "credentials.replace_password"),
    *("credentials.sign_ins_of", "credentials.sign_in_lives", "credentials.end_sign_ins"),
    *("credentials.offer_pass", "credentials.find_pass", "credentials.use_pass"),
    *("credentials.withdraw_pass", "credentials.invitations_of", "credentials.organizations_of"),
    *("credentials.keep_api_key", "credentials.find_api_key", "credentials.use_api_key"),
    *("credentials.api_keys_of", "credentials.offer_factor", "credentials.factor_of"),
    *("credentials.begin_api_key", "credentials.api_keys_that_count"),
    "credentials.stop_counting_api_keys",
    *("credentials.confirm_factor", "credentials.remove_factor"),
    *("credentials.take_step", "credentials.use_recovery_code"),
    *("credentials.keep_client_secret", "credentials.client_secret"),
    *("credentials.organization_of_provider", "credentials.drop_client_secret"),
    *("credentials.linked_subject", "credentials.link_subject", "credentials.finish_flow"),
    *("credentials.links_of", "credentials.unlink"),
    *("personal.create_keys", "personal.read_keys"),
}
_READABLE: LiteralString = """
    SELECT n.nspname, c.relname,
           array_agg(a.attname::text ORDER BY a.attnum),
           bool_or(a.attname = 'tenant_id')
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p', 'v', 'm')
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND has_schema_privilege('tallystick_app', n.oid, 'USAGE')
       AND has_column_privilege('tallystick_app', c.oid, a.attnum, 'SELECT')
     GROUP BY 1, 2 ORDER BY 1, 2
"""
_EXECUTABLE: LiteralString = """
    SELECT n.nspname || '.' || p.proname
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
       AND has_schema_privilege('tallystick_app', n.oid, 'USAGE')
       AND has_function_privilege('tallystick_app', p.oid, 'EXECUTE')
"""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    query: sql.Composed
    is_walled: bool


def _readable(connection: psycopg.Connection[Any]) -> Iterator[Table]:
    for schema, table, columns, is_walled in connection.execute(_READABLE).fetchall():
        shown = ["tenant_id"] if is_walled else columns
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, shown)), sql.Identifier(schema, table)
        )
        yield Table(f"{schema}.{table}", query, is_walled)


def test_the_app_role_sees_the_rows_of_one_organization_or_none(
    stack: Stack, two: Two, tell: Tell
) -> None:
    foreign_rows = 0
    with stack.connect() as superuser, stack.connect("tallystick_app") as app:
        tables = list(_readable(superuser))
        for table in tables:
            if table.is_walled:
                with superuser.transaction():
                    moment = _moment(superuser)
                    everybody = [str(row[0]) for row in superuser.execute(table.query)]
                    own = _seen(app, table, two.mine.organization, at=moment)
                foreign_rows += everybody.count(two.theirs.organization)
                assert _seen(app, table, "") == []
                assert set(own) <= {two.mine.organization}
                assert len(own) == everybody.count(two.mine.organization)
            else:
                assert table.name in SHARED
                assert two.theirs.organization not in str(app.execute(table.query).fetchall())
    walled = [table.name for table in tables if table.is_walled]
    assert {"log.events", "projections.changes_v1", "projections.people_v1"} <= set(walled)
    assert foreign_rows > 0
    tell(f"{len(walled)} tables, {foreign_rows} rows of the other organization, 0 of them seen")


def _moment(superuser: psycopg.Connection[Any]) -> str:
    """What another transaction can look at too: what stands beside the log is written any time."""
    superuser.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    [(name,)] = superuser.execute("SELECT pg_export_snapshot()").fetchall()
    return str(name)


def _seen(app: psycopg.Connection[Any], table: Table, tenant: str, *, at: str = "") -> list[str]:
    with app.transaction():
        if at:
            app.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            app.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(at))
        if tenant:
            app.execute("SELECT set_config('app.tenant', %s, true)", [tenant])
        return [str(row[0]) for row in app.execute(table.query)]


def test_every_door_through_the_wall_is_known(stack: Stack) -> None:
    with stack.connect() as superuser:
        assert {name for (name,) in superuser.execute(_EXECUTABLE)} == DOORS


@pytest.mark.parametrize(
    ("privileges", "tables"),
    [("UPDATE, DELETE, TRUNCATE", set[str]()), ("INSERT", {"log.snapshots", "log.tracking"})],
)
def test_the_app_role_changes_no_row_itself(
    stack: Stack, privileges: str, tables: set[str]
) -> None:
    with stack.connect() as superuser:
        writable = superuser.execute(
            "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            " AND has_table_privilege('tallystick_app', c.oid, %s)",
            [privileges],
        )
        assert {name for (name,) in writable} == tables


_SHARED_COMMITS: LiteralString = """
    SELECT count(*) FROM (
        SELECT FROM log.events WHERE tenant_id = ANY(%s)
         GROUP BY xmin::text HAVING count(DISTINCT tenant_id) = 2) both_tenants
"""


def test_a_batch_with_commands_of_both_commits_both(stack: Stack, two: Two, tell: Tell) -> None:
    both = (two.mine, two.theirs)
    before = [stack.last_position(who) for who in both]
    receipts = [receipt for _ in range(4) for receipt in _declared_at_once(stack, both * 32)]
    after = [stack.last_position(who) for who in both]
    assert [last - first for first, last in zip(before, after, strict=True)] == [128, 128]
    assert len(receipts) == len({receipt["id"] for receipt in receipts}) == 256
    with stack.connect() as superuser:
        organizations = [who.organization for who in both]
        [(shared,)] = superuser.execute(_SHARED_COMMITS, [organizations]).fetchall()
    assert shared > 0
    tell(f"256 commands of two organizations: {shared} commits held both, and all are there")


def _declared_at_once(stack: Stack, people: Sequence[Person]) -> list[Json]:
    """One incident of each, all asked for before any answer is read."""
    body = json.dumps({"title": "The forklift leaks oil", "severity": "sev3"})
    lines = [HTTPConnection("127.0.0.1", stack.port, timeout=30) for _ in people]
    for line, person in zip(lines, people, strict=True):
        headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
        line.request("POST", "/v1/incidents", body, headers)
    answers = [line.getresponse() for line in lines]
    assert {answer.status for answer in answers} == {201}
    told = [json.loads(answer.read()) for answer in answers]
    for line in lines:
        line.close()
    return told
