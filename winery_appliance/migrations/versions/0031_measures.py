"""Numbers about the work of all wineries together, for whoever watches the appliance: counts and ages, nothing of a winery."""

from alembic import op

revision = "0031_measures"
down_revision = "0030_notifications"
branch_labels = None
depends_on = None

GRANTS = {
    "outbox": "(created_at, event, last_error)",
    "notices": "(created_at, attempts)",
    "samples": "(id, winery_id, received_at)",
    "anomalies": "(id, winery_id, severity, cleared_at)",
    "device_readings": "(winery_id, received_at)",
    "devices": "(id, winery_id, deleted_at)",
    "worker_heartbeats": "(seen_at)",
    "periodic_jobs": "(name, last_started_at, last_finished_at, last_error)",
    "huey_task": "",
}
POLICIES = ("samples", "anomalies", "device_readings", "devices")

# The time of an analysis is from the commit of a sample to the commit of what was made of it, of the last quarter of an hour.
DOOR = """
CREATE FUNCTION door_read_measures() RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
    SELECT jsonb_build_object(
        'outbox_pending', o.pending, 'outbox_oldest_s', coalesce(o.oldest_s, 0), 'outbox_failing', o.failing,
        'analysis_p50_s', a.p50, 'analysis_p95_s', a.p95, 'analyses', a.n,
        'queue_messages', (SELECT count(*) FROM huey_task),
        'samples_last_hour', (SELECT count(*) FROM samples s WHERE s.received_at > now() - interval '1 hour'),
        'readings_last_hour', (SELECT count(*) FROM device_readings r WHERE r.received_at > now() - interval '1 hour'),
        'notices_waiting', n.waiting, 'notices_oldest_s', coalesce(n.oldest_s, 0),
        'alarms', (SELECT coalesce(jsonb_object_agg(severity, c), '{}') FROM (
            SELECT severity, count(*) AS c FROM anomalies WHERE cleared_at IS NULL GROUP BY severity) by_severity),
        'worker_age_s', (SELECT extract(epoch FROM now() - max(seen_at)) FROM worker_heartbeats),
        'jobs', (SELECT coalesce(jsonb_object_agg(name, jsonb_build_object(
            'age_s', extract(epoch FROM now() - last_started_at), 'failed', last_error IS NOT NULL)), '{}') FROM periodic_jobs),
        'database_bytes', pg_database_size(current_database()),
        'now_s', extract(epoch FROM clock_timestamp()))
    FROM (SELECT count(*) FILTER (WHERE run_after <= now()) AS pending, count(*) FILTER (WHERE last_error IS NOT NULL) AS failing,
                 extract(epoch FROM now() - min(created_at) FILTER (WHERE run_after <= now())) AS oldest_s
          FROM outbox WHERE done_at IS NULL) o,
         (SELECT count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s) AS p50,
                 percentile_cont(0.95) WITHIN GROUP (ORDER BY took_s) AS p95
          FROM (SELECT extract(epoch FROM done_at - created_at) AS took_s FROM outbox
                WHERE event = 'SampleRecorded' AND created_at > now() - interval '1 hour'
                AND done_at > now() - interval '15 minutes') of_late) a,
         (SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at)) AS oldest_s FROM notices
          WHERE sent_at IS NULL AND dropped_at IS NULL AND (send_after <= now() OR attempts > 0)) n
$$;
REVOKE ALL ON FUNCTION door_read_measures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door_read_measures TO winery_app;
ALTER FUNCTION door_read_measures OWNER TO winery_door;
CREATE INDEX outbox_of_late ON outbox (created_at) WHERE event = 'SampleRecorded';
CREATE INDEX samples_of_late ON samples USING brin (received_at);
"""


def upgrade() -> None:
    """Make the door and what it reads by."""
    for table, columns in GRANTS.items():
        op.execute(f"GRANT SELECT {columns} ON {table} TO winery_door")
    for table in POLICIES:
        op.execute(f"CREATE POLICY door ON {table} FOR SELECT TO winery_door USING (true)")
    op.execute(DOOR)
    # A button of the status page lets what failed be tried at once.
    op.execute("GRANT UPDATE (run_after) ON outbox TO winery_app")


def downgrade() -> None:
    """Remove it."""
    op.execute("REVOKE UPDATE (run_after) ON outbox FROM winery_app")
    op.execute("SET LOCAL ROLE winery_door; DROP FUNCTION door_read_measures; RESET ROLE")
    op.execute("DROP INDEX outbox_of_late")
    op.execute("DROP INDEX samples_of_late")
    for table in POLICIES:
        op.execute(f"DROP POLICY door ON {table}")
    for table, columns in GRANTS.items():
        op.execute(f"REVOKE SELECT {columns} ON {table} FROM winery_door")  # noqa: S608 - names of ours
