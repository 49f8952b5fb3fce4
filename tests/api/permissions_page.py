"""docs/reference/permissions.md, made from the routes: `python -m tests.api.permissions_page`."""

from __future__ import annotations

from collections.abc import Iterator

from api.app import create_app
from api.description import self_description
from api.openapi import PUBLIC
from tests.api.described_routes import Route, routes
from tests.house.files import CHECKOUT
from write_model.kernel.access import PERMISSIONS, Role
from write_model.kernel.settings import Settings

PAGE = CHECKOUT / "docs" / "reference" / "permissions.md"

CONDITIONS = {
    "POST /v1/incidents/{id}/assign": ("incident.assign", "without it only to yourself"),
    "POST /v1/incidents/{id}/severity": ("incident.command", "without it only to raise it"),
    "POST /v1/incidents/{id}/resolve": ("incident.command", "without it only as the assignee"),
    "POST /v1/incidents/{id}/reopen": (
        "incident.command",
        "without it only until `late_reopen_after` has passed",
    ),
    "POST /v1/incidents/{id}/notes/{note}/retract": (
        "incident.command",
        "without it only your own note",
    ),
}
"""Route -> what takes its condition away, and the condition."""

OPERATORS = {"POST /v1/organizations"}
"""Only for who operates the server: the owners and admins of its first organization."""

OF_THE_WHOLE = "POST /v1/people"
"""Refused to who is bound to teams, whatever his role: people are the organization's."""

_HEAD = """\
# Who may ask what

Made from the routes and the roles by `python -m tests.api.permissions_page`; a test asks every
route in every role and holds this page against the answers.

`x`: the role may. `(x)`: on the condition below the table. Empty: refused with 403 `forbidden`.
Whatever is not in this table is denied. A member with several roles may do what any of them may.
What belongs to another organization is answered with 404, whatever the role.

"""


def permissions_page() -> str:
    """The page as it should be."""
    found = list(routes(self_description(create_app(Settings()))))
    return "".join([_HEAD, *_table(found), *_conditions(), *_public(found)])


def cell(route: Route, role: Role) -> str:
    """What the table says of a role on a route."""
    if route.permission not in PERMISSIONS[role]:
        return ""
    freely = CONDITIONS.get(route.name, (route.permission,))[0]
    return "x" if freely in PERMISSIONS[role] and route.name not in OPERATORS else "(x)"


def _table(found: list[Route]) -> Iterator[str]:
    roles = [role.value.replace("_", " ") for role in Role]
    yield _row("route", "permission", *roles)
    yield _row(*["---"] * (len(roles) + 2))
    for route in found:
        if route.permission != PUBLIC:
            cells = (cell(route, role) for role in Role)
            yield _row(f"`{route.name}`", f"`{route.permission}`", *cells)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _conditions() -> Iterator[str]:
    yield "\n## Conditions\n\n"
    for name, (permission, condition) in CONDITIONS.items():
        yield f"* `{name}`: anybody's with `{permission}`, {condition}.\n"
    for name in OPERATORS:
        yield f"* `{name}`: in the server's first organization only, which operates it.\n"
    yield (
        "* Nobody changes his own membership, and only an owner decides about owners: "
        "403 `segregation_of_duties` and `forbidden`.\n"
        "* Whoever is bound to teams is let in where his role is, to the incidents of these,\n"
        "  also in lists, figures, the feed and the pushes. Of the whole organization, and\n"
        f"  refused him, are `{OF_THE_WHOLE}` and the stream's `members` and `organization`.\n"
        "* Rows of an older system need `records.import`, in every command that takes `imported`.\n"
    )


def _public(found: list[Route]) -> Iterator[str]:
    yield "\n## Without signing in\n\n"
    for route in found:
        if route.permission == PUBLIC:
            yield f"* `{route.name}`\n"


if __name__ == "__main__":
    PAGE.write_text(permissions_page())
