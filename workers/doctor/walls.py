"""The walls between organizations: roles that cannot pass them, and tables that have one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from workers.connecting import Connection
from workers.doctor.finding import Finding

_ROLES: LiteralString = (
    "SELECT r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole OR r.rolcreatedb"
    " OR r.rolreplication, r.rolname = 'tallystick_writer' AND r.rolcanlogin"
    " FROM pg_roles r WHERE r.rolname LIKE 'tallystick\\_%' ORDER BY r.rolname"
)
_NAMES = ("tallystick_app", "tallystick_owner", "tallystick_tailer", "tallystick_writer")
# Of the app: it appends by the one function and reads what the walls let it.
_RIGHTS: LiteralString = (
    "SELECT 'may not append', NOT EXISTS (SELECT FROM pg_proc p"
    "   WHERE p.pronamespace = 'log'::regnamespace AND p.proname = 'append'"
    "   AND has_function_privilege('tallystick_app', p.oid, 'EXECUTE'))"
    " UNION ALL SELECT 'may not read events',"
    "   NOT has_table_privilege('tallystick_app', 'log.events', 'SELECT')"
    " UNION ALL SELECT 'may change events past its function',"
    "   has_table_privilege('tallystick_app', 'log.events', 'INSERT, UPDATE, DELETE, TRUNCATE')"
    " UNION ALL SELECT 'may act as another role', EXISTS (SELECT FROM pg_roles r"
    "   WHERE r.rolname <> 'tallystick_app' AND pg_has_role('tallystick_app', r.oid, 'MEMBER'))"
)
_TENANT_TABLES: LiteralString = (
    "SELECT n.nspname || '.' || c.relname,"
    " c.relrowsecurity AND (c.relforcerowsecurity OR c.oid <> 'log.events'::regclass)"
    " AND EXISTS (SELECT FROM pg_policies p WHERE p.schemaname = n.nspname"
    "   AND p.tablename = c.relname AND 'tallystick_app' = ANY (p.roles))"
    " AND NOT EXISTS (SELECT FROM pg_policies p WHERE p.schemaname = n.nspname"
    "   AND p.tablename = c.relname AND p.roles && '{tallystick_app,public}'::name[]"
    "   AND coalesce(p.qual, p.with_check, '') NOT LIKE '%tenant_id = %app.tenant%')"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'pg_catalog'"
    " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    "   AND a.attname = 'tenant_id' AND NOT a.attisdropped)"
    " AND has_any_column_privilege('tallystick_app', c.oid, 'SELECT, INSERT, UPDATE') ORDER BY 1"
)


def look_at_walls(connection: Connection) -> Iterator[Finding]:
    yield _roles(connection)
    yield _rights(connection)
    yield _tables(connection)


def _roles(connection: Connection) -> Finding:
    rows = connection.execute(_ROLES).fetchall()
    strong = [name for name, *powers in rows if any(powers)]
    missing = sorted(set(_NAMES) - {name for name, *_ in rows})
    found = f"{len(rows)} roles" + "".join(f", {name} is missing" for name in missing)
    if missing:
        return Finding("roles", found, "Start the release once more: it makes the roles.")
    if not strong:
        return Finding("roles", f"{found}, none passes a wall")
    advice = (
        f"Take SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB and REPLICATION from {', '.join(strong)}"
        " with ALTER ROLE, and LOGIN from tallystick_writer."
    )
    return Finding("roles", f"{', '.join(strong)} may do too much", advice)


def _rights(connection: Connection) -> Finding:
    wrong = [text for text, is_so in connection.execute(_RIGHTS).fetchall() if is_so]
    if not wrong:
        return Finding("grants", "the app appends by one function and changes no event")
    advice = "Set the grants of log.events and log.append as read_model/migrations has them."
    return Finding("grants", f"tallystick_app {', '.join(wrong)}", advice)


def _tables(connection: Connection) -> Finding:
    tables = connection.execute(_TENANT_TABLES).fetchall()
    open_ = [name for name, is_walled in tables if not is_walled]
    if not open_:
        return Finding("row security", f"{len(tables)} tables, each walled by organization")
    advice = (
        "Stop the api: it may show one organization another's rows. ENABLE ROW LEVEL SECURITY (on"
        " log.events also FORCE it), and keep only policies that ask for app.tenant."
    )
    return Finding("row security", f"open: {', '.join(open_)}", advice)
