"""The database roles of the appliance: who they are, how they are made, and the address each connects by.

`owner` owns the tables and runs migrations; `app` answers requests; `worker` does queued work; `backup` copies.
Requests never run as owner or as a superuser. `winery_door` cannot log in: it owns the few functions that look something
up before a winery is known, and may read just what those need.
"""

import time
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from winery_appliance.core.postgres import admin_url, server_url
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings

Role = Literal["owner", "app", "worker", "backup"]
ROLES: dict[Role, str] = {
    "owner": "LOGIN",
    "app": "LOGIN",
    "worker": "LOGIN",
    # A copy must hold every winery's rows: the one role that row policies do not bind, and it can only read.
    "backup": "LOGIN BYPASSRLS REPLICATION",
}
DOOR = "winery_door"
DATABASE = "winery"


class DatabaseRefused(Exception):
    """The database server cannot be used; the text says why and what to do."""


def role_url(settings: Settings, role: Role, server: str | None = None) -> str:
    """The `postgresql://` address by which `role` connects to the winery's database, on the server at the address `server`
    where that is another one than the appliance's.
    """
    password = read_or_make_secret(settings, f"database_{role}")
    info = psycopg.conninfo.conninfo_to_dict(server or server_url(settings))
    host = str(info.get("host") or "127.0.0.1")
    location = f"[{host}]" if ":" in host else quote(host, safe="")
    keep = {name: value for name, value in info.items() if name.startswith("ssl")}
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in keep.items())
    return (
        f"postgresql://winery_{role}:{quote(password, safe='')}@{location}:{info.get('port') or 5432}"
        f"/{quote(database_name(settings), safe='')}" + (f"?{query}" if query else "")
    )


def database_name(settings: Settings) -> str:
    """The winery's database: the one an administrator's address names, else our own."""
    name = psycopg.conninfo.conninfo_to_dict(server_url(settings)).get("dbname")
    return str(name) if name and name != "postgres" else DATABASE


def prepare_roles(settings: Settings) -> None:
    """Make the database, the roles and their grants where they are missing. Safe to repeat.

    Raises DatabaseRefused with a sentence when the server is not PostgreSQL 18 or the administrator may not make roles.
    """
    try:
        with _connect_admin(settings, "postgres") as admin:
            _check_server(admin)
            _make_roles(admin, settings)
            _make_database(admin, database_name(settings))
        with _connect_admin(settings, database_name(settings)) as admin:
            _grant(admin, database_name(settings))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseRefused(
            "The address in WINERY_DATABASE_URL must be an administrator's: it may not make roles "
            f"({str(error).strip()}). Nothing was changed."
        ) from error


def _connect_admin(settings: Settings, database: str) -> psycopg.Connection[tuple[object, ...]]:
    last: Exception | None = None
    for _ in range(20):
        try:
            return psycopg.connect(
                admin_url(settings), dbname=database, autocommit=True, connect_timeout=5
            )
        except psycopg.errors.CannotConnectNow as error:  # the server is starting
            last = error
            time.sleep(0.5)
        except psycopg.OperationalError as error:
            raise DatabaseRefused(
                f"The database server does not answer: {str(error).strip().splitlines()[0]}. "
                "Nothing was changed. Check that it runs and that the address is right."
            ) from error
    raise DatabaseRefused(f"The database server is still starting: {last}.")


def _check_server(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    major = admin.info.server_version // 10000
    if major != 18:
        raise DatabaseRefused(
            f"The database server is PostgreSQL {major}; this appliance needs PostgreSQL 18. "
            "Nothing was changed."
        )


def _make_roles(admin: psycopg.Connection[tuple[object, ...]], settings: Settings) -> None:
    there = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
    if DOOR not in there:
        admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(DOOR)))
    for role, attributes in ROLES.items():
        name = f"winery_{role}"
        if name not in there:
            admin.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(name)))
        _set_password(admin, name, read_or_make_secret(settings, f"database_{role}"))
    # The owner hands functions over to the door role; it inherits nothing from it.
    admin.execute(f"GRANT {DOOR} TO winery_owner WITH INHERIT FALSE, SET TRUE")


def _set_password(admin: psycopg.Connection[tuple[object, ...]], name: str, password: str) -> None:
    # Hashed here, so that no server log can show it.
    hashed = admin.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    admin.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(hashed.decode())
        )
    )


def _make_database(admin: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        return
    admin.execute(
        sql.SQL(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' "
            "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
        ).format(sql.Identifier(name))
    )


def _grant(admin: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    # Never two ferments at once in a vessel; search within one winery; by a part of a word.
    for extension in ("btree_gist", "btree_gin", "pg_trgm"):
        admin.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    name = sql.Identifier(database)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in ROLES:
        admin.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                name, sql.Identifier(f"winery_{role}")
            )
        )
    # It cannot log in; without this right it may not ask how large the database is.
    admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(DOOR)))
    admin.execute("GRANT USAGE, CREATE ON SCHEMA public TO winery_owner")
    admin.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {DOOR}")
    admin.execute("GRANT USAGE ON SCHEMA public TO winery_app, winery_worker, winery_backup")
    admin.execute("GRANT pg_read_all_data TO winery_backup")
