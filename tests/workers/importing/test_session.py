"""How requests reach a server that is away, busy, or wants another token."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.workers.importing.scripted_server import CUT, Request, ScriptedServer, answer
from workers.importing.connection import Connection, ConnectionLost, Origin
from workers.importing.pace import Pace
from workers.importing.session import ImportStopped, Login, Session, Token, code, detail

DONE = answer(201, {"id": "1"})


def in_turn(*replies: bytes) -> ScriptedServer:
    left: Iterator[bytes] = iter(replies)
    return ScriptedServer(lambda _: next(left))


def session_at(server: ScriptedServer, *, patience_s: float = 20.0) -> Session:
    return Session(Origin.of(server.url + "/desk/"), Token("secret"), patience_s=patience_s)


async def test_a_request_carries_its_token_its_key_and_its_body() -> None:
    async with in_turn(DONE) as server:
        session = session_at(server)
        told = await session.ask(session.connection(), "POST", "/v1/x", {"a": 1}, key="k-1")
    assert told.status == 201
    [request] = server.seen
    assert (request.method, request.path, request.body) == ("POST", "/desk/v1/x", {"a": 1})
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["idempotency-key"] == "k-1"


async def test_a_cut_connection_repeats_the_same_request_with_the_same_key() -> None:
    async with in_turn(CUT, CUT, DONE) as server:
        session = session_at(server)
        told = await session.ask(session.connection(), "POST", "/v1/x", {"a": 1}, key="k-1")
    assert told.status == 201
    assert len(server.seen) == 3
    assert len({(request.path, request.headers["idempotency-key"]) for request in server.seen}) == 1


async def test_half_an_answer_is_no_answer() -> None:
    async with in_turn(b"HTTP/1.1 201 Said\r\nContent-Length: 9\r\n\r\n{") as server:
        connection = Connection(Origin.of(server.url), timeout_s=0.2)
        with pytest.raises(ConnectionLost):
            await connection.ask(b"GET / HTTP/1.1\r\n\r\n")


async def test_what_is_no_http_loses_the_connection() -> None:
    async with in_turn(b"SSH-2.0-forklift\r\n\r\n") as server:
        with pytest.raises(ConnectionLost):
            await Connection(Origin.of(server.url)).ask(b"GET / HTTP/1.1\r\n\r\n")


async def test_a_server_that_closes_after_its_answer_is_asked_on_a_new_connection() -> None:
    async with in_turn(answer(200, 1, Connection="close"), answer(200, 2)) as server:
        connection = Connection(Origin.of(server.url))
        first = await connection.ask(b"GET / HTTP/1.1\r\n\r\n")
        second = await connection.ask(b"GET / HTTP/1.1\r\n\r\n")
        connection.close()
    assert (first.body, second.body) == (b"1", b"2")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_server_is_asked_again_when_it_says(status: int) -> None:
    async with in_turn(answer(status, Retry_After="0"), DONE) as server:
        session = session_at(server)
        assert (await session.ask(session.connection(), "POST", "/v1/x")).ok
    assert len(server.seen) == 2


@pytest.mark.parametrize("why", ["conflict", "idempotency_in_progress"])
async def test_a_command_that_met_another_one_is_sent_again(why: str) -> None:
    async with in_turn(answer(409, {"code": why}), DONE) as server:
        session = session_at(server)
        assert (await session.ask(session.connection(), "POST", "/v1/x")).ok


async def test_a_refusal_is_handed_back_with_its_code_and_its_sentence() -> None:
    problem = {"code": "illegal_transition", "detail": "The incident is closed."}
    async with in_turn(answer(409, problem)) as server:
        session = session_at(server)
        told = await session.ask(session.connection(), "POST", "/v1/x")
    assert not told.ok
    assert (code(told), detail(told)) == ("illegal_transition", "The incident is closed.")


async def test_an_answer_without_a_problem_document_is_told_by_its_status() -> None:
    async with in_turn(answer(404, "gone")) as server:
        session = session_at(server)
        told = await session.ask(session.connection(), "GET", "/v1/x")
    assert (code(told), detail(told)) == ("", "status 404")


async def test_a_server_that_stays_silent_stops_the_import_with_what_to_do() -> None:
    async with ScriptedServer(lambda _: CUT) as server:
        session = session_at(server, patience_s=0.1)
        with pytest.raises(ImportStopped, match=r"Is `tallystick up` running there\?"):
            await session.ask(session.connection(), "GET", "/v1/x")


async def test_a_server_that_stays_busy_stops_the_import_with_what_it_said() -> None:
    full = answer(503, {"detail": "Too many commands are waiting."}, Retry_After="0")
    async with ScriptedServer(lambda _: full) as server:
        session = session_at(server, patience_s=0.05)
        with pytest.raises(ImportStopped, match="503 Too many commands are waiting"):
            await session.ask(session.connection(), "GET", "/v1/x")


class Desk:
    """Gives out tokens t-1, t-2, ... and accepts the newest only."""

    def __init__(self, *, lasts_s: int = 600) -> None:
        self.given = 0
        self.lasts_s = lasts_s

    def __call__(self, request: Request) -> bytes:
        if request.path == "/v1/auth/token":
            if request.body["password"] != "right":
                return answer(401, {"detail": "E-mail or password is wrong."})
            self.given += 1
            return answer(200, {"access_token": f"t-{self.given}", "expires_in": self.lasts_s})
        known = request.headers.get("authorization") == f"Bearer t-{self.given}"
        return DONE if known else answer(401, {"code": "unauthenticated"})


async def test_a_token_is_got_once_for_all_that_wait_for_it() -> None:
    desk = Desk()
    async with ScriptedServer(desk) as server:
        session = Session(Origin.of(server.url), Login("n@example.org", "right"))
        asked = [session.ask(session.connection(), "GET", "/v1/x") for _ in range(8)]
        assert all(told.ok for told in await asyncio.gather(*asked))
    assert desk.given == 1


async def test_a_token_that_is_no_longer_good_is_renewed_and_the_request_sent_again() -> None:
    desk = Desk()
    async with ScriptedServer(desk) as server:
        session = Session(Origin.of(server.url), Login("n@example.org", "right"))
        connection = session.connection()
        assert (await session.ask(connection, "GET", "/v1/x")).ok
        desk.given += 1
        assert (await session.ask(connection, "GET", "/v1/x")).ok
    assert desk.given == 3


async def test_a_token_is_renewed_before_it_ends() -> None:
    desk = Desk(lasts_s=0)
    async with ScriptedServer(desk) as server:
        session = Session(Origin.of(server.url), Login("n@example.org", "right"))
        connection = session.connection()
        for _ in range(3):
            assert (await session.ask(connection, "GET", "/v1/x")).ok
    assert desk.given == 3


async def test_a_refused_login_stops_the_import_in_words() -> None:
    async with ScriptedServer(Desk()) as server:
        session = Session(Origin.of(server.url), Login("n@example.org", "wrong"))
        with pytest.raises(ImportStopped, match="E-mail or password is wrong") as stopped:
            await session.ask(session.connection(), "GET", "/v1/x")
    assert "put the new one into first-login.json" in str(stopped.value)


async def test_a_login_that_is_refused_for_another_reason_is_told_that_reason_only() -> None:
    broken = answer(500, {"detail": "Something went wrong here."})
    async with ScriptedServer(lambda _: broken) as server:
        session = Session(Origin.of(server.url), Login("n@example.org", "right"))
        with pytest.raises(ImportStopped, match=r"refused: Something went wrong here\.$"):
            await session.ask(session.connection(), "GET", "/v1/x")


async def test_a_token_that_was_handed_in_cannot_be_renewed() -> None:
    async with ScriptedServer(Desk()) as server:
        session = Session(Origin.of(server.url), Token("old"))
        assert (await session.ask(session.connection(), "GET", "/v1/x")).status == 401


async def test_a_busy_server_halves_the_pace_once_and_answers_raise_it_again() -> None:
    pace = Pace(8)
    for _ in range(8):
        await pace.turn()
    for _ in range(8):
        pace.over(busy=True)
    assert pace.limit == 4
    for _ in range(60):
        await pace.turn()
        pace.over()
    assert pace.limit == 8


async def test_who_waits_for_a_turn_gets_it_when_another_is_over() -> None:
    pace = Pace(1)
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    given_up = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    given_up.cancel()
    assert not waiting.done()
    pace.over()
    await waiting


@pytest.mark.parametrize("url", ["forklift", "ftp://127.0.0.1", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        Origin.of(url)


def test_an_address_says_host_port_and_prefix() -> None:
    assert Origin.of("https://desk.example.org/t/") == Origin("desk.example.org", 443, True, "/t")
    assert Origin.of("http://[::1]:8400").authority == "[::1]:8400"
