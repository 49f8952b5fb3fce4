#!/usr/bin/env python3
"""Declare an incident, follow it by WebSocket, and replay what happened to it.

Needs Python 3.11 and the package `websockets`. With a server from `./tallystick up`:

    python examples/follow_incident.py ~/.local/share/tallystick/first-login.json
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect


class Tallystick:
    """The few requests that this example needs."""

    def __init__(self, url: str, email: str, password: str) -> None:
        self.url = url
        self.token = ""
        signed_in = self.post("/v1/auth/token", {"email": email, "password": password})
        self.token = signed_in["access_token"]

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  (the address is the reader's own server)
            self.url + path, content, headers, method=method
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310  (as above)
            answered: dict[str, Any] = json.load(answer)
        return answered


async def follow(tallystick: Tallystick, incident: str, after: int, until: str) -> int:
    """Print what happens to the incident until it is `until`; the position of that."""
    address = tallystick.url.replace("http", "ws", 1)
    query = f"topics=incidents:{incident}&after={after}"
    headers = {"Authorization": f"Bearer {tallystick.token}"}
    async with connect(f"{address}/v1/stream?{query}", additional_headers=headers) as stream:
        async for text in stream:
            message: dict[str, Any] = json.loads(text)
            print(f"  pushed: {message['type']} {message['reference'] or message['subject']}")
            if message["type"] == until:
                return int(message["position"])
    raise ConnectionError("The server closed the stream; connect again with the last position.")


async def tell(tallystick: Tallystick) -> None:
    declared = tallystick.post(
        "/v1/incidents",
        {"title": "The forklift leaks oil", "severity": "sev3", "team": "warehouse"},
    )
    incident, reference = declared["id"], declared["reference"]
    print(f"Declared {reference}.")
    # Following starts just before the declaration, so nothing that came meanwhile is missed.
    following = asyncio.create_task(
        follow(tallystick, incident, declared["position"] - 1, "incident.resolved")
    )
    for verb, body in (
        ("acknowledge", {}),
        ("notes", {"text": "The hose to the lift cylinder is worn."}),
        ("resolve", {"resolution": "Hose replaced", "cause_code": "wear"}),
    ):
        await asyncio.to_thread(tallystick.post, f"/v1/incidents/{incident}/{verb}", body)
    position = await following
    # The position makes the read wait until the read side has caught up with it.
    history = tallystick.get(f"/v1/incidents/{incident}/history?min_position={position}")
    print(f"Replayed {reference}:")
    for event in history["items"]:
        for change in event["changes"]:
            said = f"{change['field']}: {change['from']!r} -> {change['to']!r}"
            print(f"  {event['version']} {event['type']}: {said}")


def main() -> None:
    login = json.loads(Path(sys.argv[1]).expanduser().read_text())
    asyncio.run(tell(Tallystick(login["url"], login["email"], login["password"])))


if __name__ == "__main__":
    main()
