"""Notes at a pace: `python -m tests.acceptance.pacing URL PER_S SECONDS`, the token on stdin.

Prints the seconds that each took from when it was due, as a JSON list.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from workers.importing.connection import Answer, Connection, Origin

_LINES = 32


async def paced(url: str, token: str, *, per_s: float, seconds: float) -> list[float]:
    loop, origin = asyncio.get_running_loop(), Origin.of(url)
    idle = asyncio.LifoQueue[Connection]()
    for _ in range(_LINES):
        idle.put_nowait(Connection(origin))

    async def send(path: str, body: dict[str, str]) -> Answer:
        line = await idle.get()
        answer = await line.ask(_request(origin, token, path, body))
        idle.put_nowait(line)
        assert answer.ok, answer.body
        return answer

    async def timed(number: int, due: float) -> float:
        incident = incidents[number % len(incidents)]
        await send(f"/v1/incidents/{incident}/notes", {"text": f"Note {number}"})
        return loop.time() - due

    answers = [
        await send("/v1/incidents", {"title": "The forklift leaks oil", "severity": "sev3"})
        for _ in range(10)
    ]
    incidents = [json.loads(answer.body)["id"] for answer in answers]
    began, tasks = loop.time(), list[asyncio.Task[float]]()
    for number in range(int(per_s * seconds)):
        due = began + number / per_s
        await asyncio.sleep(max(0.0, due - loop.time()))
        tasks.append(asyncio.create_task(timed(number, due)))
    return await asyncio.gather(*tasks)


def _request(origin: Origin, token: str, path: str, body: dict[str, str]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {origin.authority}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


if __name__ == "__main__":
    to, pace, how_long = sys.argv[1:]
    told = uvloop.run(paced(to, sys.stdin.read(), per_s=float(pace), seconds=float(how_long)))
    print(json.dumps(told))
