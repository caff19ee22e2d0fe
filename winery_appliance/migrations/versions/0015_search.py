"""Search by a part of a code or name: trigram indexes, and the one door that may use them."""

from alembic import op

revision = "0015_search"
down_revision = "0014_notes"
branch_labels = None
depends_on = None

# Of each table: what is searched, which is also what its index holds, and the name that is shown.
SEARCHED = {
    "vessels": ("lower(code)", None, "code"),
    "fermentations": ("lower(code)", None, "code"),
    "harvest_lots": ("lower(code)", None, "code"),
    "vineyards": ("lower(code || ' ' || name)", "name", "code, name"),
    "vineyard_blocks": ("lower(code)", None, "code"),
}

# $1 is what was typed, $2 how many are wanted. Every character typed stands for itself.
BRANCH = """
    SELECT '{kind}' AS kind, {order} AS place, id, code, {name} AS name,
           CASE WHEN lower($1) IN (lower(code), lower({name})) THEN 0
                WHEN starts_with(lower(code), lower($1)) OR starts_with(lower({name}), lower($1)) THEN 1 ELSE 2 END AS rank
    FROM {table}
    WHERE winery_id = current_winery_id() AND deleted_at IS NULL
    AND {searched} LIKE '%' || replace(replace(replace(lower($1), '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%'
"""
BODY = """
SELECT kind, id, code, name, (ARRAY['exact', 'prefix', 'part'])[rank + 1] FROM ({branches}) found
ORDER BY rank, place, length(code), code, id LIMIT $2
"""


def _write_body() -> str:
    branches = "UNION ALL".join(
        BRANCH.format(
            kind=table.removesuffix("s"),
            order=order,
            name=name or "NULL::text",
            table=table,
            searched=searched,
        )
        for order, (table, (searched, name, _)) in enumerate(SEARCHED.items())
    )
    return BODY.format(branches=branches)


def upgrade() -> None:
    """Make the indexes and the door."""
    for table, (searched, _, shown) in SEARCHED.items():
        op.execute(
            f"CREATE INDEX {table}_search ON {table} USING gin (winery_id, ({searched}) gin_trgm_ops)"
            " WHERE deleted_at IS NULL"
        )
        op.execute(f"GRANT SELECT (id, winery_id, deleted_at, {shown}) ON {table} TO winery_door")
        op.execute(f"CREATE POLICY door ON {table} FOR SELECT TO winery_door USING (true)")
    op.execute(
        "CREATE FUNCTION door_search(text, integer) RETURNS TABLE (kind text, id bigint, code text, name text, match text)"
        f" LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $body$ {_write_body()} $body$"
    )
    op.execute("REVOKE ALL ON FUNCTION door_search FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION door_search TO winery_app")
    op.execute("ALTER FUNCTION door_search OWNER TO winery_door")


def downgrade() -> None:
    """Remove both."""
    op.execute("SET LOCAL ROLE winery_door; DROP FUNCTION door_search; RESET ROLE")
    for table in SEARCHED:
        op.execute(f"DROP POLICY door ON {table}")
        op.execute(f"REVOKE SELECT ON {table} FROM winery_door")  # noqa: S608 - names of ours
        op.execute(f"DROP INDEX {table}_search")
