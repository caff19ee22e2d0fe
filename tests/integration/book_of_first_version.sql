-- Two wineries as the first version kept them, with rows in every table it had.
INSERT INTO wineries (code, name, sugar_unit, time_zone) VALUES
    ('DEMO', 'Bodega Demo', 'brix', 'Europe/Madrid'), ('OTHER', 'Weingut Anders', 'oechsle', 'Europe/Vienna');
INSERT INTO users (winery_id, email, username, display_name, role, hashed_password, is_active, deleted_at)
    SELECT w.id, who || '@' || lower(w.code) || '.winery', CASE who WHEN 'ana' THEN NULL ELSE who || w.id END, initcap(who), role,
        %(hashed)s, who <> 'vera', CASE who WHEN 'vera' THEN timestamptz '2026-08-01 00:00+00' END
    FROM wineries w, (VALUES ('ana', 'owner'), ('marco', 'winemaker'), ('bruno', 'cellar'), ('vera', 'viewer')) p (who, role);
INSERT INTO user_sessions (winery_id, user_id, token_hash, expires_at, user_agent)
    SELECT winery_id, id, sha256(id::text::bytea), now() + interval '20 days', 'Tablet' FROM users;
INSERT INTO access_tokens (id, winery_id, user_id, expires_at, revoked_at)
    SELECT gen_random_uuid(), winery_id, id, now() + interval '1 hour', CASE role WHEN 'viewer' THEN now() END FROM users;
INSERT INTO sign_in_failures (login, address) VALUES ('nobody', '192.168.1.7');
INSERT INTO setup_codes (code_hash, used_at) VALUES ('\x01', now());
INSERT INTO vessels (winery_id, code, kind, capacity_l, position, deleted_at)
    SELECT w.id, v.code, kind, capacity_l, position, v.deleted_at::timestamptz FROM wineries w, (VALUES
        ('T-01', 'tank', 12000, 1, NULL), ('T-02', 'tank', 8000, 2, NULL), ('B-07', 'barrel', 225, NULL, NULL),
        ('T-01', 'bin', NULL, NULL, '2026-05-01 00:00+00')) v (code, kind, capacity_l, position, deleted_at);
INSERT INTO fermentations (winery_id, code, style, yeast_strain, status, started_at, ended_at, data_source, created_by, deleted_at)
    SELECT u.winery_id, f.code, style, 'EC-1118', status, started_at::timestamptz, ended_at::timestamptz, data_source, u.id,
        f.deleted_at::timestamptz
    FROM users u, (VALUES
        ('26-TEM-01', 'red', 'active', '2026-09-01 06:00+00', NULL, 'live', NULL),
        ('26-ALB-01', 'white', 'completed', '2026-08-20 06:00+00', '2026-09-05 18:00+00', 'live', NULL),
        ('26-ROS-01', 'rose', 'cancelled', '2026-08-25 06:00+00', '2026-08-25 07:00+00', 'live', NULL),
        ('25-TEM-01', 'red', 'completed', '2025-09-03 06:00+00', '2025-09-20 18:00+00', 'imported', NULL),
        ('26-TEM-01', 'orange', 'cancelled', '2026-08-30 06:00+00', '2026-08-31 06:00+00', 'live', '2026-08-31 06:00+00')
    ) f (code, style, status, started_at, ended_at, data_source, deleted_at) WHERE u.role = 'owner';
INSERT INTO vessel_occupancies (winery_id, vessel_id, fermentation_id, during)
    SELECT f.winery_id, v.id, f.id, tstzrange(f.started_at, f.ended_at) FROM fermentations f
    JOIN vessels v ON v.winery_id = f.winery_id AND v.deleted_at IS NULL
        AND v.code = CASE f.code WHEN '26-ALB-01' THEN 'T-02' WHEN '26-ROS-01' THEN 'B-07' ELSE 'T-01' END;
INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed, unit, qualifier, sample_temperature_c,
        value, measured_at, received_at, recorded_by, confirmed, body_hash)
    SELECT f.winery_id, f.id, gen_random_uuid(), kind, typed, unit, qualifier, NULL, value, f.started_at + n * interval '10 minutes',
        f.started_at + n * interval '11 minutes', u.id, n = 4, sha256((f.id || kind || n)::bytea)
    FROM fermentations f JOIN users u ON u.winery_id = f.winery_id AND u.role = 'cellar', generate_series(1, 4) n, (VALUES
        ('sugar', '24.0', 'brix', NULL, 1101.06), ('sugar', '1,085', 'sg', NULL, 1084.8), ('temperature', '24', 'celsius', NULL, 24),
        ('sugar', '-1.5', 'brix', '<', 992.5)) s (kind, typed, unit, qualifier, value) WHERE f.deleted_at IS NULL;
INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed, unit, sample_temperature_c, value,
        measured_at, received_at, recorded_by, body_hash)
    SELECT f.winery_id, f.id, %(client_uuid)s, 'sugar', '24,6', 'brix', 24.5, 1104.5, '2026-09-01 06:30+00', '2026-09-01 06:31+00',
        u.id, sha256(convert_to(replace(%(sent)s, '"FERMENTATION"', f.id::text), 'UTF8'))
    FROM fermentations f JOIN users u ON u.winery_id = f.winery_id AND u.role = 'cellar'
    JOIN wineries w ON w.id = f.winery_id AND w.code = 'DEMO' WHERE f.status = 'active';
INSERT INTO analyses (winery_id, fermentation_id, covers_samples) SELECT winery_id, id, 16 FROM fermentations;
INSERT INTO anomalies (winery_id, fermentation_id, analysis_id, type, severity, deviation_score, title, explanation, threshold,
        clears_when, evidence, since, cleared_at)
    SELECT a.winery_id, a.fermentation_id, a.id, type, severity, 1.4, 'Fermentation has stopped', 'The sugar stands.',
        '{"text": "0.5 °Bx a day", "value": 0.5, "unit": "brix_per_day"}', 'The sugar falls again.',
        ARRAY(SELECT id FROM samples s WHERE s.fermentation_id = a.fermentation_id), '2026-09-10 06:00+00', cleared::timestamptz
    FROM analyses a, (VALUES ('stuck', 'critical', NULL), ('temp_high', 'warning', '2026-09-11 06:00+00'), ('entry_error', 'info', NULL))
        t (type, severity, cleared);
INSERT INTO recommendations (winery_id, analysis_id, anomaly_type, action, instructions, reasoning, confidence)
    SELECT winery_id, id, 'stuck', 'Measure before you add anything.', ARRAY['Shake the gas out.', 'Read again.'], 'It helps.', 0.9
    FROM analyses;
INSERT INTO outbox (winery_id, event, subject, payload, request_id, attempts, last_error, done_at)
    SELECT winery_id, 'FermentationStarted', 'fermentation:' || id, jsonb_build_object('winery_id', winery_id, 'fermentation_id', id),
        'r-1', 1, 'OperationalError: away', CASE status WHEN 'active' THEN NULL ELSE now() END FROM fermentations;
INSERT INTO periodic_jobs (name, runs, last_started_at, last_finished_at) VALUES ('sweep_outbox', 812, now(), now());
INSERT INTO worker_heartbeats (worker, seen_at) VALUES ('cellar/812', now());
INSERT INTO huey_kv (queue, key, value) VALUES ('winery', 'k', '\x01');
INSERT INTO huey_schedule (queue, data, timestamp) VALUES ('winery', '\x01', 1);
INSERT INTO huey_task (queue, data) VALUES ('winery', '\x01');
INSERT INTO huey_counter (queue, key, value) VALUES ('winery', 'k', 1);
