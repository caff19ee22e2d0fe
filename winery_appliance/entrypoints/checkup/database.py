"""The database: who may do what in it, and whether the wineries are kept apart."""

from collections.abc import Iterator
from typing import Any

import psycopg

from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.roles import DOOR, ROLES, role_url
from winery_appliance.core.schema import head_revision
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.checkup.finding import Finding, failed, passed

PREPARE = "Start the appliance, or run `winery prepare`."
REPAIR = (
    "Somebody changed this by hand. Undo that, or move the data to a new database from a backup."
)
Connection = psycopg.Connection[tuple[Any, ...]]

# Of each role, what it may be beyond a plain login. PostgreSQL's attributes by their columns in pg_roles.
ATTRIBUTES = (
    "rolcanlogin",
    "rolsuper",
    "rolbypassrls",
    "rolcreaterole",
    "rolcreatedb",
    "rolreplication",
)
EXPECTED = {
    **{f"winery_{role}": frozenset({"rolcanlogin"}) for role in ROLES},
    "winery_backup": frozenset({"rolcanlogin", "rolbypassrls", "rolreplication"}),
    DOOR: frozenset(),
}
MEMBERSHIPS = {("winery_owner", DOOR), ("winery_backup", "pg_read_all_data")}

UNPROTECTED = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND (c.relname = 'wineries' OR EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'winery_id' AND NOT a.attisdropped))
AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
    SELECT FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname AND p.policyname = 'tenant'
    AND p.cmd = 'ALL' AND p.qual IN ('(winery_id = current_winery_id())', '(id = current_winery_id())')
    AND p.with_check = p.qual))
ORDER BY 1
"""
# Policies add up: any further one for somebody other than the door would let in more than the tenant's rows.
FURTHER_POLICIES = """
SELECT tablename || '.' || policyname FROM pg_policies
WHERE schemaname = 'public' AND policyname <> 'tenant' AND roles <> '{winery_door}' AND permissive = 'PERMISSIVE' ORDER BY 1
"""
# What no role should hold: rights for everybody, rights on a partition (they go around the parent's policy), more than
# reading for the copies, anything but reading and writing rows (and counting what an import fills), and anything at all
# for a stranger.
WRONG_GRANTS = """
SELECT format('%s may %s %s', CASE g.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(g.grantee) END,
              lower(g.privilege_type), c.relname)
FROM pg_class c, aclexplode(c.relacl) g
WHERE c.relnamespace = 'public'::regnamespace AND g.grantee <> c.relowner AND (
    g.grantee = 0 OR c.relispartition OR g.is_grantable
    OR pg_get_userbyid(g.grantee) NOT IN ('winery_app', 'winery_worker', 'winery_backup', 'winery_door')
    OR (pg_get_userbyid(g.grantee) = 'winery_backup' AND g.privilege_type <> 'SELECT')
    OR (g.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE')
        AND (pg_get_userbyid(g.grantee), g.privilege_type, c.relname::text) NOT IN (
            ('winery_worker', 'MAINTAIN', 'fermentations'), ('winery_worker', 'MAINTAIN', 'harvest_lots'))))
UNION ALL
SELECT format('%s may change or remove samples', r) FROM unnest(ARRAY['winery_app', 'winery_worker']) r
WHERE to_regclass('public.samples') IS NOT NULL AND has_table_privilege(r, 'public.samples', 'UPDATE, DELETE')
UNION ALL
SELECT format('winery_app may reach %s past its view', c.relname) FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('staged_readings', 'staged_wines')
AND has_any_column_privilege('winery_app', c.oid, 'SELECT, INSERT, UPDATE')
UNION ALL
SELECT format('everybody may open %s', p.proname) FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND has_function_privilege('public', p.oid, 'EXECUTE')
UNION ALL
SELECT format('%s belongs to %s', c.relname, pg_get_userbyid(c.relowner)) FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v')
AND pg_get_userbyid(c.relowner) <> 'winery_owner'
ORDER BY 1
"""
MISSING_GRANTS = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND c.relname NOT IN ('staged_readings', 'staged_wines', 'lessons')
AND NOT has_any_column_privilege('winery_app', c.oid, 'SELECT, INSERT') ORDER BY 1
"""


def check_database(settings: Settings) -> Iterator[Finding]:
    """Everything that the catalogue tells, and whether each role gets in."""
    doors = [_open_and_close(settings, role) for role in _list_roles(settings)]
    yield from (finding for finding in doors if finding is not None)
    if any(doors):
        return
    yield passed("database", "It answers, and every role gets in.")
    with _connect(settings, "app") as connection:
        yield from check_roles(connection)
        yield check_migrations(connection)
        yield from check_row_policies(connection)
        yield from check_grants(connection)


def _list_roles(settings: Settings) -> list[str]:
    """Whose passwords this process needs: all, or those that it was handed and in any case the application's."""
    if settings.secrets is None:
        return list(ROLES)
    handed = {role for role in ROLES if (settings.secrets_dir / f"database_{role}").exists()}
    return sorted({"app", "worker"} | handed)


def _connect(settings: Settings, role: Any) -> Connection:
    return psycopg.connect(role_url(settings, role), connect_timeout=5)


def _open_and_close(settings: Settings, role: Any) -> Finding | None:
    if not (settings.secrets_dir / f"database_{role}").exists():
        return failed("database", f"There is no password of winery_{role} here.", PREPARE)
    try:
        _connect(settings, role).close()
    except (psycopg.OperationalError, PostgresRefused) as error:
        said = str(error).strip().splitlines()[-1].strip().rstrip(".")
        return failed("database", f"winery_{role} does not get in: {said}.", PREPARE)
    return None


def check_roles(connection: Connection) -> Iterator[Finding]:
    """No role is more than it needs to be; but the one for copies, none sees past the row policies."""
    rows = connection.execute(
        "SELECT rolname, to_jsonb(r) FROM pg_roles r WHERE rolname LIKE 'winery\\_%'"
    ).fetchall()
    found = {name: {column for column in ATTRIBUTES if row[column]} for name, row in rows}
    faults = []
    for name, expected in EXPECTED.items():
        for attribute in sorted(found.get(name, set()) - expected):
            faults.append(f"{name} has the attribute {attribute.removeprefix('rol').upper()}")
        for attribute in sorted(expected - found.get(name, set())):
            faults.append(f"{name} lacks the attribute {attribute.removeprefix('rol').upper()}")
    members = connection.execute(
        "SELECT pg_get_userbyid(member), pg_get_userbyid(roleid) FROM pg_auth_members"
        " WHERE pg_get_userbyid(member) LIKE 'winery\\_%'"
    ).fetchall()
    faults += [f"{who} is a member of {what}" for who, what in sorted(set(members) - MEMBERSHIPS)]
    yield from _tell("roles", faults, "Every role is what it needs to be and no more.")


def check_migrations(connection: Connection) -> Finding:
    """The schema is the one this release needs."""
    there = connection.execute("SELECT to_regclass('public.alembic_version')").fetchone()
    row = None
    if there and there[0]:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] != head_revision():
        found = row[0] if row else "empty"
        return failed(
            "migrations", f"The schema is {found}; this release needs {head_revision()}.", PREPARE
        )
    return passed("migrations", f"The schema is at {head_revision()}.")


def check_row_policies(connection: Connection) -> Iterator[Finding]:
    """Every tenant table has its row policy, forced, and no other."""
    faults = [
        f"{name} does not keep the wineries apart" for name in _names(connection, UNPROTECTED)
    ]
    faults += [f"the policy {name} lets in more" for name in _names(connection, FURTHER_POLICIES)]
    yield from _tell("row_policies", faults, "Every winery's rows are its own.")


def check_grants(connection: Connection) -> Iterator[Finding]:
    """Nobody holds a right that no migration gave, and the application can reach its tables."""
    faults = _names(connection, WRONG_GRANTS)
    faults += [f"winery_app cannot reach {name}" for name in _names(connection, MISSING_GRANTS)]
    yield from _tell("grants", faults, "Rights are as the migrations gave them.")


def _names(connection: Connection, query: str) -> list[str]:
    return [str(name) for (name,) in connection.execute(query).fetchall()]


def _tell(check: str, faults: list[str], fine: str) -> Iterator[Finding]:
    for fault in faults:
        yield failed(check, f"{fault[:1].upper()}{fault[1:]}.", REPAIR)
    if not faults:
        yield passed(check, fine)
