"""The product as its users meet it: started by the launcher, spoken to over HTTP."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from tests.embedded import private_folder
from tests.house.files import CHECKOUT
from tests.workers.launcher.launched import READY, Launched, free_port

PASSWORD = "a long enough password"

Json = dict[str, Any]

NOTHING_SET: Mapping[str, str] = MappingProxyType({})
PATIENT = MappingProxyType({"TALLYSTICK_TAIL_TRUST_S": "30"})
"""Else the log's tail is lost when a machine stands still for 2 s, and who follows is sent away."""


@dataclass(slots=True)
class Person:
    """Somebody who is signed in and asks over HTTP."""

    http: httpx2.Client
    token: str
    organization: str = ""

    def ask(self, method: str, path: str, *, body: Any = None, **headers: str) -> httpx2.Response:
        """The answer, whatever it says; `If_Match=` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        authorization = {"Authorization": f"Bearer {self.token}"}
        return self.http.request(method, path, json=body, headers=authorization | named)

    def get(self, path: str) -> Json:
        return _told(self.ask("GET", path))

    def shown(self, path: str) -> Json:
        """The answer once it is as new as was asked for; each stale one has waited two seconds."""
        for _ in range(15):
            if "stale" not in (answer := self.get(path)):
                return answer
        raise AssertionError(f"{path} stays stale.")

    def post(self, path: str, **body: Any) -> Json:
        return _told(self.ask("POST", path, body=body))

    def status(self, method: str, path: str, **body: Any) -> int:
        return self.ask(method, path, body=body or None).status_code

    def incidents(self, question: str = "limit=500") -> Iterator[Json]:
        """Every item of the list, page after page."""
        page = self.get(f"/v1/incidents?{question}")
        yield from page["items"]
        while page["next_cursor"]:
            page = self.get(f"/v1/incidents?{question}&cursor={page['next_cursor']}")
            yield from page["items"]

    def events(self, question: str = "limit=500", *, min_position: int = 0) -> Iterator[Json]:
        """The feed from its beginning, page after page."""
        page: Json = {"next": 0, "more": True}
        while page["more"]:
            asked = f"/v1/events?{question}&after={page['next']}&min_position={min_position}"
            page = self.shown(asked)
            yield from page["items"]

    def names(self, subjects: set[str]) -> dict[str, str]:
        """Subject id -> name, as the organization knows them."""
        wanted = sorted(subjects)
        pages = (wanted[start : start + 500] for start in range(0, len(wanted), 500))
        found = (self.get(f"/v1/people?ids={','.join(page)}")["items"] for page in pages)
        return {person["id"]: person["name"] for page in found for person in page}


@dataclass(slots=True)
class Stack(Launched):
    """One run of everything; `services` gives the processes."""

    clients: list[httpx2.Client] = field(default_factory=list[httpx2.Client])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def first_login(self) -> Json:
        login: Json = json.loads((self.home / "first-login.json").read_text())
        return login

    def owner(self) -> Person:
        login = self.first_login()
        return self.signed_in(login["email"], login["password"])

    def signed_in(self, email: str, password: str) -> Person:
        http = httpx2.Client(base_url=self.url, timeout=60)
        self.clients.append(http)
        body = {"email": email, "password": password}
        person = Person(http, _told(http.post("/v1/auth/token", json=body))["access_token"])
        person.organization = person.get("/v1/me")["organization"]
        return person

    def member(self, by: Person, *roles: str, name: str = "Ada Forklift") -> Person:
        """Somebody new in the organization of `by`."""
        email = f"{secrets.token_hex(6)}@harbor.example"
        return self.joined(by, email, *roles, name=name)

    def joined(self, by: Person, email: str, *roles: str, name: str = "Ada Forklift") -> Person:
        """Who was asked in by `by` and has accepted with `PASSWORD`."""
        invited = by.post("/v1/invitations", email=email, name=name, roles=list(roles))
        answer = {"token": invited["token"], "password": PASSWORD}
        _told(httpx2.post(f"{self.url}/v1/auth/invitation", json=answer, timeout=60))
        return self.signed_in(email, PASSWORD)

    def connect(self, role: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A database session of its own; `postgres` is the superuser."""
        return psycopg.connect(self.conninfo(role), autocommit=True)

    def conninfo(self, role: str) -> str:
        """How one of the database's roles signs in."""
        of = self.home / ("secrets" if role == "postgres" else "run/passwords")
        secret = urlsafe_b64decode(of.read_text().strip())[:32]
        # The formula is written down in the kernel too; here it is a promise to who administers.
        password = hmac.new(secret, f"tallystick/database/{role}".encode(), sha256).hexdigest()
        return make_conninfo(
            host=str(self.home / "run"), dbname="tallystick", user=role, password=password
        )

    def last_position(self, person: Person) -> int:
        """Of the person's organization, in the log itself."""
        query = "SELECT coalesce(max(tenant_position), 0) FROM log.events WHERE tenant_id = %s"
        with self.connect() as connection:
            [(position,)] = connection.execute(query, [person.organization]).fetchall()
        return int(position)

    def stored_events(self, person: Person) -> list[Json]:
        """Of the person's organization, in order, as the log has them; see `independent_fold`."""
        query = """
            SELECT topic AS type, originator_id AS stream, originator_version AS version, number,
                   actor_id AS actor, recorded_at, occurred_at,
                   convert_from(state, 'UTF8')::json AS data
              FROM log.events WHERE tenant_id = %s ORDER BY notification_id
        """
        with self.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, [person.organization]).fetchall()

    def cli(self, *arguments: str) -> subprocess.Popen[str]:
        """`tallystick ...` over HTTP against this stack."""
        return self.operate(*arguments, "--url", self.url)

    def operate(self, *arguments: str) -> subprocess.Popen[str]:
        """`tallystick ...` at this stack's home, as who runs it."""
        argv = [sys.executable, "-m", "api.command_line", *arguments, "--home", str(self.home)]
        return subprocess.Popen(
            argv, cwd=CHECKOUT, stdout=subprocess.PIPE, env=_environment(), text=True
        )


def report_of(process: subprocess.Popen[str]) -> Json:
    """What a command says at its end, as JSON."""
    said, _ = process.communicate()
    assert process.returncode == 0, said
    report: Json = json.loads(said)
    return report


def start(
    home: Path, *more: str, port: int = 0, settings: Mapping[str, str] = NOTHING_SET
) -> Stack:
    """`tallystick up`; not ready yet."""
    chosen = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.launcher", "--home", home, "--port", str(chosen), *more],
        cwd=CHECKOUT,
        env={**_environment(), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Stack(process, home, chosen)


@contextmanager
def running(home: Path, *more: str, settings: Mapping[str, str] = NOTHING_SET) -> Generator[Stack]:
    """A stack that is ready, until the block ends."""
    stack = start(home, *more, settings=settings)
    try:
        stack.until(READY)
        yield stack
    finally:
        for client in stack.clients:
            client.close()
        stack.close()


@contextmanager
def fresh_stack(*more: str, settings: Mapping[str, str] = NOTHING_SET) -> Generator[Stack]:
    """A stack on an empty home; `more` is for `tallystick up`, `settings` for its environment."""
    with private_folder() as folder, running(folder / "home", *more, settings=settings) as stack:
        yield stack


def _environment() -> dict[str, str]:
    ours = ("TALLYSTICK_", "DATABASE_URL", "REDIS_URL", "ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _told(answer: httpx2.Response) -> Json:
    assert answer.is_success, answer.text
    content: Json = answer.json()
    return content
