"""Vessels of every kind, of what they are made and what their jackets can; wine lies only in vessels of the cellar."""

from alembic import op

revision = "0027_vessels"
down_revision = "0026_imports"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE vessels
    ADD COLUMN material text,
    ADD COLUMN jacket text,
    DROP CONSTRAINT vessels_kind,
    ADD CONSTRAINT vessels_kind CHECK (kind IN ('tank', 'open_top', 'barrel', 'puncheon', 'foudre', 'egg', 'amphora', 'bin',
        'tote', 'keg', 'demijohn')),
    ADD CONSTRAINT vessels_material CHECK (material IN ('stainless_steel', 'oak', 'other_wood', 'concrete', 'clay',
        'fiberglass', 'plastic', 'glass')),
    ADD CONSTRAINT vessels_jacket CHECK (jacket IN ('none', 'cooling', 'heating', 'cooling_and_heating'));
"""

# Wine that comes into a vessel takes a lock on it that a deletion waits for (the foreign key's own lock is too weak for
# that), and a deletion looks for wine after it has the row: one of the two sees the other.
USED_VESSELS = """
CREATE FUNCTION hold_occupied_vessel() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM vessels v WHERE v.winery_id = NEW.winery_id AND v.id = NEW.vessel_id AND v.deleted_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'vessel % is deleted, or not in this winery', NEW.vessel_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'vessel_occupancies_living_vessel', TABLE = 'vessel_occupancies';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION keep_used_vessel() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM vessel_occupancies o WHERE o.winery_id = NEW.winery_id AND o.vessel_id = NEW.id
               AND NOT o.withdrawn AND (upper_inf(o.during) OR upper(o.during) > now())) THEN
        RAISE EXCEPTION 'wine lies in vessel %', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'vessels_in_use_stay', TABLE = 'vessels';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER vessel_occupancies_living_vessel BEFORE INSERT OR UPDATE OF vessel_id, during, withdrawn ON vessel_occupancies
    FOR EACH ROW WHEN (upper_inf(NEW.during) AND NOT NEW.withdrawn) EXECUTE FUNCTION hold_occupied_vessel();
CREATE TRIGGER vessels_in_use_stay AFTER UPDATE OF deleted_at ON vessels
    FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION keep_used_vessel();
"""

# A plan names its vessel by code, so it follows when the vessel is called otherwise.
PLANS = """
CREATE FUNCTION rename_planned_vessel() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE fermentations f SET vessel_code = NEW.code
        WHERE f.winery_id = NEW.winery_id AND f.status = 'planned' AND lower(f.vessel_code) = lower(OLD.code);
    RETURN NULL;
END $$;

CREATE TRIGGER vessels_of_plans AFTER UPDATE OF code ON vessels
    FOR EACH ROW WHEN (NEW.code <> OLD.code AND NEW.deleted_at IS NULL) EXECUTE FUNCTION rename_planned_vessel();
"""


def upgrade() -> None:
    """Add the columns and what the database keeps of itself; let shares of lots be put right."""
    op.execute(COLUMNS)
    op.execute(USED_VESSELS)
    op.execute(PLANS)
    op.execute("GRANT UPDATE (percentage, kg), DELETE ON fermentation_lot_sources TO winery_app")


def downgrade() -> None:
    """Remove them; a vessel of a kind that was not known before is a tank again."""
    op.execute("REVOKE UPDATE (percentage, kg), DELETE ON fermentation_lot_sources FROM winery_app")
    op.execute("DROP TRIGGER vessels_of_plans ON vessels")
    op.execute("DROP TRIGGER vessels_in_use_stay ON vessels")
    op.execute("DROP TRIGGER vessel_occupancies_living_vessel ON vessel_occupancies")
    for function in ("rename_planned_vessel", "keep_used_vessel", "hold_occupied_vessel"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("ALTER TABLE vessels NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE vessels SET kind = 'tank' WHERE kind NOT IN ('tank', 'barrel', 'bin')")
    op.execute("ALTER TABLE vessels FORCE ROW LEVEL SECURITY")
    op.execute(
        "ALTER TABLE vessels DROP COLUMN material, DROP COLUMN jacket, DROP CONSTRAINT vessels_kind,"
        " ADD CONSTRAINT vessels_kind CHECK (kind IN ('tank', 'barrel', 'bin'))"
    )
