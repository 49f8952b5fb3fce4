"""What runs beside the database: the cache, and the api at the address that it was started at."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from workers.doctor.finding import Finding
from write_model.kernel.settings import Settings

_ANSWER_S = 2.0


def look_beside(settings: Settings) -> Iterator[Finding]:
    yield _cache(settings)
    address = settings.home / "address"
    # Whose home it is has been said already.
    with suppress(PermissionError):
        if address.exists():
            yield _api(address)


def _cache(settings: Settings) -> Finding:
    try:
        with Redis.from_url(settings.cache_url(), socket_timeout=_ANSWER_S) as redis:  # pyright: ignore[reportUnknownMemberType]
            release = redis.info("server")  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError, ValueError) as error:
        advice = "Start it (`tallystick up`), or set REDIS_URL right; without it reads are slower."
        return Finding("cache", f"does not answer ({type(error).__name__})", advice)
    named = release.get("valkey_version") or release.get("redis_version")
    return Finding("cache", f"{release.get('server_name', 'redis')} {named}")


def _api(file: Path) -> Finding:
    address = urlsplit(file.read_text().strip())
    try:
        status, health = _asked(address.hostname or "", address.port or 80)
    except (OSError, ValueError, http.client.HTTPException) as error:
        advice = "Start it: `tallystick up`."
        return Finding(
            "api", f"{address.geturl()} does not answer ({type(error).__name__})", advice
        )
    found = f"{address.geturl()} is {health.get('status')}"
    if status == http.client.OK and health.get("status") == "ok":
        return Finding("api", found)
    return Finding("api", found, str(health.get("reason", "See its log.")))


def _asked(host: str, port: int) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
