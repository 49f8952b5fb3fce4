"""The master secret of an installation is replaced, and its people notice nothing but a renewal."""

from __future__ import annotations

from pathlib import Path

from psycopg.rows import dict_row

from tests.acceptance.stack import Json, Stack, report_of, running, start
from tests.embedded import private_folder, until


def test_killed_and_begun_again_it_leaves_everybody_in_and_every_name_readable() -> None:
    with private_folder() as folder:
        home = folder / "home"
        with running(home) as stack:
            owner = stack.owner()
            freya = stack.member(owner, "responder", name="Freya Lind").get("/v1/me")["id"]
            assert ended(stack) == 1, "while it runs"
            before = (home / "secrets").read_text()
        assert any(is_killed_halfway(stack, home) for _ in range(5))
        refused = start(home)
        said, _ = refused.process.communicate(timeout=60)
        assert "The master secret is being replaced" in said
        told = report_of(stack.operate("rotate-secret", "--json"))
        assert told["counts"]["people's keys"] >= 2
        assert (home / "secrets").read_text() != before
        assert not (home / "secrets.next").exists()
        with running(home) as stack:
            again = stack.owner()
            assert [each["id"] for each in founded(stack)] == [owner.organization]
            assert again.names({freya}) == {freya: "Freya Lind"}
            old = {"Authorization": f"Bearer {owner.token}"}
            assert again.http.get("/v1/me", headers=old).status_code == 401


def is_killed_halfway(stack: Stack, home: Path) -> bool:
    """It takes half a second: who stood still meanwhile has come too late."""
    rotating, following = stack.operate("rotate-secret"), home / "secrets.next"
    until(lambda: following.exists() or rotating.poll() is not None, "it has begun")
    rotating.kill()
    rotating.communicate()
    return following.exists()


def founded(stack: Stack) -> list[Json]:
    """Every organization that was ever founded."""
    query = "SELECT tenant_id::text AS id FROM log.events WHERE topic = 'organization.founded'"
    with stack.connect() as superuser, superuser.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def ended(stack: Stack) -> int:
    """How `rotate-secret` ends."""
    process = stack.operate("rotate-secret")
    process.communicate(timeout=60)
    return process.returncode
