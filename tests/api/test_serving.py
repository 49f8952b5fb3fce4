"""What an operator can rely on: the process starts, answers, and stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx2
import pytest

from api.serve import DatabaseMissing, must_be_readable, wait_for_schema
from tests.api.serving import Served, Somebody, told
from tests.awake import awake
from tests.workers.launcher.launched import free_port
from write_model.kernel.settings import Settings

SOON_S = 10
"""A quarter of a second on a quiet machine; who drains in vain takes fifteen, and who waits for
the database in vain a minute."""


@pytest.mark.parametrize(("number", "idle_s"), [(signal.SIGINT, 30), (signal.SIGTERM, 0.1)])
async def test_the_process_serves_and_stops_soon_when_it_is_asked_to(
    settings: Settings, number: signal.Signals, idle_s: float
) -> None:
    port = free_port()
    environment = os.environ | {
        "TALLYSTICK_HOME": str(settings.home),
        "TALLYSTICK_SOCKET_FOLDER": str(settings.socket_folder),
        "TALLYSTICK_DATABASE_NAME": settings.database_name,
        "TALLYSTICK_PORT": str(port),
        "TALLYSTICK_DRAIN_IDLE_S": str(idle_s),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api.serve", env=environment
    )
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        await _answers(http, process)
        async with awake() as passed_s:
            process.send_signal(number)
            assert await process.wait() in (0, -signal.SIGTERM)
            assert passed_s() < SOON_S


async def _answers(http: httpx2.AsyncClient, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        while process.returncode is None:
            try:
                assert (await http.get("/readyz")).status_code == 200
            except httpx2.ConnectError:
                await asyncio.sleep(0.02)
            else:
                return
    pytest.fail("the process ended")


def test_a_database_that_never_comes_is_named(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_name": "nowhere"})
    with pytest.raises(DatabaseMissing, match="nowhere"):
        wait_for_schema(nowhere, patience_s=0)


def test_a_file_of_breached_passwords_that_cannot_be_used_ends_the_start(
    settings: Settings, tmp_path: Path
) -> None:
    gone = settings.model_copy(update={"breached_passwords": str(tmp_path / "gone.txt")})
    with pytest.raises(SystemExit, match=r"which cannot be read .* name the file"):
        must_be_readable(gone)


async def test_while_it_waits_for_the_database_a_signal_ends_it_at_once(
    settings: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as database:
        database.settimeout(30)
        port: int = database.getsockname()[1]
        environment = os.environ | {
            "TALLYSTICK_HOME": str(settings.home),
            "DATABASE_URL": f"postgresql://admin@127.0.0.1:{port}/warehouse",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api.serve", env=environment
        )
        connection, _ = await asyncio.to_thread(database.accept)
        connection.close()
        async with awake() as passed_s:
            process.send_signal(signal.SIGTERM)
            await process.wait()
            assert passed_s() < SOON_S


async def test_health_needs_no_token(served: Served) -> None:
    assert (await served.http.get("/livez")).status_code == 200
    assert (await served.http.get("/readyz")).status_code == 200


async def test_an_unknown_address_is_a_problem(served: Served) -> None:
    answer = await served.http.get("/v1/forklifts")
    assert (answer.status_code, told(answer)["code"]) == (404, "not_found")


async def test_a_method_that_is_not_taken_is_a_problem(served: Served) -> None:
    answer = await served.http.delete("/v1/incidents/INC-1/acknowledge")
    assert (answer.status_code, told(answer)["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


async def test_no_request_is_echoed(served: Served) -> None:
    answer = await served.http.request("TRACE", "/v1", headers={"X-Forklift": "leaks"})
    assert (answer.status_code, told(answer)["code"]) == (405, "method_not_allowed")
    assert "leaks" not in answer.text


TWO_LENGTHS = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


async def test_a_request_of_two_lengths_is_refused(served: Served) -> None:
    """Whoever stands in front might end it elsewhere, and take the rest for another's request."""
    assert (await answered(served, TWO_LENGTHS)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("length", [b"+4", b"4, 5", b"0x4", b"-1"])
async def test_a_length_that_is_no_number_is_refused(served: Served, length: bytes) -> None:
    said = b"Content-Length: " + length + b"\r\n\r\nleak"
    assert (await answered(served, said)).startswith(b"HTTP/1.1 400 ")


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "said",
    [
        CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
        b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nleak",
        b"Content-Length : 4\r\n\r\nleak",
        b"Content-Length: 4\n\r\nleak",
        b"X-Truck: forklift\r\n 7\r\nContent-Length: 4\r\n\r\nleak",
        b"X-Truck: fork\rlift\r\nContent-Length: 4\r\n\r\nleak",
        b"X-Truck: fork\0lift\r\nContent-Length: 4\r\n\r\nleak",
        b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip\r\n\r\nleak",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        CHUNKED + b"\r\n4\nleak\r\n0\r\n\r\n",
        CHUNKED + b"\r\n4;a\nleak\r\n0\r\n\r\n",
        CHUNKED + b"\r\n0x4\r\nleak\r\n0\r\n\r\n",
        CHUNKED + b"\r\n4\r\nleak0\r\n\r\n",
        CHUNKED + b"\r\nfffffffffffffffff\r\nleak\r\n0\r\n\r\n",
        CHUNKED + b"\r\n4\r\nleak\r\n0\r\nContent-Length: 9\r\n\r\n",
    ],
    ids=[
        "a length besides chunks",
        "a length twice",
        "a space before the colon",
        "a line feed alone",
        "a folded line",
        "a carriage return alone",
        "a zero byte",
        "a folded encoding",
        "no chunks at the end",
        "chunks not the last",
        "an encoding after chunks",
        "a chunk's length ended by a line feed",
        "a chunk's extension ended by a line feed",
        "a chunk's length by another notation",
        "a chunk longer than it says",
        "a chunk longer than there is",
        "a length after the chunks",
    ],
)
async def test_what_could_be_read_as_ending_elsewhere_is_refused_and_the_connection_ended(
    served: Served, said: bytes
) -> None:
    status, *_ = (await all_answered(served, said)).split(b"\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"


async def test_after_chunks_of_an_old_client_the_connection_ends(served: Served) -> None:
    """HTTP/1.0 knows none, so whatever stands in front may not have seen them (RFC 9112 6.1)."""
    said = CHUNKED + b"Connection: keep-alive\r\n\r\n4\r\nleak\r\n0\r\n\r\n"
    assert (await all_answered(served, said, version=b"1.0")).startswith(b"HTTP/1.1 4")


async def answered(served: Served, headers: bytes) -> bytes:
    """The first line of the answer to a request as no client would write it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /v1/auth/token HTTP/1.1\r\nHost: tallystick\r\n" + headers)
    try:
        return await asyncio.wait_for(reader.readline(), 5)
    finally:
        writer.close()


async def all_answered(served: Served, headers: bytes, *, version: bytes = b"1.1") -> bytes:
    """All that comes until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"POST /v1/auth/token HTTP/%b\r\nHost: tallystick\r\n%b" % (version, headers))
    try:
        return await asyncio.wait_for(reader.read(), 8)  # a body is waited for for ten
    finally:
        writer.close()


async def test_a_fault_of_ours_says_nothing_of_our_inside(
    served: Served, commander: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(served.process.write_model.__class__, "start")
    answer = await commander.post("/v1/incidents", {"title": "Leak", "severity": "sev3"})
    problem = told(answer)
    assert (answer.status_code, problem["code"]) == (500, "internal")
    assert "start" not in answer.text
    assert problem["instance"] == answer.headers["X-Request-Id"]


async def test_too_much_at_once_is_told_to_come_back(
    served: Served, commander: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.process.budgets.commands, "_at_once", 0)
    answer = await commander.post("/v1/incidents", {"title": "Leak", "severity": "sev3"})
    assert (answer.status_code, told(answer)["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "1"
